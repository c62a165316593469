#![doc = include_str!("../README.md")]

// Every module but `server` belongs to the engine: gate it with `#[cfg(feature = "engine")]`.
#[cfg(feature = "engine")]
mod bulk;
#[cfg(feature = "engine")]
mod changes;
#[cfg(feature = "engine")]
mod config;
#[cfg(feature = "engine")]
mod delete;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod entities;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
mod explain;
#[cfg(feature = "engine")]
mod field_index;
#[cfg(feature = "engine")]
mod filter;
#[cfg(feature = "engine")]
#[doc(hidden)]
pub mod foundation;
#[cfg(feature = "engine")]
mod kept;
#[cfg(feature = "engine")]
mod lookup;
#[cfg(feature = "engine")]
pub mod migrate;
#[cfg(feature = "engine")]
mod operations;
#[cfg(feature = "engine")]
mod pool;
#[cfg(feature = "engine")]
mod pooler;
#[cfg(feature = "engine")]
mod query;
#[cfg(feature = "engine")]
mod quote;
#[cfg(feature = "engine")]
mod rows;
#[cfg(feature = "engine")]
mod store;
#[cfg(feature = "engine")]
mod sync;
#[cfg(feature = "engine")]
mod syncs;
#[cfg(feature = "engine")]
mod text;
#[cfg(feature = "engine")]
mod transacting;
#[cfg(feature = "engine")]
mod upsert;
#[cfg(feature = "engine")]
mod url;

#[cfg(feature = "engine")]
pub use self::{
    config::{DEFAULT_SCHEMA, PostgresEngineBuilder},
    engine::PostgresEngine,
    pooler::Pooler,
};

#[cfg(unix)]
pub mod server;

/// Connects to the engine in the database that a URL names, with the defaults of [`PostgresEngine::builder`].
///
/// ```no_run
/// # async fn example() -> mastra_core::Result<()> {
/// let engine = mastra_postgres::connect("postgres://app@localhost/app").await?;
/// # Ok(())
/// # }
/// ```
///
/// Creates nothing: where the schema is missing or too old it fails as `SchemaMismatch` with the command to run.
#[cfg(feature = "engine")]
pub async fn connect(url: &str) -> mastra_core::Result<mastra_core::Checked<PostgresEngine>> {
    PostgresEngine::builder(url).connect().await
}

/// A connection URL as the driver may see it: without the engine's own parameters, and without those that nothing reads, which
/// the driver would log with their values. `InvalidInput` for what is no URL of this engine.
///
/// ```
/// let url = mastra_postgres::driver_url("postgres://h/db?schema=app&sslmode=require")?;
/// assert_eq!(url, "postgres://h/db?sslmode=require");
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[cfg(feature = "engine")]
pub fn driver_url(url: &str) -> mastra_core::Result<String> {
    url::EngineUrl::parse(url).map(|parsed| parsed.rest)
}
