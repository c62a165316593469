//! A schema of its own for each test, on the server that `cargo xtask test` brings up.

use mastra_core::Checked;
use mastra_postgres::PostgresEngine;
use sqlx::PgPool;

/// A fresh schema on the test server.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    schema: String,
}

impl Postgres {
    /// A schema that no other test has. Panics where no server is named: a test never passes for want of one.
    #[allow(clippy::panic, reason = "a test without its server has failed")]
    pub async fn fresh(name: &str) -> Self {
        let Ok(url) = std::env::var("MASTRA_TEST_POSTGRES_URL") else {
            panic!("MASTRA_TEST_POSTGRES_URL names no server; `cargo xtask test` brings one up and sets it");
        };
        let id = mastra_core::RecordId::generate().as_uuid().simple().to_string();
        Self { url, schema: format!("test_{name}_{id}") }
    }

    /// The server's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The schema's name.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// An engine on the schema, migrated.
    #[allow(clippy::panic, reason = "a test without its server has failed")]
    pub async fn engine(&self) -> Checked<PostgresEngine> {
        match PostgresEngine::builder(&self.url).schema(&self.schema).auto_migrate(true).connect().await {
            Ok(engine) => engine,
            Err(error) => panic!("no engine on the test server: {error}"),
        }
    }

    /// Connections of one's own, past the engine.
    #[allow(clippy::panic, reason = "a test without its server has failed")]
    pub async fn pool(&self) -> PgPool {
        match PgPool::connect(&self.url).await {
            Ok(pool) => pool,
            Err(error) => panic!("the test server refuses connections: {error}"),
        }
    }

    /// Removes the schema. A test that failed leaves it for a look.
    pub async fn drop_schema(self) {
        let statement = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.schema);
        let _ = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&self.pool().await).await;
    }
}
