//! Migrations of the SQLite schema: what is pending and applying it.
//!
//! The engine migrates a file when it opens it, by `ensure`; [`SqliteMigrator`] is for those who want to look first. Several
//! processes may open a new file at once: each migration is one `BEGIN IMMEDIATE` with its row in `schema_migrations`, and
//! whoever comes second finds it applied.
//!
//! A file of ours carries [`APPLICATION_ID`] in its header, set with the first migration. A database without it that holds
//! anything belongs to another application, and is refused untouched.

mod bookkeeping;
mod embedded;
mod file;
mod migrator;
mod run;
mod script;

pub use file::APPLICATION_ID;
pub(crate) use file::refuse_foreign;
pub use migrator::{MigrateOptions, SqliteMigrator};
pub(crate) use run::{ensure, verify};

use mastra_core::migrate::Migration;

/// The migrations that this client knows, in order.
pub fn migrations() -> &'static [Migration] {
    embedded::MIGRATIONS
}
