//! The benchmark of vector stores on the reference, and on stores that answer wrongly.

use mastra_conformance::{
    bench::{BenchOptions, DataSet, Shape, Work, bench_vectors},
    vectors::{BrokenVectors, Mistake},
};
use mastra_core::vector::VectorStore;
use mastra_mock::MockEngine;
use std::sync::Arc;

fn data() -> DataSet {
    DataSet::generate(Shape { points: 600, dimension: 16, questions: 40 })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_finds_everything_and_keeps_nothing() {
    let store: Arc<dyn VectorStore> = Arc::new(MockEngine::new().vectors());
    let figures = bench_vectors(&store, &data(), &BenchOptions::default().batch(250)).await.unwrap();
    for work in Work::ALL {
        let figure = figures.get(work.name()).unwrap();
        let count = if work == Work::Upsert { 600 } else { 40 };
        assert_eq!(figure.count, count, "{}", figure.name);
        assert!(figure.s > 0.0 && (figure.per_s * figure.s - count as f64).abs() < 1e-6);
        assert_eq!(figure.recall, (work != Work::Upsert).then_some(1.0), "{}", figure.name);
    }
    assert!(figures.arc_dyn_call_us.is_finite());
    assert!(store.list_indexes().await.unwrap().is_empty(), "its index is deleted");
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["query_filtered_c16"]["recall@10"], 1.0);
    assert!(json["vector_upsert_hnsw"].get("recall@10").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_wrongly_is_refused_and_left_empty() {
    for mistake in [Mistake::IgnoresFilter, Mistake::OneHitTooMany, Mistake::LosesTheSecondHit, Mistake::CallsGuessesExact] {
        let store: Arc<dyn VectorStore> = Arc::new(BrokenVectors::new(MockEngine::new().vectors(), mistake));
        let refused = bench_vectors(&store, &data(), &BenchOptions::default()).await.map(drop);
        let message = refused.expect_err(&format!("{mistake:?}")).message().to_owned();
        assert!(message.starts_with("a wrong answer: "), "{mistake:?}: {message}");
        assert!(store.list_indexes().await.unwrap().is_empty(), "{mistake:?}: its index is deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_that_are_missed_lower_the_recall() {
    let store: Arc<dyn VectorStore> = Arc::new(BrokenVectors::new(MockEngine::new().vectors(), Mistake::MissesNeighbours));
    let figures = bench_vectors(&store, &data(), &BenchOptions::default()).await.unwrap();
    let recall = figures.get("query_top10_c1").and_then(|figure| figure.recall).unwrap();
    assert!((0.5..0.95).contains(&recall), "{recall}");
}
