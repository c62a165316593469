//! The published suite.

#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![cfg(feature = "engine")]

mod common;

use common::TestSchema;
use mastra_conformance::TestEngine;
use mastra_core::Engine;
use std::sync::Arc;

mastra_conformance::engine_suite!(|| async {
    let schema = TestSchema::new().await;
    let (url, name) = (schema.url.clone(), schema.name.clone());
    let reopen = move || {
        let (url, name) = (url.clone(), name.clone());
        async move {
            let engine = mastra_postgres::PostgresEngine::builder(url).schema(name).max_connections(4).connect().await?;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        }
    };
    let engine = reopen().await.unwrap();
    TestEngine::from(engine).reopen(reopen).keep(schema)
});
