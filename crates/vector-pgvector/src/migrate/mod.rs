//! The migrations of the registry: a series of its own, which needs no engine tables.

mod embedded;

use mastra_core::{
    Result,
    migrate::{Applied, Migration, Migrator as _, silent},
};
use mastra_postgres::{
    DEFAULT_SCHEMA,
    foundation::MigrationSet,
    migrate::{PostgresMigrator, grants_for},
};

/// The series, and the table that remembers it.
pub(crate) const SET: MigrationSet =
    MigrationSet { migrations: embedded::MIGRATIONS, table: "vector_migrations", command: "mastra vectors migrate" };

/// The migrations that this client knows, in order.
pub fn migrations() -> &'static [Migration] {
    SET.migrations
}

/// A migrator of the registry, for plans, progress and the SQL that a privileged role can run. `mastra` is the usual schema.
///
/// The URL has to lead to the server itself, not to a connection pooler.
pub async fn migrator(url: &str, schema: &str) -> Result<PostgresMigrator> {
    PostgresMigrator::connect_for(url, schema, SET).await
}

/// The SQL that lets a role run everything but migrations and index administration, also on the indexes that the schema's owner makes
/// later. The owner runs it, after migrating.
///
/// ```
/// let sql = mastra_pgvector::grants("mastra", "app")?;
/// assert!(sql.contains("GRANT USAGE ON SCHEMA \"mastra\" TO \"app\";"));
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn grants(schema: &str, role: &str) -> Result<String> {
    grants_for(schema, role, SET)
}

/// Makes the registry in the schema `mastra`, or brings it up to date.
///
/// ```no_run
/// # async fn example() -> mastra_core::Result<()> {
/// mastra_pgvector::migrate("postgres://owner@localhost/app").await?;
/// # Ok(())
/// # }
/// ```
pub async fn migrate(url: &str) -> Result<Vec<Applied>> {
    migrator(url, DEFAULT_SCHEMA).await?.apply(&silent).await
}
