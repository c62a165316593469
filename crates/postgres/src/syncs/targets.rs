//! Where syncs stand with entities, and who holds them.

use super::{count, lapsed, micros, unread};
use crate::{
    entities,
    error::driver,
    query::Statement,
    rows::{self, ENTITY_COLUMNS},
    store::Shared,
};
use mastra_core::{
    Entity, EntityId, Error, Result, Timestamp,
    sync::{Acquired, Enumeration, Hold, NewHold, RunId, TargetId, TargetInfo, TargetState},
};
use sqlx::{PgConnection, Row as _, postgres::PgRow};
use std::time::Duration;

/// The columns that [`state`] reads, of a target with the alias `t`.
fn columns(shared: &Shared) -> String {
    let quarantine = shared.schema.qualified("sync_quarantine");
    format!(
        "t.cursor, t.enumeration_started, t.enumeration_cursor, t.enumeration_read, \
         (SELECT count(*) FROM {quarantine} q WHERE q.target_id = t.id)"
    )
}

fn state(row: &PgRow, from: usize) -> sqlx::Result<TargetState> {
    let started: Option<Timestamp> = row.try_get(from + 1)?;
    let enumeration = match started {
        Some(started_at) => Some(Enumeration { started_at, cursor: row.try_get(from + 2)?, read: row.try_get(from + 3)? }),
        None => None,
    };
    Ok(TargetState { cursor: row.try_get(from)?, enumeration, quarantined: count(row.try_get(from + 4)?) })
}

/// Whoever no longer holds a target.
pub(super) fn not_held(target: TargetId) -> Error {
    Error::conflict("the run no longer holds the entity: another one took it over, or it was let go or deleted")
        .with("target", target)
}

pub(super) async fn acquire(conn: &mut PgConnection, shared: &Shared, new: &NewHold) -> Result<Acquired> {
    let entity = entities::get_or_create(conn, shared, &new.entity, &new.connection_id).await?;
    let target = lock(conn, shared, &entity, &new.sync_id).await?;
    // The lock was taken in a statement of its own, so that this one's time is not behind that of a page that was waited for.
    let statement = format!(
        "UPDATE {} t SET fence = t.fence + 1, holder = $2, lease_until = statement_timestamp() + $3 * interval '1 microsecond' \
         WHERE t.id = $1 AND (t.holder IS NULL OR {}) RETURNING t.id, t.fence, {}",
        shared.schema.qualified("sync_targets"),
        lapsed("t.lease_until"),
        columns(shared)
    );
    let query = shared.query(&statement).bind(target.id).bind(new.run_id.as_str()).bind(micros(new.lease));
    let Some(row) = query.fetch_optional(conn).await.map_err(driver)? else {
        let (run_id, until) = target.holder.ok_or_else(|| Error::internal("a target that nobody holds cannot be held"))?;
        return Ok(Acquired::Busy { run_id, until });
    };
    let read = || Ok((TargetId::new(row.try_get(0)?), row.try_get(1)?, state(&row, 2)?));
    let (target, fence, state) = read().map_err(unread)?;
    Ok(Acquired::Held(Box::new(Hold { target, fence, entity, state })))
}

/// A target that is locked.
struct Locked {
    id: i64,
    holder: Option<(RunId, Timestamp)>,
}

/// Locks a sync's target in an entity; makes it where it is not there.
async fn lock(conn: &mut PgConnection, shared: &Shared, entity: &Entity, sync_id: &str) -> Result<Locked> {
    let (targets, entities) = (shared.schema.qualified("sync_targets"), &shared.schema.entities);
    // Whoever deletes the entity locks it first, and the target then.
    let entity_lock = format!("SELECT e.id FROM {entities} e WHERE e.id = $1 FOR KEY SHARE");
    let lock = format!(
        "WITH kept AS MATERIALIZED ({entity_lock}) SELECT t.id, t.holder, t.lease_until FROM kept JOIN {targets} t ON t.entity_id = kept.id \
         WHERE t.sync_id = $2 FOR UPDATE OF t"
    );
    let insertion = format!(
        "INSERT INTO {targets} (sync_id, entity_id) SELECT $2, kept.id FROM ({entity_lock}) kept ON CONFLICT (sync_id, entity_id) DO NOTHING"
    );
    for made in [false, true] {
        let query = shared.query(&lock).bind(entity.id.as_uuid()).bind(sync_id);
        if let Some(row) = query.fetch_optional(&mut *conn).await.map_err(driver)? {
            let read = || {
                let holder: Option<String> = row.try_get(1)?;
                let until: Option<Timestamp> = row.try_get(2)?;
                Ok(Locked { id: row.try_get(0)?, holder: holder.map(RunId::new).zip(until) })
            };
            return read().map_err(unread);
        }
        if !made {
            shared.query(&insertion).bind(entity.id.as_uuid()).bind(sync_id).execute(&mut *conn).await.map_err(driver)?;
        }
    }
    Err(Error::conflict("the entity was deleted at the same time").retryable(true))
}

pub(super) async fn extend(conn: &mut PgConnection, shared: &Shared, hold: &Hold, lease: Duration) -> Result<()> {
    let statement = format!(
        "UPDATE {} t SET lease_until = statement_timestamp() + $3 * interval '1 microsecond' \
         WHERE t.id = $1 AND t.fence = $2 AND t.holder IS NOT NULL",
        shared.schema.qualified("sync_targets")
    );
    let query = shared.query(&statement).bind(hold.target.get()).bind(hold.fence).bind(micros(lease));
    if query.execute(conn).await.map_err(driver)?.rows_affected() == 0 { Err(not_held(hold.target)) } else { Ok(()) }
}

pub(super) async fn release(conn: &mut PgConnection, shared: &Shared, hold: &Hold) -> Result<()> {
    let statement = format!(
        "UPDATE {} t SET holder = NULL, lease_until = NULL WHERE t.id = $1 AND t.fence = $2 AND t.holder IS NOT NULL",
        shared.schema.qualified("sync_targets")
    );
    shared.query(&statement).bind(hold.target.get()).bind(hold.fence).execute(conn).await.map(drop).map_err(driver)
}

pub(super) async fn list(conn: &mut PgConnection, shared: &Shared, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
    let schema = &shared.schema;
    let mut statement = Statement::new(format!(
        "SELECT {ENTITY_COLUMNS}, t.id, t.sync_id, t.holder, t.lease_until, (SELECT count(*) FROM {} s WHERE s.target_id = t.id), {} \
         FROM {} t JOIN {} e ON e.id = t.entity_id",
        schema.qualified("sync_stakes"),
        columns(shared),
        schema.qualified("sync_targets"),
        schema.entities
    ));
    if let Some(sync_id) = sync_id {
        let sync_id = statement.bind(sync_id);
        statement.push(&format!(" WHERE t.sync_id = {sync_id}"));
    }
    statement.push(" ORDER BY t.sync_id, e.connection_id, e.name, t.id");
    statement.fetch_all(conn, false).await?.iter().map(info).collect()
}

fn info(row: &PgRow) -> Result<TargetInfo> {
    let entity = rows::entity(row)?;
    let read = || {
        let holder: Option<String> = row.try_get(10)?;
        Ok(TargetInfo {
            id: TargetId::new(row.try_get(8)?),
            sync_id: row.try_get(9)?,
            entity,
            state: state(row, 13)?,
            stakes: count(row.try_get(12)?),
            holder: holder.map(RunId::new).zip(row.try_get(11)?),
        })
    };
    read().map_err(unread)
}

/// Removes what syncs remember of an entity, whose row the caller has locked; the ledger stays.
pub(crate) async fn forget(conn: &mut PgConnection, shared: &Shared, entity: EntityId) -> Result<()> {
    let of = |table: &str| shared.schema.qualified(table);
    let rest = ["sync_stakes", "sync_seen", "sync_quarantine"].map(|table| {
        let name = of(table);
        format!(", of_{table} AS (DELETE FROM {name} x USING gone WHERE x.target_id = gone.id)")
    });
    let statement = format!(
        "WITH gone AS (DELETE FROM {} t WHERE t.entity_id = $1 RETURNING t.id){} SELECT count(*) FROM gone",
        of("sync_targets"),
        rest.concat()
    );
    shared.query(&statement).bind(entity.as_uuid()).execute(conn).await.map(drop).map_err(driver)
}
