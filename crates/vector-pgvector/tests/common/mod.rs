//! A schema for each test, on the server that the environment names.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use mastra_core::{
    Checked,
    migrate::{Migrator as _, silent},
    vector::CheckedVectors,
};
use mastra_pgvector::{PgVector, PgVectorBuilder};
use mastra_postgres::{PostgresEngine, migrate::PostgresMigrator};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::sync::atomic::{AtomicU32, Ordering};

/// The shared server.
pub(crate) fn url() -> String {
    std::env::var("MASTRA_TEST_POSTGRES_URL").expect(
        "MASTRA_TEST_POSTGRES_URL names no Postgres server: `cargo xtask test` sets it, `cargo xtask services up` starts one",
    )
}

/// A schema with the registry of vectors, dropped with the value.
pub(crate) struct TestSchema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl TestSchema {
    /// A fresh schema without engine tables.
    pub(crate) async fn new() -> Self {
        Self::named(&fresh_name()).await
    }

    /// A schema of that name.
    pub(crate) async fn named(name: &str) -> Self {
        let schema = Self { url: url(), name: name.to_owned() };
        mastra_pgvector::migrator(&schema.url, name).await.unwrap().apply(&silent).await.unwrap();
        schema
    }

    /// A fresh schema with the engine's tables beside.
    pub(crate) async fn with_engine() -> Self {
        let schema = Self::new().await;
        PostgresMigrator::connect(&schema.url, &schema.name).await.unwrap().apply(&silent).await.unwrap();
        schema
    }

    pub(crate) fn builder(&self) -> PgVectorBuilder {
        PgVector::builder(self.url.clone()).schema(self.name.clone()).max_connections(4)
    }

    pub(crate) async fn store(&self) -> CheckedVectors<PgVector> {
        self.builder().connect().await.unwrap()
    }

    pub(crate) async fn engine(&self) -> Checked<PostgresEngine> {
        PostgresEngine::builder(self.url.clone()).schema(self.name.clone()).max_connections(4).connect().await.unwrap()
    }

    /// A connection beside the store, whose search path is the schema, then `public`.
    pub(crate) async fn connection(&self) -> PgConnection {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let name = self.name.replace('"', "\"\"");
        run(&mut conn, &format!("SET search_path = \"{name}\", public")).await;
        conn
    }
}

pub(crate) async fn run(conn: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.unwrap();
}

impl Drop for TestSchema {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.replace('"', "\"\""));
        // Dropping happens inside a runtime, where nothing may block on another one: a thread of its own may.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut conn) = PgConnection::connect(&url).await {
                    let drop = format!("SET lock_timeout = '5s'; DROP SCHEMA \"{name}\" CASCADE");
                    let _ = sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await;
                }
            });
        });
        let _ = dropped.join();
    }
}

/// A name that no other test uses.
pub(crate) fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", uuid::Uuid::now_v7().simple(), COUNT.fetch_add(1, Ordering::Relaxed))
}
