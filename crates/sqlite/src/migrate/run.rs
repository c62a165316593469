//! Applying one migration after the other, each in its transaction.

use super::{bookkeeping, file, migrations};
use crate::error::{Code, Mapped as _, statement};
use mastra_core::migrate::{Admission, Applied, Migration, Progress, Statement, Step, assess, silent, statements};
use mastra_core::{Error, ErrorKind, Result, time};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::time::{Duration, Instant};

/// Between two tries to begin, where the connection itself does not wait.
const POLL: Duration = Duration::from_millis(50);

/// Whether this client may work with the file: `SchemaMismatch` with the command to run where it is behind, was edited, or is
/// newer and serves this client no longer. A newer one that does warns, once a process.
pub(crate) async fn verify(conn: &mut SqliteConnection, namespace: &str) -> Result<Admission> {
    assess(migrations(), &bookkeeping::read(conn).await?).admit_with_warning(namespace)
}

/// Brings the file to the version that this client knows, then [`verify`].
pub(crate) async fn ensure(conn: &mut SqliteConnection, namespace: &str, patience: Duration) -> Result<Admission> {
    apply(conn, migrations(), patience, &silent).await?;
    verify(conn, namespace).await
}

/// Applies everything that is pending. `patience` is how long another process may hold the file.
pub(super) async fn apply(
    conn: &mut SqliteConnection,
    known: &[Migration],
    patience: Duration,
    progress: Progress<'_>,
) -> Result<Vec<Applied>> {
    let mut done = Vec::new();
    let since = Instant::now();
    // Where nothing is pending, nothing is locked.
    while !assess(known, &bookkeeping::read(conn).await?).to_apply()?.is_empty() {
        begin(conn, since, patience, progress).await?;
        match next(conn, known, progress).await {
            Ok(applied) => done.extend(applied),
            Err(error) => {
                // SQLite may have rolled back already, as it does on a full disk.
                let _ = sqlx::raw_sql("ROLLBACK").execute(conn).await;
                return Err(error);
            }
        }
    }
    Ok(done)
}

/// Takes the file's write lock, waiting for its present holder.
async fn begin(conn: &mut SqliteConnection, since: Instant, patience: Duration, progress: Progress<'_>) -> Result<()> {
    loop {
        match sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await {
            Ok(_) => return Ok(()),
            Err(error) if matches!(Code::of(&error), Some(Code::Busy | Code::BusySnapshot)) && since.elapsed() < patience => {
                progress(Step::Waiting { waited: since.elapsed() });
                tokio::time::sleep(POLL).await;
            }
            Err(error) => return Err(statement(error)),
        }
    }
}

/// Applies the first pending migration, if there still is one behind the lock, and commits.
async fn next(conn: &mut SqliteConnection, known: &[Migration], progress: Progress<'_>) -> Result<Option<Applied>> {
    let assessment = assess(known, &bookkeeping::read(conn).await?);
    let first = assessment.to_apply()?.first().map(|pending| pending.version);
    let Some(migration) = first.and_then(|version| known.iter().find(|migration| migration.version() == version)) else {
        sqlx::raw_sql("ROLLBACK").execute(conn).await.mapped()?;
        return Ok(None);
    };
    let started = Instant::now();
    let (version, name) = (migration.version(), migration.name().to_owned());
    let all: Vec<Statement<'_>> = statements(migration.sql()).collect();
    progress(Step::Applying { version, name: name.clone(), statements: all.len() });

    // Both go with the transaction: until the first migration is in place, the file stays anybody's.
    let prepare = format!("PRAGMA application_id = {}; {};", file::APPLICATION_ID, bookkeeping::CREATE_TABLE);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *conn).await.mapped()?;
    for (index, statement) in all.iter().enumerate() {
        let run = sqlx::raw_sql(AssertSqlSafe(statement.text)).execute(&mut *conn).await;
        run.map_err(|error| failed(migration, index, statement, error))?;
    }
    let applied = bookkeeping::insert(conn, migration, time::now()).await?;
    sqlx::raw_sql("COMMIT").execute(conn).await.mapped()?;
    progress(Step::Done { version, name, took: started.elapsed() });
    Ok(Some(applied))
}

/// A statement of a migration failed. `index` counts from 0.
fn failed(migration: &Migration, index: usize, at: &Statement<'_>, error: sqlx::Error) -> Error {
    let mapped = statement(error);
    let kind = match mapped.kind() {
        kind @ (ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::PermissionDenied | ErrorKind::Corrupt) => kind,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, "a statement of the migration failed; the file is as it was before the migration")
        .retryable(mapped.is_retryable())
        .with("migration", migration.file_name())
        .with("statement", index + 1)
        .with("line", at.line)
        .with("sql", at.head())
        .with_source(mapped)
}
