//! The embedded engine passes the suite, in a file and in memory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod in_a_file {
    use mastra_conformance::TestEngine;
    use mastra_core::{Engine, Result};
    use mastra_sqlite::SqliteEngine;
    use std::path::PathBuf;
    use std::sync::Arc;

    async fn open(path: PathBuf) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(SqliteEngine::builder(path).connect().await?))
    }

    async fn fresh() -> TestEngine {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mastra.db");
        let engine = open(path.clone()).await.unwrap();
        TestEngine::from(engine).reopen(move || open(path.clone())).keep(directory)
    }

    mastra_conformance::engine_suite!(fresh);
}

mod in_memory {
    use mastra_core::Engine;
    use std::sync::Arc;

    async fn fresh() -> Arc<dyn Engine> {
        Arc::new(mastra_sqlite::connect("sqlite::memory:").await.unwrap())
    }

    mastra_conformance::engine_suite!(fresh);
}
