//! Every store of vectors against every other and against core, in one process.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use mastra_conformance::vectors::vector_differential;
use mastra_core::vector::VectorStore;
use mastra_doubles::Qdrant;
use mastra_tests::postgres::Postgres;
use std::sync::Arc;

/// How many questions are asked of each store in a run.
const PAIRS: usize = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_stores_give_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("vectors.db").display());
    let postgres = Postgres::fresh("vector_stores").await;
    let qdrant = Qdrant::start().await.unwrap();
    let pgvector = mastra_pgvector::PgVector::builder(postgres.url()).schema(postgres.schema()).auto_migrate(true);
    let stores: Vec<(String, Arc<dyn VectorStore>)> = vec![
        ("mock".into(), Arc::new(mastra_mock::connect_vectors("mock://").await.unwrap())),
        ("sqlite".into(), Arc::new(mastra_sqlite::connect_vectors(&file).await.unwrap())),
        ("pgvector".into(), Arc::new(pgvector.connect().await.unwrap())),
        ("qdrant".into(), Arc::new(mastra_qdrant::connect(&qdrant.url()).await.unwrap())),
    ];
    if let Err(failure) = vector_differential(&stores, PAIRS).await {
        panic!("{failure}");
    }
    postgres.drop_schema().await;
}
