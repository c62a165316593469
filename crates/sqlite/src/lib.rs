#![doc = include_str!("../README.md")]

mod args;
mod builder;
mod capabilities;
mod changes;
mod connection;
mod engine;
mod entities;
mod error;
mod fields;
mod filter;
mod finish;
mod index;
mod key;
mod location;
pub mod migrate;
mod packed;
mod records;
mod row;
mod shadow;
mod store;
mod syncs;
mod text;
mod unit;
mod vectors;

pub use builder::SqliteEngineBuilder;
pub use store::{SqliteEngine, SqliteStore};

use mastra_core::{Checked, Result, vector::CheckedVectors};

/// Opens the engine in the file that a URL names, with the defaults of [`SqliteEngine::builder`].
///
/// `sqlite:path`, `sqlite://path`, `sqlite:///absolute/path`, `file:path`, `sqlite::memory:`; `%20` stands for a blank, and
/// `?mode=ro` opens for reading only, `?mode=rw` refuses to create the file.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_core::{NewEntity, RecordStore as _};
///
/// let engine = mastra_sqlite::connect("sqlite::memory:").await?;
/// engine.create_entity(&NewEntity::new("Contacts", "crm")).await?;
/// # Ok(())
/// # }
/// ```
///
/// Errors: `InvalidInput` for a malformed URL or a file of another application, `NotFound` where the directory is missing,
/// `Corrupt` for a file that is no database, `PermissionDenied`, `SchemaMismatch` for a schema that this client cannot serve.
pub async fn connect(url: &str) -> Result<Checked<SqliteEngine>> {
    location::Location::parse(url)?.into_builder().connect().await
}

/// Opens the vectors in the file that a URL names, as [`connect`] opens its engine: both share the file.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_core::vector::{IndexSpec, NewPoint, Scope, VectorOperations as _, VectorQuery, VectorStore as _};
///
/// let store = mastra_sqlite::connect_vectors("sqlite::memory:").await?;
/// store.create_index(&IndexSpec::new("docs", 2)).await?;
/// let docs = Scope::index("docs");
/// store.upsert(&docs, &[NewPoint::new("a", [1.0, 0.0]), NewPoint::new("b", [0.0, 1.0])], &Default::default()).await?;
/// assert_eq!(store.query(&docs, &VectorQuery::vector([0.9, 0.1]).top_k(1)).await?.hits[0].id, "a");
/// # Ok(())
/// # }
/// ```
///
/// Errors: as of [`connect`].
pub async fn connect_vectors(url: &str) -> Result<CheckedVectors<SqliteEngine>> {
    Ok(connect(url).await?.inner().vectors())
}

/// The word that stands for an entity in the text index.
fn scope(entity: i64) -> String {
    format!("e{entity}")
}
