//! What a migration says when it fails.

use crate::error::driver;
use mastra_core::migrate::{Migration, Statement};
use mastra_core::{Error, ErrorKind};

/// Whether another session holds what a statement needs: lock_not_available, deadlock_detected.
pub(super) fn is_blocked(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("55P03" | "40P01"))
}

/// A statement of a migration failed. `index` counts from 0.
pub(super) fn statement(migration: &Migration, index: usize, statement: &Statement<'_>, error: sqlx::Error) -> Error {
    let state = sqlstate(&error);
    let said = said(&error);
    let mapped = driver(error);
    let kind = match state.as_deref() {
        // duplicate_table, duplicate_object, duplicate_function, duplicate_schema
        Some("42P07" | "42710" | "42723" | "42P06") => ErrorKind::AlreadyExists,
        // A migration's statement speaks of nothing that a caller gave, so most codes mean that it does not fit this database.
        _ => match mapped.kind() {
            kind @ (ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::PermissionDenied | ErrorKind::Corrupt) => kind,
            _ => ErrorKind::Internal,
        },
    };
    let message = match (kind, migration.in_transaction()) {
        (ErrorKind::AlreadyExists, _) => "the schema holds something of that name that no migration made",
        (_, true) => "a statement of the migration failed; the schema is as it was before the migration",
        (_, false) => "a statement of the migration failed; those before it stay, and running it again is safe",
    };
    let mut failed = Error::new(kind, message)
        .retryable(mapped.is_retryable())
        .with("migration", migration.file_name())
        .with("statement", index + 1)
        .with("line", statement.line)
        .with("sql", statement.head());
    if let Some(state) = state {
        failed = failed.with("sqlstate", state);
    }
    if let Some(said) = said {
        failed = failed.with("server", said);
    }
    failed.with_source(mapped)
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The server's words, where they can only speak of names: class 42, syntax error or access rule violation. Other messages
/// may quote a row.
fn said(error: &sqlx::Error) -> Option<String> {
    let error = error.as_database_error()?;
    error.code()?.starts_with("42").then(|| error.message().to_owned())
}
