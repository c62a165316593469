//! The ledger's runs.

use super::{count, lapsed, micros, unread};
use crate::{
    error::{corrupt, driver},
    query::Statement,
    store::Shared,
};
use mastra_core::{
    Error, Result, Timestamp,
    sync::{Begin, NewRun, PruneRuns, Run, RunId, RunQuery, RunStart, RunState, RunTarget, RunUpdate},
};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

/// How many runs a list holds that says nothing of it.
const LISTED: u32 = 50;

/// The columns that [`read`] reads, of a run with the alias `r`, with what it did and the server's time.
fn columns(shared: &Shared) -> String {
    let targets = shared.schema.qualified("sync_run_targets");
    format!(
        "{COLUMNS}, ARRAY(SELECT t.progress FROM {targets} t WHERE t.run_id = r.id ORDER BY t.position), statement_timestamp()"
    )
}

/// The same of a run that did nothing yet.
const FRESH: &str = "ARRAY[]::text[], statement_timestamp()";

const COLUMNS: &str = "r.id, r.number, r.sync_id, r.state, r.attempt, r.input_hash, r.started_at, r.heartbeat_at, r.lease_until, \
     r.finished_at, r.note, r.output, r.error, r.revision";

/// A run as it is stored, and the server's time.
fn read(row: &PgRow) -> Result<(Run, Timestamp)> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at).map_err(unread);
    let targets: Vec<String> = row.try_get(14).map_err(unread)?;
    let read = || {
        Ok(Run {
            id: RunId::new(row.try_get::<String, _>(0)?),
            number: row.try_get(1)?,
            sync_id: row.try_get(2)?,
            state: RunState::Running,
            attempt: row.try_get::<i32, _>(4)?.unsigned_abs(),
            input_hash: row.try_get(5)?,
            started_at: row.try_get(6)?,
            heartbeat_at: row.try_get(7)?,
            lease_until: row.try_get(8)?,
            finished_at: row.try_get(9)?,
            note: row.try_get(10)?,
            output: None,
            error: None,
            revision: row.try_get(13)?,
            targets: Vec::new(),
        })
    };
    let mut run: Run = read().map_err(unread)?;
    run.state = RunState::parse(&text(3)?.unwrap_or_default())
        .map_err(|_| corrupt("a run is in a state that this version does not know"))?;
    run.output = text(11)?.map(|text| from_json(&text)).transpose()?;
    run.error = text(12)?.map(|text| from_json(&text)).transpose()?;
    run.targets = targets.iter().map(|text| from_json(text)).collect::<Result<Vec<RunTarget>>>()?;
    Ok((run, row.try_get(15).map_err(unread)?))
}

/// A run in the state as it is seen now.
fn shown(row: &PgRow) -> Result<Run> {
    let (run, now) = read(row)?;
    Ok(Run { state: run.seen(now), ..run })
}

/// The text of what the ledger keeps.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("an entry of the ledger cannot be written").with_source(source))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| corrupt("an entry of the ledger cannot be read").with_source(source))
}

fn unknown(id: &RunId) -> Error {
    Error::not_found("there is no run of this id").with("run", id)
}

/// Whoever inserts the id begins; everybody else waits for that, and finds it.
pub(super) async fn begin(conn: &mut PgConnection, shared: &Shared, new: &NewRun) -> Result<RunStart> {
    let runs = shared.schema.qualified("sync_runs");
    let statement = format!(
        "INSERT INTO {runs} AS r (id, sync_id, state, attempt, input_hash, started_at, heartbeat_at, lease_until, revision) \
         VALUES ($1, $2, $3, 1, $4, statement_timestamp(), statement_timestamp(), \
         statement_timestamp() + $5 * interval '1 microsecond', 1) ON CONFLICT (id) DO NOTHING RETURNING {COLUMNS}, {FRESH}"
    );
    let query = shared.query(&statement).bind(new.id.as_str()).bind(&new.sync_id).bind(RunState::Running.as_str());
    let query = query.bind(&new.input_hash).bind(micros(new.lease));
    if let Some(row) = query.fetch_optional(&mut *conn).await.map_err(driver)? {
        return Ok(RunStart::Started(read(&row)?.0));
    }
    // The lock in a statement of its own: the next one sees what was waited for, and its time is not behind it.
    let lock = format!("SELECT 1 FROM {runs} r WHERE r.id = $1 FOR UPDATE");
    shared.query(&lock).bind(new.id.as_str()).execute(&mut *conn).await.map_err(driver)?;
    let (known, now) = match find(conn, shared, &new.id).await? {
        Some(row) => read(&row)?,
        None => return Err(Error::conflict("the run was pruned at the same time").with("run", &new.id).retryable(true)),
    };
    match known.begin(new, now)? {
        Begin::Recorded => Ok(RunStart::Recorded(known)),
        Begin::Busy => Ok(RunStart::Busy(known)),
        Begin::Again => again(conn, shared, new).await.map(RunStart::Started),
    }
}

/// The next attempt of a run that is locked.
async fn again(conn: &mut PgConnection, shared: &Shared, new: &NewRun) -> Result<Run> {
    let (runs, targets) = (shared.schema.qualified("sync_runs"), shared.schema.qualified("sync_run_targets"));
    let statement = format!(
        "WITH gone AS (DELETE FROM {targets} t WHERE t.run_id = $1), \
         begun AS (UPDATE {runs} r SET state = $2, attempt = r.attempt + 1, started_at = statement_timestamp(), \
         heartbeat_at = statement_timestamp(), lease_until = statement_timestamp() + $3 * interval '1 microsecond', \
         finished_at = NULL, note = NULL, output = NULL, error = NULL, revision = r.revision + 1 WHERE r.id = $1 RETURNING r.*) \
         SELECT {COLUMNS}, {FRESH}, pg_notify($4, r.id)::text FROM begun r"
    );
    let query = shared.query(&statement).bind(new.id.as_str()).bind(RunState::Running.as_str()).bind(micros(new.lease));
    let row = query.bind(channel(shared)).fetch_one(conn).await.map_err(driver)?;
    Ok(read(&row)?.0)
}

/// Where changes of runs are told: one channel a schema, since channels are the database's. The payload is the run's id, which is
/// shorter than the 8,000 bytes that a payload may have.
pub(super) fn channel(shared: &Shared) -> String {
    format!("mastra_sync_{:016x}", shared.schema.advisory_key("sync runs"))
}

pub(super) async fn update(conn: &mut PgConnection, shared: &Shared, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
    let finish = update.finish.as_ref();
    let output = finish.and_then(|finish| finish.output.as_ref()).map(to_json).transpose()?;
    let error = finish.and_then(|finish| finish.error.as_ref()).map(to_json).transpose()?;
    let statement = format!(
        "WITH told AS (UPDATE {} r SET heartbeat_at = statement_timestamp(), \
         lease_until = CASE WHEN $4::bigint IS NULL THEN r.lease_until ELSE statement_timestamp() + $4 * interval '1 microsecond' END, \
         note = coalesce($5, r.note), state = coalesce($6, r.state), \
         finished_at = CASE WHEN $6 IS NOT NULL THEN statement_timestamp() END, output = $7, error = $8, revision = r.revision + 1 \
         WHERE r.id = $1 AND r.attempt = $2 AND r.state = $3 RETURNING r.id) SELECT pg_notify($9, told.id)::text FROM told",
        shared.schema.qualified("sync_runs")
    );
    let query = shared
        .query(&statement)
        .bind(id.as_str())
        .bind(number(attempt))
        .bind(RunState::Running.as_str())
        .bind(update.lease.map(micros))
        .bind(update.note.as_deref())
        .bind(finish.map(|finish| finish.state.as_str()))
        .bind(output)
        .bind(error)
        .bind(channel(shared));
    match query.fetch_optional(&mut *conn).await.map_err(driver)? {
        Some(_) => Ok(()),
        None => Err(not_own(conn, shared, id, attempt).await),
    }
}

/// An attempt as it is stored.
pub(super) fn number(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// Why an attempt may not write to its run.
pub(super) async fn not_own(conn: &mut PgConnection, shared: &Shared, id: &RunId, attempt: u32) -> Error {
    match find(conn, shared, id).await.and_then(|row| row.as_ref().map(read).transpose()) {
        Err(error) => error,
        Ok(None) => unknown(id),
        Ok(Some((run, _))) => {
            let message = if run.attempt == attempt {
                "the run has ended"
            } else {
                "the run was begun again, and this attempt writes no more"
            };
            Error::conflict(message).with("run", id).with("attempt", attempt)
        }
    }
}

async fn find(conn: &mut PgConnection, shared: &Shared, id: &RunId) -> Result<Option<PgRow>> {
    let statement = format!("SELECT {} FROM {} r WHERE r.id = $1", columns(shared), shared.schema.qualified("sync_runs"));
    shared.query(&statement).bind(id.as_str()).fetch_optional(conn).await.map_err(driver)
}

pub(super) async fn get(conn: &mut PgConnection, shared: &Shared, id: &RunId) -> Result<Run> {
    shown(&find(conn, shared, id).await?.ok_or_else(|| unknown(id))?)
}

pub(super) async fn list(conn: &mut PgConnection, shared: &Shared, query: &RunQuery) -> Result<Vec<Run>> {
    let schema = &shared.schema;
    let mut statement = Statement::new(format!("SELECT {} FROM {} r WHERE TRUE", columns(shared), schema.qualified("sync_runs")));
    if let Some(sync_id) = &query.sync_id {
        let sync_id = statement.bind(sync_id);
        statement.push(&format!(" AND r.sync_id = {sync_id}"));
    }
    if let Some(entity) = &query.entity {
        let (entity, targets) = (statement.bind(entity), schema.qualified("sync_run_targets"));
        statement.push(&format!(" AND EXISTS (SELECT FROM {targets} t WHERE t.run_id = r.id AND t.entity = {entity})"));
    }
    if let Some(state) = query.state {
        let stored = if state == RunState::Lost { RunState::Running } else { state };
        let stored = statement.bind(stored.as_str());
        statement.push(&format!(" AND r.state = {stored}"));
        match state {
            RunState::Running => statement.push(&format!(" AND NOT {}", lapsed("r.lease_until"))),
            RunState::Lost => statement.push(&format!(" AND {}", lapsed("r.lease_until"))),
            _ => {}
        }
    }
    if let Some(before) = query.before {
        let before = statement.bind(before);
        statement.push(&format!(" AND r.number < {before}"));
    }
    let limit = statement.bind(i64::from(query.limit.unwrap_or(LISTED)));
    statement.push(&format!(" ORDER BY r.number DESC LIMIT {limit}"));
    statement.fetch_all(conn, false).await?.iter().map(shown).collect()
}

/// What a run did goes with it. A run that gives a sign of life meanwhile is waited for, and stays.
pub(super) async fn prune(conn: &mut PgConnection, shared: &Shared, prune: &PruneRuns) -> Result<u64> {
    let runs = shared.schema.qualified("sync_runs");
    let doomed = format!(
        "FROM {runs} r WHERE CASE WHEN r.state <> $1 THEN r.finished_at ELSE r.heartbeat_at END < $2 \
         AND (r.state <> $1 OR {}) AND EXISTS (SELECT FROM {runs} n WHERE n.sync_id = r.sync_id AND n.number > r.number)",
        lapsed("r.lease_until")
    );
    let running = RunState::Running.as_str();
    if prune.dry_run {
        let statement = format!("SELECT count(*) {doomed}");
        let query = shared.query(&statement).bind(running).bind(prune.finished_before);
        return Ok(count(query.fetch_one(conn).await.map_err(driver)?.try_get(0).map_err(unread)?));
    }
    let statement = format!("DELETE {doomed}");
    let query = shared.query(&statement).bind(running).bind(prune.finished_before);
    Ok(query.execute(conn).await.map_err(driver)?.rows_affected())
}
