//! What a database remembers of a migration.

use super::{Migration, MigrationKind};
use crate::time::Timestamp;
use serde::Serialize;

/// A row of the table `schema_migrations`: one migration that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// Its version.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The checksum of its text at that time, see [`Migration::checksum`].
    pub checksum: String,
    /// Whether it was additive or breaking.
    pub kind: MigrationKind,
    /// The oldest client that the schema serves since.
    pub oldest_client: u32,
    /// When.
    pub applied_at: Timestamp,
}

impl Applied {
    /// The row of a migration that was applied at that time.
    pub fn new(migration: &Migration, applied_at: Timestamp) -> Self {
        Self {
            version: migration.version(),
            name: migration.name().to_owned(),
            checksum: migration.checksum().to_owned(),
            kind: migration.kind(),
            oldest_client: migration.oldest_client(),
            applied_at,
        }
    }
}
