//! The table `schema_migrations`: which migrations a schema has.

use crate::error::{corrupt, driver};
use crate::quote::{Schema, literal};
use mastra_core::migrate::{Applied, Migration};
use mastra_core::{Result, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};

/// Creates the table. It is no migration itself, since the first one needs it.
pub(super) fn create_table(schema: &Schema) -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {} (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    kind text NOT NULL,
    oldest_client integer NOT NULL,
    applied_at timestamptz NOT NULL
)",
        schema.migrations
    )
}

/// Remembers a migration as applied now, and returns when that was.
pub(super) fn insert(schema: &Schema, migration: &Migration) -> String {
    format!(
        "INSERT INTO {} (version, name, checksum, kind, oldest_client, applied_at)\n\
         VALUES ({}, {}, {}, {}, {}, clock_timestamp())\nRETURNING applied_at",
        schema.migrations,
        migration.version(),
        literal(migration.name()),
        literal(migration.checksum()),
        literal(migration.kind().as_str()),
        migration.oldest_client(),
    )
}

/// Every row. A simple query: one round trip, nothing prepared, and so fit for any pooler.
pub(super) fn select(schema: &Schema) -> String {
    format!("SELECT version, name, checksum, kind, oldest_client, applied_at FROM {} ORDER BY version", schema.migrations)
}

/// What was applied; nothing where there is no table yet. Does not fail inside a transaction where the table is missing.
pub(super) async fn read(conn: &mut PgConnection, schema: &Schema) -> Result<Vec<Applied>> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .persistent(false)
        .bind(&schema.migrations)
        .fetch_one(&mut *conn)
        .await
        .map_err(driver)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = sqlx::raw_sql(AssertSqlSafe(select(schema))).fetch_all(conn).await.map_err(driver)?;
    applied(&rows)
}

/// The rows of [`select`].
pub(super) fn applied(rows: &[PgRow]) -> Result<Vec<Applied>> {
    rows.iter().map(row).collect()
}

fn row(row: &PgRow) -> Result<Applied> {
    let number = |column: &str| -> Result<u32> {
        let number: i32 = row.try_get(column).map_err(driver)?;
        u32::try_from(number).map_err(|_| corrupt("schema_migrations holds a negative number").with("column", column))
    };
    let text = |column: &str| row.try_get::<String, _>(column).map_err(driver);
    Ok(Applied {
        version: number("version")?,
        name: text("name")?,
        checksum: text("checksum")?,
        kind: text("kind")?.parse().map_err(|_| corrupt("schema_migrations holds an unknown kind"))?,
        oldest_client: number("oldest_client")?,
        applied_at: row.try_get::<Timestamp, _>("applied_at").map_err(driver)?,
    })
}
