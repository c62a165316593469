#![doc = include_str!("../README.md")]

mod adopt;
mod build;
mod builder;
mod choose;
mod ddl;
mod extension;
mod index;
mod migrate;
mod operations;
mod read;
mod refusal;
mod registry;
mod search;
mod settle;
mod store;
mod wire;
mod words;
mod write;

pub use adopt::{Adoption, Columns};
pub use build::{BuildOptions, BuildProgress, Tell};
pub use builder::PgVectorBuilder;
pub use mastra_postgres::Pooler;
pub use migrate::{grants, migrate, migrations, migrator};
pub use store::PgVector;

/// Connects to the vectors in the database that a URL names, with the defaults of [`PgVector::builder`].
///
/// Creates nothing: where the registry is missing it fails as `SchemaMismatch`, and [`migrate()`] makes it.
///
/// ```no_run
/// # async fn example() -> mastra_core::Result<()> {
/// let store = mastra_pgvector::connect("postgres://app@localhost/app").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: &str) -> mastra_core::Result<mastra_core::vector::CheckedVectors<PgVector>> {
    PgVector::connect(url).await
}
