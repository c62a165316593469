//! One process at a time migrates a schema.

use super::options::{MigrateOptions, setting};
use crate::error::driver;
use crate::quote::Schema;
use mastra_core::migrate::{Progress, Step};
use mastra_core::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use std::time::{Duration, Instant};

/// How often the lock is tried.
const POLL: Duration = Duration::from_millis(100);
/// How often a wait is told.
const TELL: Duration = Duration::from_secs(1);

/// The advisory lock's key.
pub(super) fn key(schema: &Schema) -> i64 {
    schema.advisory_key("mastra engine migrations")
}

/// A second key, for the session that runs statements outside a transaction.
pub(super) fn session_key(schema: &Schema) -> i64 {
    !key(schema)
}

/// When patience ends, and since when it is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    since: Instant,
    timeout: Duration,
}

impl Patience {
    pub(super) fn new(options: &MigrateOptions) -> Self {
        Self { since: Instant::now(), timeout: options.timeout }
    }

    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.waited())
    }
}

/// The settings of every migration, for the length of its transaction.
pub(super) fn settings(schema: &Schema, lock_timeout: Duration) -> String {
    format!(
        "SET LOCAL search_path TO {}; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = 0",
        schema.quoted(),
        setting(lock_timeout),
    )
}

/// Begins a transaction that holds the lock, with the settings of a migration. The lock ends with it.
///
/// Each try is a transaction of its own, so that the one who waits holds no snapshot and no lock while it sleeps.
pub(super) async fn begin(
    conn: &mut PgConnection,
    schema: &Schema,
    options: &MigrateOptions,
    patience: &Patience,
    progress: Progress<'_>,
) -> Result<()> {
    // READ COMMITTED whatever the default is: what is read behind the lock must be what the one before us committed.
    let attempt = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {}; SELECT pg_try_advisory_xact_lock({}) AS mine",
        settings(schema, options.lock_timeout),
        key(schema)
    );
    let mut told: Option<Instant> = None;
    loop {
        let row = sqlx::raw_sql(AssertSqlSafe(attempt.as_str())).fetch_one(&mut *conn).await.map_err(driver)?;
        if row.try_get::<bool, _>("mine").map_err(driver)? {
            return Ok(());
        }
        execute(conn, "ROLLBACK").await?;
        wait(schema, patience, &mut told, progress).await?;
    }
}

/// Takes the second lock for a session. Its statements can go on after our process died and the first lock with it, so whoever
/// migrates next has to wait for the session itself.
pub(super) async fn hold_session(
    conn: &mut PgConnection,
    schema: &Schema,
    patience: &Patience,
    progress: Progress<'_>,
) -> Result<()> {
    let attempt = format!("SELECT pg_try_advisory_lock({}) AS mine", session_key(schema));
    let mut told: Option<Instant> = None;
    loop {
        let row = sqlx::raw_sql(AssertSqlSafe(attempt.as_str())).fetch_one(&mut *conn).await.map_err(driver)?;
        if row.try_get::<bool, _>("mine").map_err(driver)? {
            return Ok(());
        }
        wait(schema, patience, &mut told, progress).await?;
    }
}

/// Sleeps a little and tells of it now and then; `Timeout` where patience ended.
async fn wait(schema: &Schema, patience: &Patience, told: &mut Option<Instant>, progress: Progress<'_>) -> Result<()> {
    if patience.left().is_zero() {
        let message = "another process migrates this schema and was not done in time; run this again";
        return Err(Error::timeout(message).with("schema", schema.name()).with("waited_s", patience.waited().as_secs()));
    }
    if told.is_none_or(|told| told.elapsed() >= TELL) {
        *told = Some(Instant::now());
        progress(Step::Waiting { waited: patience.waited() });
    }
    tokio::time::sleep(POLL.min(patience.left())).await;
    Ok(())
}

/// A statement of our own, without values.
pub(super) async fn execute(conn: &mut PgConnection, sql: &'static str) -> Result<()> {
    sqlx::raw_sql(sql).execute(conn).await.map(|_| ()).map_err(driver)
}
