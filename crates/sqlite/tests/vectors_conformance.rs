//! The vectors of the embedded engine pass the suite, in a file and in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod in_a_file {
    use mastra_conformance::vectors::TestVectors;
    use mastra_core::{Result, vector::VectorStore};
    use mastra_sqlite::SqliteEngine;
    use std::path::PathBuf;
    use std::sync::Arc;

    async fn open(path: PathBuf) -> Result<Arc<dyn VectorStore>> {
        Ok(Arc::new(SqliteEngine::builder(path).connect().await?.inner().vectors()))
    }

    async fn fresh() -> TestVectors {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mastra.db");
        let engine = SqliteEngine::builder(&path).connect().await.unwrap();
        let vectors = engine.inner().vectors();
        TestVectors::new(vectors).engine(Arc::new(engine)).reopen(move || open(path.clone())).keep(directory)
    }

    mastra_conformance::vector_store_suite!(fresh);
}

mod in_memory {
    use mastra_conformance::vectors::TestVectors;
    use std::sync::Arc;

    async fn fresh() -> TestVectors {
        let engine = mastra_sqlite::connect("sqlite::memory:").await.unwrap();
        let vectors = engine.inner().vectors();
        TestVectors::new(vectors).engine(Arc::new(engine))
    }

    mastra_conformance::vector_store_suite!(fresh);
}
