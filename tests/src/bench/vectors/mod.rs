//! Stores of vectors beside hand-written code, recall beside every figure.

mod backend;
mod pgvector;
mod qdrant;
mod raw_pgvector;
mod raw_qdrant;
mod raw_sqlite;
mod round_trips;
mod runner;
mod sqlite;

pub(super) use pgvector::Pgvector;
pub(super) use qdrant::Qdrant;
pub(super) use raw_pgvector::Embedding;
pub(super) use raw_sqlite::cosine_distance;
pub(super) use sqlite::SqliteVectors;

use super::{
    measure::{Figures, Measure},
    options::Options,
};
pub(super) use backend::VectorBackend;
use mastra_conformance::bench::{BenchOptions, DataSet, Shape, Truth, Work, arc_dyn_call};
use mastra_core::Result;
use runner::Round;

pub(super) use round_trips::measure as round_trips;

/// The most that a call may take longer through the trait object and its checks, in microseconds.
const ARC_DYN_CALL: f64 = 20.0;

/// What the rounds found.
#[derive(Debug, Default)]
pub(super) struct Vectors {
    pub(super) points: usize,
    pub(super) dimension: usize,
    pub(super) questions: usize,
    pub(super) batch: usize,
    pub(super) rounds: usize,
    /// How neighbours are found.
    pub(super) kind: &'static str,
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) figures: Figures,
    pub(super) measures: Vec<Measure>,
}

/// Whether the command line asks for a figure of vectors.
pub(super) fn are_wanted(options: &Options) -> bool {
    options.only.is_empty() || options.only.iter().any(|only| Work::ALL.iter().any(|work| work.name() == only))
}

/// The points of the folder, made where it has none; at most so many.
pub(super) fn data(options: &Options, most: usize) -> Result<DataSet> {
    if !DataSet::is_in(&options.data) {
        DataSet::generate(Shape::default()).save(&options.data)?;
        eprintln!("wrote vectors to measure with into {}", options.data.display());
    }
    let data = DataSet::load(&options.data)?;
    Ok(data.first(options.points.unwrap_or(most), usize::MAX))
}

/// All rounds on one backend.
pub(super) async fn rounds<B: VectorBackend>(backend: &B, options: &Options, data: &DataSet) -> Result<Vectors> {
    let truth = Truth::of(data)?;
    let (bench, mut figures, mut kind) = (BenchOptions::default(), Figures::default(), "");
    for number in 0..usize::from(options.vector_rounds) {
        eprintln!("vectors: round {} of {}", number + 1, options.vector_rounds);
        let only = &options.only;
        let mut round = Round { backend, number, data, truth: &truth, options: &bench, only, figures: &mut figures };
        let ran = round.run().await;
        if ran.is_err() {
            // Whatever failed, nothing stays behind.
            backend.remove(number).await?;
        }
        kind = ran?;
    }
    let arc_dyn_call = Measure {
        name: "arc_dyn_call",
        value: arc_dyn_call(data.dimension()).await?,
        unit: "µs",
        at_most: Some(ARC_DYN_CALL),
        note: "what a query takes longer through `Arc<dyn VectorStore>` and its checks, on a store that does nothing".into(),
    };
    Ok(Vectors {
        points: data.points().len(),
        dimension: data.dimension(),
        questions: data.questions().len(),
        batch: bench.batch,
        rounds: options.vector_rounds.into(),
        kind,
        about: backend.describe().await?,
        figures,
        measures: vec![arc_dyn_call],
    })
}
