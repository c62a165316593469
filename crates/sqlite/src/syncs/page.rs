//! What commits with a page of records.

use super::{quarantine, runs, targets};
use crate::{
    args::{Args, placeholders, powers_of_two},
    entities,
    error::{Code, Mapped as _, statement},
    records::json_list,
};
use mastra_core::{
    Error, Result, Timestamp,
    sync::{EnumerationChange, PageCommit, Stake, StakeWrite, TargetId},
    time,
};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// The most rows of one statement.
const MOST_ROWS: usize = 512;

/// How many ids are forgotten at once.
const FORGOTTEN: i64 = 20_000;

/// Writes all of it; the caller undoes what is written where it fails.
pub(super) async fn commit(connection: &mut SqliteConnection, page: &PageCommit) -> Result<()> {
    let now = time::now();
    // First of all: whoever holds the target no more writes nothing.
    let entity = targets::extend(connection, page.target, page.fence, page.lease).await?;
    runs::record(connection, &page.ledger, now).await?;
    if let Some(cursor) = &page.cursor {
        let sql = "UPDATE sync_targets SET cursor = ?2 WHERE key = ?1";
        sqlx::query(sql).bind(page.target.get()).bind(cursor).execute(&mut *connection).await.mapped()?;
        entities::set_last_sync_id(connection, entity, cursor).await?;
    }
    stake(connection, entity, page, now).await?;
    drop_stakes(connection, page.target, &page.dropped).await?;
    enumerate(connection, page, now).await?;
    quarantine::set_aside(connection, page.target, &page.ledger.run_id, &page.quarantined, now).await?;
    quarantine::settle(connection, page.target, &page.settled).await
}

/// Writes the stakes; one without a generation gets the record's.
async fn stake(connection: &mut SqliteConnection, entity: i64, page: &PageCommit, now: Timestamp) -> Result<()> {
    let mut stakes: Vec<&StakeWrite> = page.stakes.iter().collect();
    // Neighbours in the table one after the other.
    stakes.sort_unstable_by(|one, other| one.external_id.cmp(&other.external_id));
    for stakes in powers_of_two(stakes, MOST_ROWS) {
        let list = placeholders("(?,?,?,?,?,?)", stakes.len());
        let sql = format!(
            "WITH v (external_id, generation, created, content, version, keys) AS (VALUES {list}) \
             INSERT INTO sync_stakes (target, external_id, generation, created, written_at, content, version, keys) \
             SELECT ?, v.external_id, \
             coalesce(v.generation, (SELECT r.generation FROM records r WHERE r.entity = ? AND r.external_id = v.external_id)), \
             v.created, ?, v.content, v.version, v.keys FROM v WHERE TRUE \
             ON CONFLICT (target, external_id) DO UPDATE SET generation = excluded.generation, created = excluded.created, \
             written_at = excluded.written_at, content = excluded.content, version = excluded.version, keys = excluded.keys"
        );
        let mut args = Args::default();
        for stake in stakes {
            args.push(&stake.external_id);
            args.push(stake.generation);
            args.push(stake.created);
            args.push(&stake.content);
            args.push(&stake.version);
            args.push(Stake::keys_to_json(&stake.keys)?);
        }
        args.push(page.target.get());
        args.push(entity);
        args.push(now.timestamp_micros());
        sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(&mut *connection).await.map_err(unfounded)?;
    }
    Ok(())
}

/// The error of writing stakes: the one constraint that a caller can break is that each has a generation.
fn unfounded(error: sqlx::Error) -> Error {
    match Code::of(&error) {
        Some(Code::Constraint) => {
            let message =
                "a stake without a generation is in a record that is not there; write the record in the same transaction";
            Error::invalid_input(message).with_source(error)
        }
        _ => statement(error),
    }
}

async fn drop_stakes(connection: &mut SqliteConnection, target: TargetId, external_ids: &[String]) -> Result<()> {
    if external_ids.is_empty() {
        return Ok(());
    }
    let (ids, _) = json_list(external_ids.iter().map(String::as_str))?;
    let sql = "DELETE FROM sync_stakes WHERE target = ?1 AND external_id IN (SELECT value FROM json_each(?2))";
    sqlx::query(sql).bind(target.get()).bind(ids).execute(connection).await.map(drop).mapped()
}

/// Keeps where the enumeration stands, and what it has seen: what the page saw belongs to one that begins, and is forgotten with one
/// that ends.
async fn enumerate(connection: &mut SqliteConnection, page: &PageCommit, now: Timestamp) -> Result<()> {
    let target = page.target.get();
    let change = match page.enumeration {
        EnumerationChange::Keep => None,
        EnumerationChange::Begin => Some("enumeration_started = ?2, enumeration_cursor = NULL, enumeration_read = 0"),
        EnumerationChange::Advance(_) => Some("enumeration_cursor = ?2"),
        EnumerationChange::Read => Some("enumeration_read = 1"),
        EnumerationChange::End => Some("enumeration_started = NULL, enumeration_cursor = NULL, enumeration_read = 0"),
    };
    if let Some(change) = change {
        let sql = format!("UPDATE sync_targets SET {change} WHERE key = ?1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(target);
        let query = match &page.enumeration {
            EnumerationChange::Begin => query.bind(now.timestamp_micros()),
            EnumerationChange::Advance(cursor) => query.bind(cursor),
            _ => query,
        };
        query.execute(&mut *connection).await.mapped()?;
    }
    if matches!(page.enumeration, EnumerationChange::Begin | EnumerationChange::End) {
        forget(connection, target).await?;
    }
    if page.seen.is_empty() || page.enumeration == EnumerationChange::End {
        return Ok(());
    }
    let mut seen: Vec<&str> = page.seen.iter().map(String::as_str).collect();
    seen.sort_unstable();
    let (ids, _) = json_list(seen.into_iter())?;
    let sql = "INSERT INTO sync_seen (target, external_id) SELECT ?1, value FROM json_each(?2) WHERE TRUE ON CONFLICT DO NOTHING";
    sqlx::query(sql).bind(target).bind(ids).execute(connection).await.map(drop).mapped()
}

/// Forgets what was seen, in parts: SQLite lists what it is about to delete in memory, wherever there are foreign keys.
async fn forget(connection: &mut SqliteConnection, target: i64) -> Result<()> {
    let sql = "DELETE FROM sync_seen WHERE target = ?1 AND external_id IN \
               (SELECT external_id FROM sync_seen WHERE target = ?1 LIMIT ?2)";
    loop {
        let query = sqlx::query(sql).bind(target).bind(FORGOTTEN);
        let forgotten = query.execute(&mut *connection).await.mapped()?.rows_affected();
        if forgotten < FORGOTTEN.unsigned_abs() {
            return Ok(());
        }
    }
}
