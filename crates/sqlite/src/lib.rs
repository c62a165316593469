#![doc = include_str!("../README.md")]

mod args;
mod builder;
mod capabilities;
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
mod text;
mod unit;

pub use builder::SqliteEngineBuilder;
pub use store::{SqliteEngine, SqliteStore};

use mastra_core::{Checked, Result};

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

/// The word that stands for an entity in the text index.
fn scope(entity: i64) -> String {
    format!("e{entity}")
}
