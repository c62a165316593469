//! Brings the schema up to date.

use crate::error::Mapped as _;
use mastra_core::{Error, Result};
use sqlx::SqliteConnection;

const SCHEMA: &str = include_str!("../../../migrations/sqlite/0001_engine.sql");

async fn present(connection: &mut SqliteConnection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'records')";
    sqlx::query_scalar(sql).fetch_one(connection).await.mapped()
}

pub(crate) async fn apply(connection: &mut SqliteConnection) -> Result<()> {
    if present(connection).await? {
        return Ok(());
    }
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await.mapped()?;
    if !present(connection).await? {
        sqlx::raw_sql(SCHEMA).execute(&mut *connection).await.mapped()?;
    }
    sqlx::query("COMMIT").execute(connection).await.mapped().map(drop)
}

pub(crate) async fn check(connection: &mut SqliteConnection) -> Result<()> {
    if present(connection).await? {
        return Ok(());
    }
    Err(Error::schema_mismatch("the database's schema is older than this client; run `mastra engine migrate`"))
}
