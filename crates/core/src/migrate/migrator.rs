//! What a backend offers to whoever migrates it.

use super::{Applied, Assessment};
use crate::engine::EngineInfo;
use crate::error::Result;
use async_trait::async_trait;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Hears of each [`Step`]; called from the task that migrates, so it should return at once.
pub type Progress<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// A [`Progress`] that says nothing: `migrator.apply(&silent)`.
pub fn silent(_: Step) {}

/// What a migrator is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Step {
    /// Another process migrates this schema; this one waits for its turn. Repeated while it waits.
    Waiting {
        /// For how long already.
        waited: Duration,
    },
    /// A migration begins.
    Applying {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// How many statements it has.
        statements: usize,
    },
    /// Another session holds a table that the migration needs; it was undone and is tried again.
    Blocked {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// For how long already.
        waited: Duration,
    },
    /// A migration is in place.
    Done {
        /// Its version.
        version: u32,
        /// Its name.
        name: String,
        /// How long it took.
        took: Duration,
    },
}

/// Brings one database's schema to the version that this client knows. Used as `Box<dyn Migrator>`.
#[async_trait]
pub trait Migrator: Send + Sync + fmt::Debug {
    /// Which backend and database this is.
    fn info(&self) -> &EngineInfo;

    /// How the schema stands to this client. Changes nothing, creates nothing.
    async fn plan(&self) -> Result<Assessment>;

    /// `Ok` where the schema is exactly this client's; `SchemaMismatch` where it is behind, ahead (also where it would serve this
    /// client) or was edited.
    async fn check(&self) -> Result<()> {
        self.plan().await?.check()
    }

    /// Applies what is pending and returns what this call applied, which is nothing where another process was faster.
    ///
    /// Each migration is one transaction with its bookkeeping, so a failure leaves the state before it; the error names the
    /// statement. `SchemaMismatch` where the history differs or a newer schema does not serve this client; `Timeout`, which a
    /// retry can help, where another session holds what the migration needs; `PermissionDenied` with the SQL to run.
    async fn apply(&self, progress: Progress<'_>) -> Result<Vec<Applied>>;

    /// What [`Migrator::apply`] would do as a script for a privileged role, bookkeeping included; a comment alone where nothing
    /// is pending.
    async fn sql(&self) -> Result<String>;
}
