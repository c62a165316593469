//! A schema for each test, on the server that the environment names, and servers of a test's own.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

pub(crate) mod bouncer;

use mastra_core::{
    Checked,
    migrate::{Migrator as _, silent},
};
use mastra_postgres::{PostgresEngine, PostgresEngineBuilder, migrate::PostgresMigrator, server::PrivateServer};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::sync::atomic::{AtomicU32, Ordering};

/// The shared server.
pub(crate) fn url() -> String {
    std::env::var("MASTRA_TEST_POSTGRES_URL").expect(
        "MASTRA_TEST_POSTGRES_URL names no Postgres server: `cargo xtask test` sets it, `cargo xtask services up` starts one",
    )
}

/// A migrated schema, dropped with the value.
pub(crate) struct TestSchema {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl TestSchema {
    /// A fresh schema on the shared server.
    pub(crate) async fn new() -> Self {
        Self::on(&url(), &fresh_name()).await
    }

    /// A schema of that name on that server.
    pub(crate) async fn on(url: &str, name: &str) -> Self {
        let migrator = PostgresMigrator::connect(url, name).await.unwrap();
        migrator.apply(&silent).await.unwrap();
        Self { url: url.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn builder(&self) -> PostgresEngineBuilder {
        PostgresEngine::builder(self.url.clone()).schema(self.name.clone())
    }

    pub(crate) async fn engine(&self) -> Checked<PostgresEngine> {
        self.builder().connect().await.unwrap()
    }

    /// A connection beside the engine, whose search path is the schema.
    pub(crate) async fn connection(&self) -> PgConnection {
        let mut conn = PgConnection::connect(&self.url).await.unwrap();
        let name = self.name.replace('"', "\"\"");
        sqlx::raw_sql(AssertSqlSafe(format!("SET search_path = \"{name}\""))).execute(&mut conn).await.unwrap();
        conn
    }
}

impl Drop for TestSchema {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.replace('"', "\"\""));
        // Dropping happens inside a runtime, where nothing may block on another one: a thread of its own may.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                if let Ok(mut conn) = PgConnection::connect(&url).await {
                    let _ = sqlx::raw_sql(AssertSqlSafe(format!("SET lock_timeout = '5s'; DROP SCHEMA \"{name}\" CASCADE")))
                        .execute(&mut conn)
                        .await;
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

/// A server that only this test uses, removed with the value.
pub(crate) struct OwnServer {
    pub(crate) server: Option<PrivateServer>,
    _directory: tempfile::TempDir,
}

impl OwnServer {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = PrivateServer::builder(directory.path().join("pg"))
            // Whatever the server writes by itself would be taken for the engine's doing.
            .setting("autovacuum", "off")
            .setting("checkpoint_timeout", "1h")
            .setting("bgwriter_lru_maxpages", "0")
            .start()
            .unwrap();
        Self { server: Some(server), _directory: directory }
    }

    pub(crate) fn url(&self) -> String {
        self.server.as_ref().unwrap().url()
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let _ = server.remove();
        }
    }
}
