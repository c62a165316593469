//! Where both sides get their stores, and what the hand-written one can do.

use mastra_core::{Engine, Result, vector::VectorStore};
use std::{collections::HashMap, future::Future, sync::Arc};
use uuid::Uuid;

/// A database that knowledge is measured on.
pub(super) trait Home: Sync {
    /// The hand-written twin.
    type Raw: RawKnowledge;

    /// The name of its tables in the documentation, and of its object in JSON.
    fn name(&self) -> &'static str;

    /// What the report says of the database.
    fn describe(&self) -> impl Future<Output = Result<Vec<(&'static str, String)>>> + Send;

    /// Whether neighbours are found by a graph, which can be built after a load.
    fn has_graph(&self) -> bool;

    /// An empty engine with its store of vectors; the number tells stores of one run apart.
    fn ours(&self, number: usize) -> impl Future<Output = Result<Stores>> + Send;

    /// Makes an empty index anew, without its graph.
    fn without_graph(&self, stores: &Stores, index: &str) -> impl Future<Output = Result<()>> + Send;

    /// Builds the graph of an index.
    fn build(&self, stores: &Stores, index: &str) -> impl Future<Output = Result<()>> + Send;

    /// Empty tables of the twin's, with or without a graph.
    fn raw(&self, number: usize, graph: bool) -> impl Future<Output = Result<Self::Raw>> + Send;

    /// Does now for both sides what the database would do at a moment of its own: statistics, vacuum.
    fn settle(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// Removes the stores of that number.
    fn remove(&self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

/// Our side, through its public interfaces.
#[derive(Debug, Clone)]
pub(super) struct Stores {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) vectors: Arc<dyn VectorStore>,
    /// The same store of vectors, by its own name.
    pub(super) pgvector: Option<Arc<mastra_core::vector::CheckedVectors<mastra_pgvector::PgVector>>>,
}

/// The hand-written side: a handle that tasks share.
pub(super) trait RawKnowledge: Clone + Send + Sync + 'static {
    /// Stores records and queues each, in one transaction. What is there is of a new generation then.
    fn load(&self, records: &[RawRecord]) -> impl Future<Output = Result<()>> + Send;

    /// Carries out what is queued, so many records at a time: claims under a lease, reads the records and the vectors that they have,
    /// writes points and acknowledges the changes in one transaction. Gives back how many points it wrote.
    fn index(&self, batch: usize, chunks: &Chunks) -> impl Future<Output = Result<usize>> + Send;

    /// Builds the graph, where there is one.
    fn build(&self) -> impl Future<Output = Result<()>> + Send;

    /// The best passages of current records, by both legs.
    fn search(&self, words: &str, vector: &[f32]) -> impl Future<Output = Result<Vec<RawPassage>>> + Send;

    /// The nearest, by looking at every point.
    fn nearest(&self, vector: &[f32]) -> impl Future<Output = Result<Vec<Place>>> + Send;

    /// The best by their words.
    fn said(&self, words: &str) -> impl Future<Output = Result<Vec<Place>>> + Send;

    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// How many each leg gives.
pub(super) const LEG: i64 = 100;
/// How many passages a search gives.
pub(super) const CANDIDATES: i64 = 20;
/// What is added to every rank.
pub(super) const RRF_K: f64 = 60.0;

/// A chunk by its document's name and its place in it.
pub(super) type Place = (String, i64);

/// The chunks of records, cut and embedded before anything is timed.
pub(super) type Chunks = HashMap<Uuid, Vec<RawChunk>>;

/// A record to store.
#[derive(Debug, Clone)]
pub(super) struct RawRecord {
    pub(super) id: Uuid,
    pub(super) external_id: String,
    /// A JSON object.
    pub(super) data: String,
}

/// A chunk to store.
#[derive(Debug, Clone)]
pub(super) struct RawChunk {
    pub(super) order: i64,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) headings: String,
    pub(super) hash: String,
    pub(super) text: String,
    /// Absent where the points that are there have it.
    pub(super) vector: Option<Vec<f32>>,
}

/// A passage that was found.
#[derive(Debug)]
#[allow(dead_code, reason = "reading all of it is the work that is measured")]
pub(super) struct RawPassage {
    pub(super) place: Place,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) headings: String,
    pub(super) text: String,
    pub(super) score: f64,
}
