//! How to reach the server.

use crate::{migrate::SET, store::PgVector};
use mastra_core::{Result, vector::CheckedVectors};
use mastra_postgres::{Pooler, PostgresEngine, PostgresEngineBuilder, foundation::Database};
use sqlx::PgPool;
use std::time::Duration;

/// Settings of a [`PgVector`] that stands alone, and the way to connect it.
///
/// ```no_run
/// use mastra_pgvector::PgVector;
/// use std::time::Duration;
///
/// # async fn example() -> mastra_core::Result<()> {
/// let store = PgVector::builder("postgres://app@localhost/app?sslmode=verify-full")
///     .schema("vectors")
///     .max_connections(20)
///     .statement_timeout(Duration::from_secs(30))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct PgVectorBuilder {
    // Pools, poolers and timeouts are the engine's, whose tables are not asked for.
    inner: PostgresEngineBuilder,
}

impl PgVectorBuilder {
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self { inner: PostgresEngine::builder(url) }
    }

    pub(crate) fn from_pool(pool: PgPool) -> Self {
        Self { inner: PostgresEngine::from_pool(pool) }
    }

    /// Reads from another server, such as a streaming replica. What was just written may not be there yet.
    pub fn reader_url(mut self, url: impl Into<String>) -> Self {
        self.inner = self.inner.reader_url(url);
        self
    }

    /// The schema that holds the registry and the tables of indexes: `mastra` by default, or the URL's parameter `schema`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.inner = self.inner.schema(name);
        self
    }

    /// What stands between the store and the server: nothing by default, or what the URL's parameter `pooler` says.
    pub fn pooler(mut self, pooler: Pooler) -> Self {
        self.inner = self.inner.pooler(pooler);
        self
    }

    /// At most this many connections; 10 by default.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.inner = self.inner.max_connections(connections);
        self
    }

    /// How long a call waits for a free connection before it fails as `Timeout`; 30 seconds by default.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.inner = self.inner.acquire_timeout(timeout);
        self
    }

    /// How long one statement may run before the call fails as `Timeout`; the server's own setting by default.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.inner = self.inner.statement_timeout(timeout);
        self
    }

    /// What the server's lists of sessions show; `mastra` by default, or what the URL says.
    pub fn application_name(mut self, name: impl Into<String>) -> Self {
        self.inner = self.inner.application_name(name);
        self
    }

    /// Makes the registry, or brings it up to date, before connecting. Off by default: connecting creates nothing.
    pub fn auto_migrate(mut self, auto_migrate: bool) -> Self {
        self.inner = self.inner.auto_migrate(auto_migrate);
        self
    }

    /// Connects, and checks that the registry is one that this version serves.
    ///
    /// Errors: `InvalidInput` for a malformed URL or schema name, `SchemaMismatch` where the registry is missing, too old or too
    /// new, `Unavailable` where no server answers, `PermissionDenied`.
    pub async fn connect(self) -> Result<CheckedVectors<PgVector>> {
        let database =
            Database::connect(self.inner, SET).await.map_err(|error| error.with("migrate", "mastra_pgvector::migrate"))?;
        Ok(CheckedVectors::new(PgVector::on(database, false)))
    }
}
