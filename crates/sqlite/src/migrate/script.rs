//! The pending migrations as a script for the sqlite3 shell, bookkeeping included.

use super::{bookkeeping, file};
use mastra_core::migrate::{Migration, Pending};
use std::fmt::Write as _;

/// The script of what is pending.
pub(super) fn write(known: &[Migration], pending: &[Pending]) -> String {
    if pending.is_empty() {
        return "-- Nothing is pending.\n".to_owned();
    }
    let mut script =
        String::from("-- Run this with sqlite3 on the engine's file; the engine does it by itself when it opens it.\n.bail on\n");
    for migration in known.iter().filter(|migration| pending.iter().any(|pending| pending.version == migration.version())) {
        // Names and checksums hold no quotes: a file's name allows none.
        let _ = write!(
            script,
            "\nBEGIN IMMEDIATE;\nPRAGMA application_id = {};\n{};\n{}\nINSERT INTO schema_migrations (version, name, checksum, kind, \
             oldest_client, applied_at)\nVALUES ({}, '{}', '{}', '{}', {}, CAST(unixepoch('subsec') * 1000000 AS INTEGER));\nCOMMIT;\n",
            file::APPLICATION_ID,
            bookkeeping::CREATE_TABLE,
            migration.sql().trim_end(),
            migration.version(),
            migration.name(),
            migration.checksum(),
            migration.kind(),
            migration.oldest_client(),
        );
    }
    script
}
