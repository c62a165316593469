//! Where both sides get their stores of vectors, and what the hand-written one can do.

use mastra_conformance::bench::Among;
use mastra_core::{
    Result,
    vector::{NewPoint, VectorStore},
};
use std::{future::Future, sync::Arc};

/// A store of vectors that both sides are measured on.
pub(in crate::bench) trait VectorBackend: Sync {
    /// The hand-written twin.
    type Raw: RawVectors;

    /// What the report says of the store.
    fn describe(&self) -> impl Future<Output = Result<Vec<(&'static str, String)>>> + Send;

    /// An empty store; the number tells stores of one run apart.
    fn ours(&self, number: usize) -> impl Future<Output = Result<Arc<dyn VectorStore>>> + Send;

    /// An empty store of the twin's, with its indexes.
    fn raw(&self, number: usize, dimension: usize) -> impl Future<Output = Result<Self::Raw>> + Send;

    /// Does now for both stores what the database would do at a moment of its own: statistics, vacuum.
    fn settle(&self, number: usize) -> impl Future<Output = Result<()>> + Send;

    /// Removes the stores of that number.
    fn remove(&self, number: usize) -> impl Future<Output = Result<()>> + Send;
}

/// The hand-written side: a handle that tasks share.
pub(in crate::bench) trait RawVectors: Clone + Send + Sync + 'static {
    /// Points as this side takes them; made outside of what is timed.
    type Batch: Send + Sync;

    fn batch(points: &[NewPoint]) -> Self::Batch;

    fn upsert(&self, batch: &Self::Batch) -> impl Future<Output = Result<()>> + Send;

    /// The ten nearest, best first, with their distance and metadata.
    fn ask(&self, among: Among, question: &[f32]) -> impl Future<Output = Result<Vec<RawHit>>> + Send;

    /// Whether such a search looks at every point that matches.
    fn is_exact(among: Among) -> bool;

    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// A point that was found.
#[derive(Debug)]
#[allow(dead_code, reason = "reading all of it is the work that is measured")]
pub(in crate::bench) struct RawHit {
    pub(in crate::bench) id: String,
    pub(in crate::bench) distance: f64,
    pub(in crate::bench) metadata: serde_json::Value,
}
