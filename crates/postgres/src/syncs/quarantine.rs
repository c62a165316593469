//! What was set aside, listed.

use super::unread;
use crate::{query::Statement, store::Shared};
use mastra_core::{
    Result,
    sync::{QuarantineQuery, Quarantined, RunId, TargetId},
};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, postgres::PgRow};

/// How many items a list holds that says nothing of it.
const LISTED: u32 = 100;

pub(super) async fn list(conn: &mut PgConnection, shared: &Shared, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
    let schema = &shared.schema;
    let mut statement = Statement::new(format!(
        "SELECT q.target_id, t.sync_id, e.name, e.connection_id, q.key, q.external_id, q.raw, q.error, q.run_id, q.attempts, \
         q.first_failed_at, q.last_failed_at \
         FROM {} q JOIN {} t ON t.id = q.target_id JOIN {} e ON e.id = t.entity_id WHERE TRUE",
        schema.qualified("sync_quarantine"),
        schema.qualified("sync_targets"),
        schema.entities
    ));
    if let Some(sync_id) = &query.sync_id {
        let sync_id = statement.bind(sync_id);
        statement.push(&format!(" AND t.sync_id = {sync_id}"));
    }
    if let Some(target) = query.target {
        let target = statement.bind(target.get());
        statement.push(&format!(" AND q.target_id = {target}"));
    }
    if let Some((target, key)) = &query.after {
        let (target, key) = (statement.bind(target.get()), statement.bind(key));
        statement.push(&format!(" AND (q.target_id, q.key) > ({target}, {key})"));
    }
    let limit = statement.bind(i64::from(query.limit.unwrap_or(LISTED)));
    statement.push(&format!(" ORDER BY q.target_id, q.key LIMIT {limit}"));
    statement.fetch_all(conn, false).await?.iter().map(|row| read(row).map_err(unread)).collect()
}

fn read(row: &PgRow) -> sqlx::Result<Quarantined> {
    let raw: String = row.try_get(6)?;
    Ok(Quarantined {
        target: TargetId::new(row.try_get(0)?),
        sync_id: row.try_get(1)?,
        entity: row.try_get(2)?,
        connection_id: row.try_get(3)?,
        key: row.try_get(4)?,
        external_id: row.try_get(5)?,
        // What cannot be read again, such as JSON that is too deep, is given as it is written.
        raw: serde_json::from_str(&raw).unwrap_or(Value::String(raw)),
        error: row.try_get(7)?,
        run_id: RunId::new(row.try_get::<String, _>(8)?),
        attempts: row.try_get::<i32, _>(9)?.unsigned_abs(),
        first_failed_at: row.try_get(10)?,
        last_failed_at: row.try_get(11)?,
    })
}
