//! Rows of the queue, read and written.

use crate::{error::Mapped as _, records::json_list, row};
use mastra_core::{
    Error, RecordId, Result, Timestamp,
    changes::{QueueRow, QueueStatus},
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};
use std::collections::HashMap;
use uuid::Uuid;

const COLUMNS: &str =
    "record_id, external_id, generation, deleted, queued_at, due_at, lease, lapsed, repeat, failures, error, set_aside";

fn read(found: &SqliteRow) -> Result<QueueRow> {
    let lease: Option<&[u8]> = row::get(found, 6)?;
    Ok(QueueRow {
        record_id: row::uuid(found, 0)?.into(),
        external_id: row::get(found, 1)?,
        generation: row::get(found, 2)?,
        deleted: row::get(found, 3)?,
        queued_at: row::time(found, 4)?,
        due_at: row::time(found, 5)?,
        lease: lease.and_then(|lease| Uuid::from_slice(lease).ok()).map(Into::into),
        lapsed: row::get(found, 7)?,
        repeat: row::get(found, 8)?,
        failures: row::get(found, 9)?,
        error: row::get(found, 10)?,
        set_aside: row::get(found, 11)?,
    })
}

/// The rows that may be claimed, the oldest first.
pub(super) async fn due(
    connection: &mut SqliteConnection,
    subscription: i64,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<QueueRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM record_changes WHERE subscription = ?1 AND set_aside = 0 AND due_at <= ?2 \
         ORDER BY due_at, generation LIMIT ?3"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(subscription).bind(now.timestamp_micros()).bind(limit);
    query.fetch_all(connection).await.mapped()?.iter().map(read).collect()
}

/// The rows of these records, by record.
pub(super) async fn of_records(
    connection: &mut SqliteConnection,
    subscription: i64,
    records: impl Iterator<Item = RecordId>,
) -> Result<HashMap<RecordId, QueueRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM json_each(?2) j CROSS JOIN record_changes c ON c.subscription = ?1 AND c.record_id = unhex(j.value)"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(subscription).bind(hexes(records)?);
    let rows = query.fetch_all(connection).await.mapped()?;
    rows.iter().map(|found| read(found).map(|row| (row.record_id, row))).collect()
}

/// Writes what a claim or a settlement changes of rows that are there.
pub(super) async fn store(connection: &mut SqliteConnection, subscription: i64, rows: &[QueueRow]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = rows
        .iter()
        .map(|row| {
            serde_json::json!([
                row.record_id.as_uuid().simple().to_string(),
                row.due_at.timestamp_micros(),
                row.lease.map(|lease| lease.as_uuid().simple().to_string()),
                i32::from(row.lapsed),
                i32::from(row.repeat),
                row.failures,
                row.error,
                i32::from(row.set_aside),
            ])
        })
        .collect();
    let list =
        serde_json::to_string(&list).map_err(|source| Error::internal("a list could not be written").with_source(source))?;
    let sql = "WITH v AS MATERIALIZED (SELECT unhex(value ->> 0) AS id, value ->> 1 AS due_at, unhex(value ->> 2) AS lease, \
               value ->> 3 AS lapsed, value ->> 4 AS repeat, value ->> 5 AS failures, value ->> 6 AS error, value ->> 7 AS set_aside \
               FROM json_each(?2)) \
               UPDATE record_changes AS c SET due_at = v.due_at, lease = v.lease, lapsed = v.lapsed, repeat = v.repeat, \
               failures = v.failures, error = v.error, set_aside = v.set_aside FROM v WHERE c.subscription = ?1 AND c.record_id = v.id";
    sqlx::query(sql).bind(subscription).bind(list).execute(connection).await.map(drop).mapped()
}

/// Takes the rows of these records out.
pub(super) async fn remove(connection: &mut SqliteConnection, subscription: i64, records: &[RecordId]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM record_changes WHERE subscription = ?1 AND record_id IN (SELECT unhex(value) FROM json_each(?2))";
    let query = sqlx::query(sql).bind(subscription).bind(hexes(records.iter().copied())?);
    query.execute(connection).await.map(drop).mapped()
}

/// Makes everything due that was set aside; how many.
pub(super) async fn bring_back(connection: &mut SqliteConnection, subscription: i64, now: Timestamp) -> Result<u64> {
    let sql = "UPDATE record_changes SET set_aside = 0, failures = 0, error = NULL, due_at = ?2 WHERE subscription = ?1 AND set_aside = 1";
    let query = sqlx::query(sql).bind(subscription).bind(now.timestamp_micros());
    Ok(query.execute(connection).await.mapped()?.rows_affected())
}

/// What was set aside, those that failed last first.
pub(super) async fn set_aside(connection: &mut SqliteConnection, subscription: i64, limit: u32) -> Result<Vec<QueueRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM record_changes WHERE subscription = ?1 AND set_aside = 1 ORDER BY due_at DESC, record_id LIMIT ?2"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(subscription).bind(limit);
    query.fetch_all(connection).await.mapped()?.iter().map(read).collect()
}

/// How much waits.
pub(super) async fn status(connection: &mut SqliteConnection, subscription: i64, now: Timestamp) -> Result<QueueStatus> {
    let sql = "SELECT count(*) FILTER (WHERE set_aside), \
               count(*) FILTER (WHERE NOT set_aside AND lease IS NOT NULL AND due_at > ?2), \
               count(*) FILTER (WHERE NOT set_aside AND repeat AND NOT (lease IS NOT NULL AND due_at > ?2)), \
               count(*) FILTER (WHERE NOT set_aside AND NOT repeat AND NOT (lease IS NOT NULL AND due_at > ?2)), \
               min(queued_at) FILTER (WHERE NOT set_aside AND NOT repeat) FROM record_changes WHERE subscription = ?1";
    let found = sqlx::query(sql).bind(subscription).bind(now.timestamp_micros()).fetch_one(connection).await.mapped()?;
    let count = |at| row::get::<i64>(&found, at).map(i64::unsigned_abs);
    Ok(QueueStatus {
        set_aside: count(0)?,
        claimed: count(1)?,
        repeats: count(2)?,
        waiting: count(3)?,
        oldest: row::get::<Option<i64>>(&found, 4)?.map(row::timestamp).transpose()?,
    })
}

fn hexes(records: impl Iterator<Item = RecordId>) -> Result<String> {
    let ids: Vec<String> = records.map(|id| id.as_uuid().simple().to_string()).collect();
    Ok(json_list(ids.iter().map(String::as_str))?.0)
}
