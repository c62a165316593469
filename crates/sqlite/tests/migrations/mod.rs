//! Files to migrate, and migrations that this version does not have.
#![allow(dead_code, reason = "each test file uses its part")]

use mastra_core::migrate::{Migration, MigrationKind};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use std::path::Path;

/// The migrations of this version.
pub(crate) fn series() -> Vec<Migration> {
    mastra_sqlite::migrate::migrations().to_vec()
}

/// The migrations of a later version: those given and one more. A breaking one serves its own version only.
pub(crate) fn with(known: &[Migration], kind: MigrationKind, sql: &str) -> Vec<Migration> {
    let version = known.len() + 1;
    let oldest = match kind {
        MigrationKind::Additive => known.last().map_or(1, Migration::oldest_client),
        MigrationKind::Breaking => version as u32,
    };
    let text = format!("-- mastra: kind={kind} oldest_client={oldest}\n{sql}\n");
    let mut series = known.to_vec();
    series.push(Migration::parse(&format!("{version:04}_later.sql"), &text).unwrap());
    series
}

/// A connection to a file, created where it is missing.
pub(crate) async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

/// Runs a script on a file.
pub(crate) async fn run(path: &Path, script: &str) -> sqlx::Result<()> {
    let mut conn = open(path).await;
    let done = sqlx::raw_sql(AssertSqlSafe(script)).execute(&mut conn).await.map(drop);
    conn.close().await?;
    done
}

/// The tables of a file, by name.
pub(crate) async fn tables(path: &Path) -> Vec<String> {
    let mut conn = open(path).await;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1";
    let names = sqlx::query_scalar(tables).fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    names
}
