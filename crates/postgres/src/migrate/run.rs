//! Applying one migration after the other, each in its transaction.

use super::lock::{self, Patience};
use super::migrator::Target;
use super::options::setting;
use super::{bookkeeping, direct, failure};
use crate::error::driver;
use mastra_core::migrate::{Applied, Migration, Progress, Statement, Step, assess, statements};
use mastra_core::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use std::time::{Duration, Instant};

/// How long a migration that met a held table stays away from it.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a migration did not come to its end.
enum Stopped {
    /// Another session holds a table; worth another try.
    Blocked(Error),
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Applies everything that is pending.
pub(super) async fn apply(conn: &mut PgConnection, target: &Target, progress: Progress<'_>) -> Result<Vec<Applied>> {
    let mut done = Vec::new();
    let patience = Patience::new(&target.options);
    // Where nothing is pending, nothing is locked and nobody is waited for.
    while !assess(&target.known, &bookkeeping::read(conn, &target.schema).await?).to_apply()?.is_empty() {
        match next(conn, target, &patience, progress).await {
            Ok(Some(applied)) => done.push(applied),
            // Another process was faster.
            Ok(None) => {}
            Err(stopped) => {
                // A broken connection cannot be rolled back, and need not be.
                let _ = lock::execute(conn, "ROLLBACK").await;
                let error = match stopped {
                    Stopped::Blocked(_) if !patience.left().is_zero() => {
                        tokio::time::sleep(PAUSE.min(patience.left())).await;
                        continue;
                    }
                    Stopped::Blocked(error) | Stopped::Failed(error) => error,
                };
                return Err(error);
            }
        }
    }
    Ok(done)
}

/// Takes the turn and applies the first pending migration, if there still is one.
async fn next(
    conn: &mut PgConnection,
    target: &Target,
    patience: &Patience,
    progress: Progress<'_>,
) -> Result<Option<Applied>, Stopped> {
    lock::begin(conn, &target.schema, &target.options, patience, progress).await?;
    let assessment = assess(&target.known, &bookkeeping::read(conn, &target.schema).await?);
    let first = assessment.to_apply()?.first().map(|pending| pending.version);
    let Some(migration) = first.and_then(|version| target.known.iter().find(|migration| migration.version() == version)) else {
        lock::execute(conn, "ROLLBACK").await?;
        return Ok(None);
    };
    let started = Instant::now();
    let (version, name) = (migration.version(), migration.name().to_owned());
    let all: Vec<Statement<'_>> = statements(migration.sql()).collect();
    progress(Step::Applying { version, name: name.clone(), statements: all.len() });

    let outcome = match prepare(conn, target).await {
        Ok(()) if migration.in_transaction() => run(conn, migration, &all, target).await,
        Ok(()) => run_alone(migration, &all, target, patience, progress).await,
        Err(error) => Err(error),
    };
    if let Err(Stopped::Blocked(_)) = &outcome {
        progress(Step::Blocked { version, name: name.clone(), waited: patience.waited() });
    }
    outcome?;
    let row = sqlx::raw_sql(AssertSqlSafe(bookkeeping::insert(&target.schema, migration))).fetch_one(&mut *conn).await;
    let applied_at = row.and_then(|row| row.try_get("applied_at")).map_err(driver)?;
    lock::execute(conn, "COMMIT").await?;
    progress(Step::Done { version, name, took: started.elapsed() });
    Ok(Some(Applied::new(migration, applied_at)))
}

/// The schema and the bookkeeping, where they are missing.
async fn prepare(conn: &mut PgConnection, target: &Target) -> Result<(), Stopped> {
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists, which an owner need not have.
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .persistent(false)
        .bind(target.schema.name())
        .fetch_one(&mut *conn)
        .await
        .map_err(driver)?;
    let mut sql = String::new();
    if !exists {
        sql = format!("CREATE SCHEMA IF NOT EXISTS {}; ", target.schema.quoted());
    }
    let table: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .persistent(false)
        .bind(&target.schema.migrations)
        .fetch_one(&mut *conn)
        .await
        .map_err(driver)?;
    if !table {
        sql.push_str(&bookkeeping::create_table(&target.schema));
    }
    if !sql.is_empty() {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.map_err(driver)?;
    }
    Ok(())
}

/// The statements, inside the transaction that holds the lock.
async fn run(conn: &mut PgConnection, migration: &Migration, all: &[Statement<'_>], target: &Target) -> Result<(), Stopped> {
    for (index, statement) in all.iter().enumerate() {
        if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statement.text)).execute(&mut *conn).await {
            return Err(stopped(migration, index, statement, error, target));
        }
    }
    Ok(())
}

/// The statements one by one on a connection of their own, while the transaction on the other one holds the lock. It holds
/// nothing else and no snapshot between its statements, so `CREATE INDEX CONCURRENTLY` does not wait for it.
async fn run_alone(
    migration: &Migration,
    all: &[Statement<'_>],
    target: &Target,
    patience: &Patience,
    progress: Progress<'_>,
) -> Result<(), Stopped> {
    let mut conn = direct::connect(&target.connect).await?;
    lock::hold_session(&mut conn, &target.schema, patience, progress).await?;
    // Such statements hold up nobody while they wait, so they may use all the time that is left.
    let settings = format!(
        "SET search_path TO {}; SET lock_timeout = {}; SET statement_timeout = 0",
        target.schema.quoted(),
        setting(patience.left().max(target.options.lock_timeout)),
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut conn).await.map_err(driver)?;
    run(&mut conn, migration, all, target).await
}

fn stopped(migration: &Migration, index: usize, statement: &Statement<'_>, error: sqlx::Error, target: &Target) -> Stopped {
    if !failure::is_blocked(&error) {
        return Stopped::Failed(failure::statement(migration, index, statement, error));
    }
    let message = "other sessions hold a table that the migration needs, probably in a long transaction; nothing was changed; \
                   run this again";
    let error = Error::timeout(message)
        .with("schema", target.schema.name())
        .with("migration", migration.file_name())
        .with("statement", index + 1)
        .with("sql", statement.head())
        .with_source(driver(error));
    Stopped::Blocked(error)
}
