//! A fresh engine for each case.

use super::{backend::Backend, schema::Schema};
use mastra_conformance::TestEngine;
use mastra_core::{Engine, Error, Result};
use mastra_mock::MockEngine;
use mastra_postgres::PostgresEngine;
use mastra_sqlite::SqliteEngine;
use std::sync::Arc;

/// A fresh engine that nothing else uses.
pub(crate) async fn fresh(backend: Backend) -> Result<TestEngine> {
    match backend {
        Backend::Sqlite => sqlite().await,
        Backend::Postgres => postgres().await,
        _ => Ok(TestEngine::new(MockEngine::new().checked())),
    }
}

async fn sqlite() -> Result<TestEngine> {
    let directory = tempfile::tempdir().map_err(|source| Error::internal("no temporary directory").with_source(source))?;
    let path = directory.path().join("mastra.db");
    let open = move || {
        let path = path.clone();
        async move { Ok(Arc::new(SqliteEngine::builder(path).connect().await?) as Arc<dyn Engine>) }
    };
    Ok(TestEngine::from(open().await?).reopen(open).keep(directory))
}

async fn postgres() -> Result<TestEngine> {
    let schema = Schema::fresh()?;
    let open = {
        let Schema { url, name } = schema.clone();
        move || {
            let builder = PostgresEngine::builder(url.clone()).schema(name.clone()).auto_migrate(true).max_connections(6);
            async move { Ok(Arc::new(builder.connect().await?) as Arc<dyn Engine>) }
        }
    };
    let engine = open().await?;
    let closing = Arc::clone(&engine);
    let cleanup = async move {
        // Whatever the case left open ends with its connections.
        let _ = closing.close().await;
        schema.drop().await;
    };
    Ok(TestEngine::from(engine).reopen(open).cleanup(cleanup))
}
