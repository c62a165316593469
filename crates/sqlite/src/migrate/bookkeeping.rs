//! The table `schema_migrations`: which migrations a file has.

use super::file;
use crate::error::{Mapped as _, corrupt};
use chrono::DateTime;
use mastra_core::migrate::{Applied, Migration};
use mastra_core::{Result, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

/// Creates the table. It is no migration itself, since the first one needs it.
pub(super) const CREATE_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version       INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    checksum      TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    oldest_client INTEGER NOT NULL,
    applied_at    INTEGER NOT NULL
) STRICT";

/// What was applied; nothing in an empty file. `InvalidInput` for a database of another application.
pub(super) async fn read(conn: &mut SqliteConnection) -> Result<Vec<Applied>> {
    file::refuse_foreign(conn).await?;
    let exists: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations')")
            .fetch_one(&mut *conn)
            .await
            .mapped()?;
    if !exists {
        return Ok(Vec::new());
    }
    let select = "SELECT version, name, checksum, kind, oldest_client, applied_at FROM schema_migrations ORDER BY version";
    let rows = sqlx::query(select).persistent(false).fetch_all(conn).await.mapped()?;
    rows.iter().map(row).collect()
}

/// Remembers a migration as applied.
pub(super) async fn insert(conn: &mut SqliteConnection, migration: &Migration, applied_at: Timestamp) -> Result<Applied> {
    let insert =
        "INSERT INTO schema_migrations (version, name, checksum, kind, oldest_client, applied_at) VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(insert)
        .persistent(false)
        .bind(migration.version())
        .bind(migration.name())
        .bind(migration.checksum())
        .bind(migration.kind().as_str())
        .bind(migration.oldest_client())
        .bind(applied_at.timestamp_micros())
        .execute(conn)
        .await
        .mapped()?;
    Ok(Applied::new(migration, applied_at))
}

fn row(row: &SqliteRow) -> Result<Applied> {
    Ok(Applied {
        version: row.try_get("version").mapped()?,
        name: row.try_get("name").mapped()?,
        checksum: row.try_get("checksum").mapped()?,
        kind: row.try_get::<&str, _>("kind").mapped()?.parse().map_err(|_| corrupt("a kind of migration"))?,
        oldest_client: row.try_get("oldest_client").mapped()?,
        applied_at: DateTime::from_timestamp_micros(row.try_get("applied_at").mapped()?)
            .ok_or_else(|| corrupt("a time of migration"))?,
    })
}
