//! The published suite: alone, and beside an engine whose transactions it shares.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::TestSchema;
use mastra_conformance::vectors::TestVectors;
use mastra_core::vector::VectorStore;
use mastra_pgvector::PgVector;
use std::sync::Arc;

/// How to open the schema's vectors again.
fn reopening(schema: &TestSchema, vectors: TestVectors) -> TestVectors {
    let (url, name) = (schema.url.clone(), schema.name.clone());
    vectors.reopen(move || {
        let builder = PgVector::builder(url.clone()).schema(name.clone()).max_connections(4);
        async move { Ok(Arc::new(builder.connect().await?) as Arc<dyn VectorStore>) }
    })
}

mod concrete {
    use super::{TestSchema, TestVectors, reopening};

    async fn fresh() -> TestVectors {
        let schema = TestSchema::new().await;
        let store = schema.store().await;
        reopening(&schema, TestVectors::new(store)).keep(schema)
    }

    mastra_conformance::vector_store_suite!(fresh);
}

mod boxed {
    use super::{TestSchema, TestVectors, VectorStore, reopening};

    async fn fresh() -> TestVectors {
        let schema = TestSchema::new().await;
        let store = Box::new(schema.store().await) as Box<dyn VectorStore>;
        reopening(&schema, TestVectors::new(store)).keep(schema)
    }

    mastra_conformance::vector_store_suite!(fresh);
}

mod beside_an_engine {
    use super::{Arc, PgVector, TestSchema, TestVectors, VectorStore, reopening};

    async fn fresh() -> TestVectors {
        let schema = TestSchema::with_engine().await;
        let engine = schema.engine().await;
        let store = Arc::new(PgVector::of(&engine).await.unwrap()) as Arc<dyn VectorStore>;
        reopening(&schema, TestVectors::from(store)).engine(Arc::new(engine)).keep(schema)
    }

    mastra_conformance::vector_store_suite!(fresh);
}
