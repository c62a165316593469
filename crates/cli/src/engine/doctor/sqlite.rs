//! Examining a SQLite file. Nothing is written.

use super::{Findings, assess, expected};
use crate::{
    output::text,
    resolve::{Choice, Origin},
};
use mastra_core::{Error, Result};
use mastra_sqlite::migrate::APPLICATION_ID;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::path::Path;

/// What the library says that it is.
pub(super) async fn version(file: &Path) -> Result<String> {
    let mut connection = open(file).await?;
    let version: String = one(&mut connection, "SELECT sqlite_version()").await?;
    connection.close().await.map_err(failed)?;
    Ok(format!("SQLite {version}"))
}

pub(super) async fn examine(choice: &Choice, file: &Path, findings: &mut Findings) -> Result<()> {
    if !file.exists() {
        let (found, cure) = (format!("{} is not there yet", file.display()), "mastra quickstart\nmastra engine migrate");
        match choice.origin() {
            // Nobody named it: the first command that writes makes it.
            Origin::Default => findings.warning("reachable", found, cure),
            _ => findings.problem("reachable", found, cure),
        }
        return Ok(());
    }
    let mut connection = match open(file).await {
        Ok(connection) => connection,
        Err(error) => {
            findings.problem("reachable", error.to_string(), format!("ls -l {}", file.display()));
            return Ok(());
        }
    };
    let version: String = one(&mut connection, "SELECT sqlite_version()").await?;
    findings.good("version", format!("SQLite {version}"));

    let quick: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(10)")
        .fetch_all(&mut connection)
        .await
        .unwrap_or_else(|error| vec![error.to_string()]);
    if quick == ["ok"] {
        findings.good("integrity", "quick_check finds nothing");
    } else {
        let cure = format!("sqlite3 {0} .recover | sqlite3 recovered.db, or restore a backup", file.display());
        findings.problem("integrity", quick.join("; "), cure);
        return Ok(());
    }
    let application: i64 = one(&mut connection, "PRAGMA application_id").await?;
    let tables: i64 = one(&mut connection, "SELECT count(*) FROM sqlite_schema").await?;
    if application != i64::from(APPLICATION_ID) && tables > 0 {
        findings.problem("application", "the file belongs to another application", "--engine with another file");
        return Ok(());
    }
    assess(choice, findings).await?;

    let mode: String = one(&mut connection, "PRAGMA journal_mode").await?;
    if mode == "wal" {
        findings.good("journal mode", "wal: readers and the writer do not wait for one another");
    } else {
        findings.warning(
            "journal mode",
            format!("{mode}, not wal"),
            format!("sqlite3 {} 'PRAGMA journal_mode=WAL'", file.display()),
        );
    }
    let orphans: i64 = one(&mut connection, "SELECT count(*) FROM pragma_foreign_key_check").await?;
    if orphans == 0 {
        findings.good("foreign keys", "every row has its parent");
    } else {
        findings.problem(
            "foreign keys",
            format!("{orphans} rows refer to rows that are not there"),
            format!("sqlite3 {} 'PRAGMA foreign_key_check'", file.display()),
        );
    }
    indexes(&mut connection, file, findings).await?;
    size(&mut connection, file, findings).await?;
    connection.close().await.map_err(failed)
}

async fn indexes(connection: &mut SqliteConnection, file: &Path, findings: &mut Findings) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'index'")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    if !tables.iter().any(|table| table == "records") {
        return Ok(());
    }
    let expected = expected::indexes(mastra_sqlite::migrate::migrations());
    let missing: Vec<_> = expected.iter().filter(|index| !names.contains(&index.name)).collect();
    if missing.is_empty() {
        findings.good("indexes", format!("all {} of the schema are there", expected.len()));
    }
    for index in missing {
        findings.problem(
            "indexes",
            format!("{} is missing", index.name),
            format!("sqlite3 {} '{}'", file.display(), index.statement),
        );
    }
    Ok(())
}

async fn size(connection: &mut SqliteConnection, file: &Path, findings: &mut Findings) -> Result<()> {
    let pages: i64 = one(connection, "PRAGMA page_count").await?;
    let free: i64 = one(connection, "PRAGMA freelist_count").await?;
    let bytes: i64 = one(connection, "PRAGMA page_size").await?;
    let size = mebibytes(pages.saturating_mul(bytes));
    if pages > 25_000 && free > pages / 2 {
        findings.warning(
            "size",
            format!("{size}, of which more than half is free"),
            format!("sqlite3 {} VACUUM", file.display()),
        );
    } else {
        findings.good("size", size);
    }
    let log = std::path::PathBuf::from(format!("{}-wal", file.display()));
    let length = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
    if length > 1 << 30 {
        let found = format!(
            "the write-ahead log holds {}: something reads or writes without an end",
            mebibytes(i64::try_from(length).unwrap_or(i64::MAX))
        );
        findings.warning("write-ahead log", found, format!("sqlite3 {} 'PRAGMA wal_checkpoint(TRUNCATE)'", file.display()));
    }
    Ok(())
}

fn mebibytes(bytes: i64) -> String {
    format!("{} MiB", text::count(u64::try_from(bytes).unwrap_or_default().div_ceil(1 << 20)))
}

async fn open(file: &Path) -> Result<SqliteConnection> {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(false)
        .pragma("query_only", "ON")
        .disable_statement_logging()
        .connect()
        .await
        .map_err(failed)
}

async fn one<T>(connection: &mut SqliteConnection, statement: &'static str) -> Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
{
    sqlx::query_scalar(statement).fetch_one(connection).await.map_err(failed)
}

fn failed(source: sqlx::Error) -> Error {
    let said =
        source.as_database_error().map_or_else(|| "the file cannot be opened".to_owned(), |error| error.message().to_owned());
    Error::unavailable(said).retryable(false).with_source(source)
}
