//! Runs: begun, kept alive, ended.

use super::until;
use crate::{
    error::{Mapped as _, corrupt},
    row,
};
use mastra_core::{
    Error, Result, Timestamp,
    sync::{Begin, LedgerEntry, NewRun, Run, RunId, RunStart, RunState, RunUpdate},
    time,
};
use serde::Serialize;
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};

/// The columns of [`read`], of the table `sync_runs` as `r`. What it did to entities comes in the same statement: a reader has no
/// snapshot over two.
pub(super) const RUN: &str = "r.id, r.number, r.sync_id, r.state, r.attempt, r.input_hash, r.started_at, r.heartbeat_at, r.lease_until, \
     r.finished_at, r.note, r.output, r.error, r.revision, \
     (SELECT '[' || group_concat(t.progress, ',' ORDER BY t.position) || ']' FROM sync_run_targets t WHERE t.run = r.number)";

pub(super) fn read(found: &SqliteRow) -> Result<Run> {
    let error = row::get::<Option<&str>>(found, 12)?.map(serde_json::from_str).transpose();
    let targets = row::get::<Option<&str>>(found, 14)?.map_or(Ok(Vec::new()), serde_json::from_str);
    Ok(Run {
        id: RunId::new(row::get::<String>(found, 0)?),
        number: row::get(found, 1)?,
        sync_id: row::get(found, 2)?,
        state: RunState::parse(row::get(found, 3)?).map_err(|_| corrupt("a state of a run"))?,
        attempt: row::get(found, 4)?,
        input_hash: row::get(found, 5)?,
        started_at: row::time(found, 6)?,
        heartbeat_at: row::time(found, 7)?,
        lease_until: row::time(found, 8)?,
        finished_at: row::get::<Option<i64>>(found, 9)?.map(row::timestamp).transpose()?,
        note: row::get(found, 10)?,
        output: row::get::<Option<&str>>(found, 11)?.map(row::parse).transpose()?,
        error: error.map_err(|_| corrupt("an error of a run"))?,
        revision: row::get(found, 13)?,
        targets: targets.map_err(|_| corrupt("an entry of a run's ledger"))?,
    })
}

/// The run in the state as it is seen at a time.
pub(super) fn seen(run: Run, now: Timestamp) -> Run {
    Run { state: run.seen(now), ..run }
}

async fn find(connection: &mut SqliteConnection, id: &RunId) -> Result<Option<Run>> {
    let sql = format!("SELECT {RUN} FROM sync_runs r WHERE r.id = ?1");
    let found = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(connection).await.mapped()?;
    found.as_ref().map(read).transpose()
}

/// The run in the state as it is stored; `NotFound` where there is none.
pub(super) async fn get(connection: &mut SqliteConnection, id: &RunId) -> Result<Run> {
    find(connection, id).await?.ok_or_else(absent)
}

pub(super) fn absent() -> Error {
    Error::not_found("there is no run of this id")
}

pub(super) async fn begin(connection: &mut SqliteConnection, new: &NewRun) -> Result<RunStart> {
    let now = time::now();
    let write = match find(connection, &new.id).await? {
        None => {
            "INSERT INTO sync_runs (id, sync_id, state, attempt, input_hash, started_at, heartbeat_at, lease_until, revision) \
             VALUES (?1, ?2, 'running', 1, ?3, ?4, ?4, ?5, 1)"
        }
        Some(old) => match old.begin(new, now)? {
            Begin::Recorded => return Ok(RunStart::Recorded(seen(old, now))),
            Begin::Busy => return Ok(RunStart::Busy(seen(old, now))),
            Begin::Again => {
                let sql = "DELETE FROM sync_run_targets WHERE run = ?1";
                sqlx::query(sql).bind(old.number).execute(&mut *connection).await.mapped()?;
                "UPDATE sync_runs SET sync_id = ?2, state = 'running', attempt = attempt + 1, input_hash = ?3, started_at = ?4, \
                 heartbeat_at = ?4, lease_until = ?5, finished_at = NULL, note = NULL, output = NULL, error = NULL, \
                 revision = revision + 1 WHERE id = ?1"
            }
        },
    };
    let (now, lease) = (now.timestamp_micros(), until(now, new.lease).timestamp_micros());
    let query = sqlx::query(write).bind(new.id.as_str()).bind(&new.sync_id).bind(&new.input_hash).bind(now).bind(lease);
    query.execute(&mut *connection).await.mapped()?;
    Ok(RunStart::Started(get(connection, &new.id).await?))
}

pub(super) async fn update(connection: &mut SqliteConnection, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
    let now = time::now();
    let finish = update.finish.as_ref();
    // What only an end has is NULL of a run that is under way.
    let sql = "UPDATE sync_runs SET heartbeat_at = ?3, lease_until = coalesce(?4, lease_until), note = coalesce(?5, note), \
               state = coalesce(?6, state), finished_at = ?7, output = ?8, error = ?9, revision = revision + 1 \
               WHERE id = ?1 AND attempt = ?2 AND state = 'running'";
    let query = sqlx::query(sql)
        .bind(id.as_str())
        .bind(attempt)
        .bind(now.timestamp_micros())
        .bind(update.lease.map(|lease| until(now, lease).timestamp_micros()))
        .bind(&update.note)
        .bind(finish.map(|finish| finish.state.as_str()))
        .bind(finish.map(|_| now.timestamp_micros()))
        .bind(finish.and_then(|finish| finish.output.as_ref()).map(json).transpose()?)
        .bind(finish.and_then(|finish| finish.error.as_ref()).map(json).transpose()?);
    match query.execute(&mut *connection).await.mapped()?.rows_affected() {
        0 => Err(refused(connection, id).await?),
        _ => Ok(()),
    }
}

/// Writes an entry of the ledger, a sign of life of its run.
pub(super) async fn record(connection: &mut SqliteConnection, entry: &LedgerEntry, now: Timestamp) -> Result<()> {
    let sql = "UPDATE sync_runs SET heartbeat_at = ?3, revision = revision + 1 \
               WHERE id = ?1 AND attempt = ?2 AND state = 'running' RETURNING number";
    let query = sqlx::query_scalar(sql).bind(entry.run_id.as_str()).bind(entry.attempt).bind(now.timestamp_micros());
    let Some(number) = query.fetch_optional(&mut *connection).await.mapped()? else {
        return Err(refused(connection, &entry.run_id).await?.with("run", &entry.run_id));
    };
    let number: i64 = number;
    let sql = "INSERT INTO sync_run_targets (run, entity_id, position, entity, progress) \
               VALUES (?1, ?2, (SELECT coalesce(max(position), 0) + 1 FROM sync_run_targets WHERE run = ?1), ?3, ?4) \
               ON CONFLICT (run, entity_id) DO UPDATE SET entity = excluded.entity, progress = excluded.progress";
    let query = sqlx::query(sql).bind(number).bind(entry.target.entity_id.as_uuid());
    query.bind(&entry.target.entity).bind(json(&entry.target)?).execute(connection).await.map(drop).mapped()
}

/// Why an attempt could not be written to.
async fn refused(connection: &mut SqliteConnection, id: &RunId) -> Result<Error> {
    let there = sqlx::query_scalar::<_, i64>("SELECT 1 FROM sync_runs WHERE id = ?1").bind(id.as_str());
    Ok(match there.fetch_optional(connection).await.mapped()? {
        None => absent(),
        Some(_) => Error::conflict("the run has ended, or was begun again by another process; this attempt writes no more"),
    })
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|source| Error::internal("an entry of the ledger could not be written").with_source(source))
}
