//! Rows of the queue, read and written.

use super::{count, unread};
use crate::{error::driver, store::Shared};
use mastra_core::{
    RecordId, Result, Timestamp,
    changes::{ClaimOptions, LeaseId, QueueRow, QueueStatus, QueuedChange, Settlement},
};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use std::collections::HashMap;
use uuid::Uuid;

const COLUMNS: &str = "q.record_id, q.external_id, q.generation, q.deleted, q.queued_at, q.due_at, q.lease, q.lapsed, q.repeat, q.failures, \
     q.error, q.set_aside";

fn read(row: &PgRow) -> sqlx::Result<QueueRow> {
    Ok(QueueRow {
        record_id: row.try_get::<Uuid, _>(0)?.into(),
        external_id: row.try_get(1)?,
        generation: row.try_get(2)?,
        deleted: row.try_get(3)?,
        queued_at: row.try_get(4)?,
        due_at: row.try_get(5)?,
        lease: row.try_get::<Option<Uuid>, _>(6)?.map(Into::into),
        lapsed: row.try_get(7)?,
        repeat: row.try_get(8)?,
        failures: row.try_get::<i32, _>(9)?.unsigned_abs(),
        error: row.try_get(10)?,
        set_aside: row.try_get(11)?,
    })
}

/// Claims what is due, the oldest first; what others are claiming is passed over.
pub(super) async fn claim(
    conn: &mut PgConnection,
    shared: &Shared,
    subscription: i64,
    options: &ClaimOptions,
    lease: LeaseId,
) -> Result<Vec<QueuedChange>> {
    let changes = shared.schema.qualified("record_changes");
    let statement = format!(
        "WITH due AS MATERIALIZED (SELECT q.record_id FROM {changes} q WHERE q.subscription_id = $1 AND NOT q.set_aside \
         AND q.due_at <= statement_timestamp() ORDER BY q.due_at, q.generation LIMIT $2 FOR UPDATE SKIP LOCKED) \
         UPDATE {changes} q SET lapsed = q.lapsed OR q.lease IS NOT NULL, lease = $3, \
         due_at = statement_timestamp() + $4 * interval '1 microsecond' \
         FROM due WHERE q.subscription_id = $1 AND q.record_id = due.record_id RETURNING {COLUMNS}"
    );
    let length = i64::try_from(options.lease.as_micros()).unwrap_or(i64::MAX);
    let query = shared.query(&statement).bind(subscription).bind(i64::from(options.limit)).bind(lease.as_uuid()).bind(length);
    let rows = query.fetch_all(conn).await.map_err(driver)?;
    let mut claimed = rows.iter().map(|row| read(row).map_err(unread)).collect::<Result<Vec<_>>>()?;
    claimed.sort_by_key(|row| (row.queued_at, row.generation));
    let change = |row: QueueRow| QueuedChange {
        record_id: row.record_id,
        external_id: row.external_id,
        generation: row.generation,
        deleted: row.deleted,
        repeat: row.repeat,
        failures: row.failures,
        queued_at: row.queued_at,
        lease,
    };
    Ok(claimed.into_iter().map(change).collect())
}

/// The rows that are settled, locked in order of the record, and the server's time.
pub(super) async fn lock(
    conn: &mut PgConnection,
    shared: &Shared,
    subscription: i64,
    settlements: &[Settlement],
) -> Result<(HashMap<RecordId, QueueRow>, Timestamp)> {
    let statement = format!(
        "SELECT {COLUMNS}, statement_timestamp() FROM {} q WHERE q.subscription_id = $1 AND q.record_id = ANY($2) \
         ORDER BY q.record_id FOR UPDATE",
        shared.schema.qualified("record_changes")
    );
    let ids: Vec<Uuid> = settlements.iter().map(|settlement| settlement.record_id.as_uuid()).collect();
    let rows = shared.query(&statement).bind(subscription).bind(ids).fetch_all(conn).await.map_err(driver)?;
    let mut now = Timestamp::MIN_UTC;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        now = row.try_get(12).map_err(unread)?;
        let row = read(row).map_err(unread)?;
        found.insert(row.record_id, row);
    }
    Ok((found, now))
}

/// Writes what a settlement changes of rows that are there, and takes others out.
pub(super) async fn store(
    conn: &mut PgConnection,
    shared: &Shared,
    subscription: i64,
    kept: &[QueueRow],
    gone: Vec<Uuid>,
) -> Result<()> {
    let changes = shared.schema.qualified("record_changes");
    if !gone.is_empty() {
        let statement = format!("DELETE FROM {changes} WHERE subscription_id = $1 AND record_id = ANY($2)");
        shared.query(&statement).bind(subscription).bind(gone).execute(&mut *conn).await.map_err(driver)?;
    }
    if kept.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "UPDATE {changes} q SET due_at = i.due_at, lease = NULL, lapsed = i.lapsed, repeat = i.repeat, failures = i.failures, \
         error = i.error, set_aside = i.set_aside \
         FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[], $5::boolean[], $6::int[], $7::text[], $8::boolean[]) \
         AS i (id, due_at, lapsed, repeat, failures, error, set_aside) WHERE q.subscription_id = $1 AND q.record_id = i.id"
    );
    let each = |of: fn(&QueueRow) -> bool| kept.iter().map(of).collect::<Vec<bool>>();
    let query = shared
        .query(&statement)
        .bind(subscription)
        .bind(kept.iter().map(|row| row.record_id.as_uuid()).collect::<Vec<_>>())
        .bind(kept.iter().map(|row| row.due_at).collect::<Vec<_>>())
        .bind(each(|row| row.lapsed))
        .bind(each(|row| row.repeat))
        .bind(kept.iter().map(|row| i32::try_from(row.failures).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(kept.iter().map(|row| row.error.as_deref()).collect::<Vec<_>>())
        .bind(each(|row| row.set_aside));
    query.execute(conn).await.map(drop).map_err(driver)
}

/// Makes everything due that was set aside; how many.
pub(super) async fn bring_back(conn: &mut PgConnection, shared: &Shared, subscription: i64) -> Result<u64> {
    let statement = format!(
        "UPDATE {} SET set_aside = FALSE, failures = 0, error = NULL, due_at = statement_timestamp() \
         WHERE subscription_id = $1 AND set_aside",
        shared.schema.qualified("record_changes")
    );
    let query = shared.query(&statement).bind(subscription);
    Ok(query.execute(conn).await.map_err(driver)?.rows_affected())
}

/// What was set aside, those that failed last first.
pub(super) async fn set_aside(conn: &mut PgConnection, shared: &Shared, subscription: i64, limit: u32) -> Result<Vec<QueueRow>> {
    let statement = format!(
        "SELECT {COLUMNS} FROM {} q WHERE q.subscription_id = $1 AND q.set_aside ORDER BY q.due_at DESC, q.record_id LIMIT $2",
        shared.schema.qualified("record_changes")
    );
    let rows = shared.query(&statement).bind(subscription).bind(i64::from(limit)).fetch_all(conn).await.map_err(driver)?;
    rows.iter().map(|row| read(row).map_err(unread)).collect()
}

/// How much waits; `None` without such a subscription.
pub(super) async fn status(conn: &mut PgConnection, shared: &Shared, subscription: &str) -> Result<Option<QueueStatus>> {
    let (subscriptions, changes) = (shared.schema.qualified("subscriptions"), shared.schema.qualified("record_changes"));
    let statement = format!(
        "SELECT count(*) FILTER (WHERE q.set_aside), count(*) FILTER (WHERE NOT q.set_aside AND h.held), \
         count(*) FILTER (WHERE NOT q.set_aside AND NOT h.held AND q.repeat), \
         count(*) FILTER (WHERE NOT q.set_aside AND NOT h.held AND NOT q.repeat), \
         min(q.queued_at) FILTER (WHERE NOT q.set_aside AND NOT q.repeat) \
         FROM {subscriptions} s LEFT JOIN {changes} q ON q.subscription_id = s.id \
         CROSS JOIN LATERAL (SELECT q.lease IS NOT NULL AND q.due_at > statement_timestamp() AS held) h \
         WHERE s.name = $1 GROUP BY s.id"
    );
    let row = shared.query(&statement).bind(subscription).fetch_optional(conn).await.map_err(driver)?;
    let read = |row: PgRow| {
        Ok(QueueStatus {
            set_aside: count(row.try_get(0)?),
            claimed: count(row.try_get(1)?),
            repeats: count(row.try_get(2)?),
            waiting: count(row.try_get(3)?),
            oldest: row.try_get(4)?,
        })
    };
    row.map(read).transpose().map_err(unread)
}
