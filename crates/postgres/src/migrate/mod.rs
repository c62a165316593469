//! Migrations of the Postgres schema: what is pending, applying it, and the SQL of it for a role with more rights.
//!
//! [`PostgresMigrator`] works on a direct connection of its own. It refuses a connection pooler: a migration is a long
//! transaction with locks and settings, and its lock must not outlive its connection. Several processes may migrate at once:
//! each migration is applied once, under `pg_try_advisory_xact_lock`, polled. The blocking form would hold a snapshot while it
//! waits, which `CREATE INDEX CONCURRENTLY` of the process ahead would wait for in turn.
//!
//! Nothing waits behind a long reader for ever, and nobody waits long behind a migration that waits: `lock_timeout` is short,
//! and a migration that meets it is undone and tried again until [`MigrateOptions::timeout`].
//!
//! An ordinary connection runs no DDL at all: [`verify`] reads the table `schema_migrations`, in one round trip.

mod bookkeeping;
mod direct;
mod embedded;
mod failure;
mod lock;
mod migrator;
mod options;
mod privileges;
mod run;
mod script;
mod verify;

pub use migrator::PostgresMigrator;
pub use options::MigrateOptions;
pub use privileges::{grants, grants_for};
pub use verify::verify;
pub(crate) use verify::verify_schema;

use mastra_core::migrate::Migration;

/// A series of migrations, and the table that remembers which of them a schema has.
#[derive(Debug, Clone, Copy)]
pub struct MigrationSet {
    /// The migrations, in order.
    pub migrations: &'static [Migration],
    /// The table, which lies in the schema itself.
    pub table: &'static str,
    /// What a person runs to apply them.
    pub command: &'static str,
}

impl MigrationSet {
    /// The engine's.
    pub const ENGINE: Self =
        Self { migrations: embedded::MIGRATIONS, table: "schema_migrations", command: "mastra engine migrate" };
}

/// The migrations that this client knows, in order.
pub fn migrations() -> &'static [Migration] {
    embedded::MIGRATIONS
}
