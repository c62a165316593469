//! Targets: held, let go, listed.

use super::until;
use crate::{entities, error::Mapped as _, row};
use mastra_core::{
    Error, Result,
    sync::{Acquired, Enumeration, Hold, NewHold, RunId, TargetId, TargetInfo, TargetState, lapsed},
    time,
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};
use std::time::Duration;

/// The columns of [`state`], of the table `sync_targets`.
const STATE: &str = "cursor, enumeration_started, enumeration_cursor, enumeration_read, \
     (SELECT count(*) FROM sync_quarantine q WHERE q.target = sync_targets.key)";

/// Where a sync stands, from the columns that begin at `first`.
fn state(found: &SqliteRow, first: usize) -> Result<TargetState> {
    let started = row::get::<Option<i64>>(found, first + 1)?.map(row::timestamp).transpose()?;
    let enumeration = match started {
        None => None,
        Some(started_at) => {
            Some(Enumeration { started_at, cursor: row::get(found, first + 2)?, read: row::get(found, first + 3)? })
        }
    };
    let quarantined = row::get::<i64>(found, first + 4)?.unsigned_abs();
    Ok(TargetState { cursor: row::get(found, first)?, enumeration, quarantined })
}

pub(super) async fn acquire(connection: &mut SqliteConnection, hold: &NewHold) -> Result<Acquired> {
    let known = entities::resolve_or_create(connection, &hold.entity, &hold.connection_id).await?;
    let now = time::now();
    let sql = "SELECT holder, lease_until FROM sync_targets WHERE entity = ?1 AND sync_id = ?2 AND holder IS NOT NULL";
    let query = sqlx::query(sql).bind(known.key).bind(&hold.sync_id);
    if let Some(held) = query.fetch_optional(&mut *connection).await.mapped()? {
        let until = row::time(&held, 1)?;
        if !lapsed(until, now) {
            return Ok(Acquired::Busy { run_id: RunId::new(row::get::<String>(&held, 0)?), until });
        }
    }
    let sql = format!(
        "INSERT INTO sync_targets (entity, sync_id, fence, holder, lease_until) VALUES (?1, ?2, 1, ?3, ?4) \
         ON CONFLICT (entity, sync_id) DO UPDATE SET fence = fence + 1, holder = excluded.holder, lease_until = excluded.lease_until \
         RETURNING key, fence, {STATE}"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(&hold.sync_id).bind(hold.run_id.as_str());
    let held = query.bind(until(now, hold.lease).timestamp_micros()).fetch_one(connection).await.mapped()?;
    Ok(Acquired::Held(Box::new(Hold {
        target: TargetId::new(row::get(&held, 0)?),
        fence: row::get(&held, 1)?,
        entity: known.entity,
        state: state(&held, 2)?,
    })))
}

/// Holds a target for longer and gives the key of its entity. The fence decides: a lease that ended and was not taken over goes on.
pub(super) async fn extend(connection: &mut SqliteConnection, target: TargetId, fence: i64, lease: Duration) -> Result<i64> {
    let sql = "UPDATE sync_targets SET lease_until = ?3 WHERE key = ?1 AND fence = ?2 AND holder IS NOT NULL RETURNING entity";
    let query = sqlx::query_scalar(sql).bind(target.get()).bind(fence).bind(until(time::now(), lease).timestamp_micros());
    let lost = || {
        let message = "the target is held no more: another run took it over, or it was released, or its entity was deleted";
        Error::conflict(message).with("target", target)
    };
    query.fetch_optional(connection).await.mapped()?.ok_or_else(lost)
}

pub(super) async fn release(connection: &mut SqliteConnection, hold: &Hold) -> Result<()> {
    let sql = "UPDATE sync_targets SET holder = NULL, lease_until = NULL WHERE key = ?1 AND fence = ?2 AND holder IS NOT NULL";
    sqlx::query(sql).bind(hold.target.get()).bind(hold.fence).execute(connection).await.map(drop).mapped()
}

pub(super) async fn list(connection: &mut SqliteConnection, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
    let entity = row::ENTITY;
    let sql = format!(
        "SELECT {entity}, sync_targets.key, sync_id, holder, lease_until, \
         (SELECT count(*) FROM sync_stakes s WHERE s.target = sync_targets.key), {STATE} \
         FROM sync_targets JOIN entities e ON e.key = sync_targets.entity WHERE ?1 IS NULL OR sync_id = ?1 \
         ORDER BY sync_id, e.connection_id, e.name"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(sync_id).fetch_all(connection).await.mapped()?;
    let info = |found: &SqliteRow| {
        let until = row::get::<Option<i64>>(found, 12)?.map(row::timestamp).transpose()?;
        let holder = row::get::<Option<String>>(found, 11)?.map(RunId::new);
        Ok(TargetInfo {
            id: TargetId::new(row::get(found, 9)?),
            sync_id: row::get(found, 10)?,
            entity: row::entity(found)?.1,
            state: state(found, 14)?,
            stakes: row::get::<i64>(found, 13)?.unsigned_abs(),
            holder: holder.zip(until),
        })
    };
    rows.iter().map(info).collect()
}

/// Removes all that syncs know of an entity, their runs aside.
pub(crate) async fn remove_of_entity(connection: &mut SqliteConnection, entity: i64) -> Result<()> {
    for table in ["sync_stakes", "sync_seen", "sync_quarantine"] {
        let sql = format!("DELETE FROM {table} WHERE target IN (SELECT key FROM sync_targets WHERE entity = ?1)");
        sqlx::query(AssertSqlSafe(sql)).bind(entity).execute(&mut *connection).await.mapped()?;
    }
    let sql = "DELETE FROM sync_targets WHERE entity = ?1";
    sqlx::query(sql).bind(entity).execute(connection).await.map(drop).mapped()
}
