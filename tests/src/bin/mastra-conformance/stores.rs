//! A fresh store of vectors for each case, beside its engine where it has one.

use super::{backend::Backend, schema::Schema};
use mastra_conformance::vectors::TestVectors;
use mastra_core::{
    Error, RecordId, Result,
    migrate::{Migrator as _, silent},
    vector::{CheckedVectors, VectorStore},
};
use mastra_doubles::Qdrant;
use mastra_mock::MockEngine;
use mastra_pgvector::PgVector;
use mastra_postgres::PostgresEngine;
use mastra_qdrant::QdrantVectors;
use mastra_sqlite::SqliteEngine;
use std::path::PathBuf;
use std::sync::Arc;

/// A fresh store that nothing else uses.
pub(crate) async fn fresh(backend: Backend) -> Result<TestVectors> {
    match backend {
        Backend::Sqlite => sqlite().await,
        Backend::Postgres => postgres(true).await,
        Backend::Pgvector => postgres(false).await,
        Backend::Qdrant => qdrant().await,
        Backend::Mock | Backend::Pinecone => {
            let engine = MockEngine::new();
            Ok(TestVectors::new(engine.vectors()).engine(Arc::new(engine.checked())))
        }
    }
}

async fn sqlite() -> Result<TestVectors> {
    async fn open(path: PathBuf) -> Result<Arc<dyn VectorStore>> {
        Ok(Arc::new(SqliteEngine::builder(path).connect().await?.inner().vectors()))
    }
    let directory = tempfile::tempdir().map_err(|source| Error::internal("no temporary directory").with_source(source))?;
    let path = directory.path().join("mastra.db");
    let engine = SqliteEngine::builder(&path).connect().await?;
    let vectors = engine.inner().vectors();
    Ok(TestVectors::new(vectors).engine(Arc::new(engine)).reopen(move || open(path.clone())).keep(directory))
}

async fn postgres(beside_an_engine: bool) -> Result<TestVectors> {
    let schema = Schema::fresh()?;
    mastra_pgvector::migrator(&schema.url, &schema.name).await?.apply(&silent).await?;
    let open = {
        let Schema { url, name } = schema.clone();
        move || {
            let builder = PgVector::builder(url.clone()).schema(name.clone()).max_connections(4);
            async move { Ok(Arc::new(builder.connect().await?) as Arc<dyn VectorStore>) }
        }
    };
    let (store, engine): (Arc<dyn VectorStore>, _) = if beside_an_engine {
        let builder = PostgresEngine::builder(schema.url.clone()).schema(schema.name.clone());
        let engine = builder.auto_migrate(true).max_connections(6).connect().await?;
        (Arc::new(PgVector::of(&engine).await?), Some(Arc::new(engine)))
    } else {
        (open().await?, None)
    };
    let closing = Arc::clone(&store);
    let cleanup = async move {
        let _ = closing.close().await;
        schema.drop().await;
    };
    let vectors = TestVectors::from(store).reopen(open).cleanup(cleanup);
    Ok(match engine {
        Some(engine) => vectors.engine(engine),
        None => vectors,
    })
}

async fn connect(url: &str, prefix: &str) -> Result<CheckedVectors<QdrantVectors>> {
    let mut builder = QdrantVectors::builder(url)?.prefix(prefix);
    if let Ok(key) = std::env::var("QDRANT_API_KEY") {
        builder = builder.api_key(key);
    }
    builder.connect().await
}

async fn qdrant() -> Result<TestVectors> {
    let opening = |url: String, prefix: String| {
        move || {
            let (url, prefix) = (url.clone(), prefix.clone());
            async move { Ok(Arc::new(connect(&url, &prefix).await?) as Arc<dyn VectorStore>) }
        }
    };
    let Ok(url) = std::env::var("QDRANT_URL") else {
        let double = Qdrant::start().await.map_err(|source| Error::internal("the double does not start").with_source(source))?;
        let open = opening(double.url(), String::new());
        return Ok(TestVectors::from(open().await?).reopen(open).keep(double));
    };
    // On a server every case has a prefix of its own, and takes its collections away.
    let prefix = format!("c{}_", RecordId::generate().as_uuid().simple());
    let open = opening(url, prefix);
    let last = open.clone();
    let cleanup = async move {
        // A case may have closed its store.
        let Ok(store) = last().await else { return };
        for index in store.list_indexes().await.unwrap_or_default() {
            if let Err(error) = store.delete_index(&index.name).await {
                eprintln!("warning: an index is left behind: {error}");
            }
        }
    };
    Ok(TestVectors::from(open().await?).reopen(open).cleanup(cleanup))
}
