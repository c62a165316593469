//! Every store of vectors against every other and against core, in one process.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use mastra_conformance::vectors::vector_differential;
use mastra_core::{
    Filter,
    vector::{IndexSpec, NewPoint, Scope, ScrollQuery, VectorQuery, VectorStore},
};
use mastra_doubles::Qdrant;
use mastra_tests::postgres::Postgres;
use std::sync::Arc;

/// How many questions are asked of each store in a run.
const PAIRS: usize = 2_000;

/// Every store, empty.
async fn stores(folder: &tempfile::TempDir, postgres: &Postgres, qdrant: &Qdrant) -> Vec<(String, Arc<dyn VectorStore>)> {
    let file = format!("sqlite:{}", folder.path().join("vectors.db").display());
    let pgvector = mastra_pgvector::PgVector::builder(postgres.url()).schema(postgres.schema()).auto_migrate(true);
    vec![
        ("mock".into(), Arc::new(mastra_mock::connect_vectors("mock://").await.unwrap())),
        ("sqlite".into(), Arc::new(mastra_sqlite::connect_vectors(&file).await.unwrap())),
        ("pgvector".into(), Arc::new(pgvector.connect().await.unwrap())),
        ("qdrant".into(), Arc::new(mastra_qdrant::connect(&qdrant.url()).await.unwrap())),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_stores_give_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::fresh("vector_stores").await;
    let qdrant = Qdrant::start().await.unwrap();
    let stores = stores(&folder, &postgres, &qdrant).await;
    if let Err(failure) = vector_differential(&stores, PAIRS).await {
        panic!("{failure}");
    }
    postgres.drop_schema().await;
}

#[tokio::test]
async fn all_that_there_is_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::fresh("vector_stores").await;
    let qdrant = Qdrant::start().await.unwrap();
    let docs = Scope::index("docs");
    for (name, store) in stores(&folder, &postgres, &qdrant).await {
        store.create_index(&IndexSpec::new("docs", 2)).await.unwrap();
        let points = ["a", "b", "c"].map(|id| NewPoint::new(id, [1.0, 0.0]).text("word"));
        store.upsert(&docs, &points, &Default::default()).await.unwrap();
        for filter in [Filter::all(), Filter::from_json(&serde_json::json!({"x": {"$not": {"$regex": "y"}}})).unwrap()] {
            let page = store.scroll(&docs, &ScrollQuery::new().limit(usize::MAX).filter(filter.clone())).await.unwrap();
            assert_eq!((page.items.len(), page.next_cursor), (3, None), "{name}");
            for query in [VectorQuery::vector([1.0, 0.0]), VectorQuery::hybrid([1.0, 0.0], "word")] {
                let answer = store.query(&docs, &query.top_k(usize::MAX).filter(filter.clone())).await.unwrap();
                assert_eq!(answer.hits.len(), 3, "{name}");
            }
        }
    }
    postgres.drop_schema().await;
}
