//! Runs: listed and pruned.

use super::{lapsed_outside, runs};
use crate::{args::Args, error::Mapped as _};
use mastra_core::{
    Result, Timestamp,
    sync::{PruneRuns, Run, RunQuery, RunState},
    time,
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

pub(super) async fn list(connection: &mut SqliteConnection, query: &RunQuery) -> Result<Vec<Run>> {
    let now = time::now();
    let (sql, args) = select(query, now)?;
    let rows = sqlx::query_with(AssertSqlSafe(sql), args).fetch_all(connection).await.mapped()?;
    rows.iter().map(|found| Ok(runs::seen(runs::read(found)?, now))).collect()
}

/// The statement of a list.
pub(super) fn select(query: &RunQuery, now: Timestamp) -> Result<(String, SqliteArguments)> {
    let mut args = Args::default();
    let mut conditions = vec!["TRUE".to_owned()];
    if let Some(before) = query.before {
        conditions.push(format!("r.number < {}", args.bind(before)));
    }
    if let Some(sync_id) = &query.sync_id {
        conditions.push(format!("r.sync_id = {}", args.bind(sync_id)));
    }
    if let Some(entity) = &query.entity {
        conditions.push(format!("r.number IN (SELECT run FROM sync_run_targets WHERE entity = {})", args.bind(entity)));
    }
    if let Some(state) = query.state {
        let (now, latest) = lapsed_outside(now);
        let alive = |args: &mut Args| format!("(r.lease_until > {} AND r.lease_until <= {})", args.bind(now), args.bind(latest));
        conditions.push(match state {
            RunState::Running => format!("r.state = 'running' AND {}", alive(&mut args)),
            RunState::Lost => format!("r.state = 'running' AND NOT {}", alive(&mut args)),
            ended => format!("r.state = {}", args.bind(ended.as_str())),
        });
    }
    let (columns, conditions, limit) = (runs::RUN, conditions.join(" AND "), args.bind(query.limit.unwrap_or(50)));
    let sql = format!("SELECT {columns} FROM sync_runs r WHERE {conditions} ORDER BY r.number DESC LIMIT {limit}");
    Ok((sql, args.finish()?))
}

/// The runs that may go: ended, or lost, before the time `?1`, and not the newest of their sync.
const TO_PRUNE: &str = "(r.state <> 'running' AND r.finished_at < ?1 \
     OR r.state = 'running' AND NOT (r.lease_until > ?2 AND r.lease_until <= ?3) AND r.heartbeat_at < ?1) \
     AND EXISTS (SELECT 1 FROM sync_runs n WHERE n.sync_id = r.sync_id AND n.number > r.number)";

pub(super) async fn count_to_prune(connection: &mut SqliteConnection, prune: &PruneRuns) -> Result<u64> {
    let (now, latest) = lapsed_outside(time::now());
    let sql = format!("SELECT count(*) FROM sync_runs r WHERE {TO_PRUNE}");
    let query =
        sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql)).bind(prune.finished_before.timestamp_micros()).bind(now).bind(latest);
    query.fetch_one(connection).await.map(i64::unsigned_abs).mapped()
}

pub(super) async fn prune(connection: &mut SqliteConnection, prune: &PruneRuns) -> Result<u64> {
    let (now, latest) = lapsed_outside(time::now());
    let steps = [
        format!("DELETE FROM sync_run_targets WHERE run IN (SELECT r.number FROM sync_runs r WHERE {TO_PRUNE})"),
        format!("DELETE FROM sync_runs AS r WHERE {TO_PRUNE}"),
    ];
    let mut removed = 0;
    for sql in steps {
        let query = sqlx::query(AssertSqlSafe(sql)).bind(prune.finished_before.timestamp_micros()).bind(now).bind(latest);
        removed = query.execute(&mut *connection).await.mapped()?.rows_affected();
    }
    Ok(removed)
}
