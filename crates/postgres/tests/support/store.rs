//! Storing documents, and engines whose sessions plan in a certain way.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used)]

use crate::common::TestSchema;
use mastra_core::{Checked, EntityId, NewEntity, NewRecord, RecordStore, UpsertOptions};
use mastra_postgres::PostgresEngine;
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Stores the documents, each under its position, in an entity of their own.
pub(crate) async fn store(engine: &impl RecordStore, documents: &[Value]) -> EntityId {
    let entity = engine.create_entity(&NewEntity::new("Documents", "tests")).await.unwrap();
    let records: Vec<_> = documents.iter().enumerate().map(|(at, data)| NewRecord::new(at.to_string(), data.clone())).collect();
    engine.upsert_records(&entity.id.into(), &records, &UpsertOptions::default()).await.unwrap();
    entity.id
}

/// An engine whose sessions have these settings, so that the planner takes plans for a small table which it would for a large one.
pub(crate) async fn engine_with(schema: &TestSchema, settings: &[(&str, &str)]) -> Checked<PostgresEngine> {
    let options: PgConnectOptions = schema.url.parse().unwrap();
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(options.options(settings.iter().copied()));
    PostgresEngine::from_pool(pool).schema(schema.name.clone()).connect().await.unwrap()
}
