//! What commits with a page of records: one statement that makes sure of the hold and keeps the ledger, and one for the rows.

use super::{
    micros,
    runs::{channel, not_own, number, to_json},
    seen,
    targets::not_held,
    unread,
};
use crate::{
    error::{driver, is, sqlstate},
    query::Statement,
    store::Shared,
};
use mastra_core::{
    Error, Result,
    sync::{EnumerationChange, NewQuarantined, PageCommit, RunState, Stake, StakeWrite},
};
use sqlx::{PgConnection, Row as _};
use std::collections::HashSet;
use uuid::Uuid;

pub(super) async fn commit(conn: &mut PgConnection, shared: &Shared, page: &PageCommit) -> Result<()> {
    let entity = take_hold(conn, shared, page).await?;
    if matches!(page.enumeration, EnumerationChange::Begin | EnumerationChange::End) {
        seen::forget(conn, shared, page.target).await?;
    }
    write_rows(conn, shared, page, entity).await
}

/// Makes sure that the target is still held and that the run is still the attempt's, and keeps both; the entity. Nothing is written where one
/// of them is not so: what a part of the statement changes, the next one needs.
async fn take_hold(conn: &mut PgConnection, shared: &Shared, page: &PageCommit) -> Result<Uuid> {
    let schema = &shared.schema;
    let (entities, targets, runs) = (&schema.entities, schema.qualified("sync_targets"), schema.qualified("sync_runs"));
    let mut statement = Statement::default();
    let (target, fence) = (statement.bind(page.target.get()), statement.bind(page.fence));
    let lease = statement.bind(micros(page.lease));
    let (run, attempt) = (statement.bind(page.ledger.run_id.as_str()), statement.bind(number(page.ledger.attempt)));
    let running = statement.bind(RunState::Running.as_str());
    let of = &page.ledger.target;
    let (of_entity, of_name) = (statement.bind(of.entity_id.as_uuid()), statement.bind(&of.entity));
    let progress = statement.bind(to_json(of)?);
    let channel = statement.bind(channel(shared));
    let enumeration = match &page.enumeration {
        EnumerationChange::Keep => String::new(),
        EnumerationChange::Begin => {
            ", enumeration_started = statement_timestamp(), enumeration_cursor = NULL, enumeration_read = FALSE".to_owned()
        }
        EnumerationChange::Advance(cursor) => {
            let cursor = statement.bind(cursor);
            format!(", enumeration_cursor = CASE WHEN t.enumeration_started IS NOT NULL THEN {cursor} END")
        }
        EnumerationChange::Read => ", enumeration_read = t.enumeration_started IS NOT NULL".to_owned(),
        EnumerationChange::End => ", enumeration_started = NULL, enumeration_cursor = NULL, enumeration_read = FALSE".to_owned(),
    };
    let (cursor, moved) = match &page.cursor {
        None => (String::new(), String::new()),
        Some(cursor) => {
            let cursor = statement.bind(cursor);
            let moved = format!(
                ", moved AS (UPDATE {entities} AS e SET last_sync_id = {cursor}, \
                 updated_at = greatest(statement_timestamp(), e.updated_at + interval '1 microsecond') \
                 FROM held, run WHERE e.id = held.entity_id AND e.last_sync_id IS DISTINCT FROM {cursor})"
            );
            (format!(", cursor = {cursor}"), moved)
        }
    };
    statement.push(&format!(
        "WITH entity AS MATERIALIZED (SELECT e.id FROM {targets} t JOIN {entities} e ON e.id = t.entity_id WHERE t.id = {target} \
         FOR KEY SHARE OF e), \
         held AS (UPDATE {targets} AS t SET lease_until = statement_timestamp() + {lease} * interval '1 microsecond'{cursor}{enumeration} \
         FROM entity WHERE t.id = {target} AND t.entity_id = entity.id AND t.fence = {fence} AND t.holder IS NOT NULL \
         RETURNING t.entity_id), \
         run AS (UPDATE {runs} AS r SET heartbeat_at = statement_timestamp(), revision = r.revision + 1 FROM held \
         WHERE r.id = {run} AND r.attempt = {attempt} AND r.state = {running} RETURNING r.id, r.revision), \
         ledger AS (INSERT INTO {} (run_id, entity_id, position, entity, progress) \
         SELECT run.id, {of_entity}, run.revision, {of_name}, {progress} FROM run \
         ON CONFLICT (run_id, entity_id) DO UPDATE SET entity = excluded.entity, progress = excluded.progress){moved} \
         SELECT held.entity_id, CASE WHEN run.id IS NOT NULL THEN pg_notify({channel}, run.id)::text END FROM held LEFT JOIN run ON TRUE",
        schema.qualified("sync_run_targets")
    ));
    let found = statement.query(shared.persistent())?.fetch_optional(&mut *conn).await.map_err(driver)?;
    let row = found.ok_or_else(|| not_held(page.target))?;
    let told: Option<String> = row.try_get(1).map_err(unread)?;
    match told {
        Some(_) => row.try_get(0).map_err(unread),
        None => Err(not_own(conn, shared, &page.ledger.run_id, page.ledger.attempt).await),
    }
}

/// Writes the rows that there are, in the order of their keys. An id whose stake is given up gets none, and a key that is settled is not set
/// aside. After the end of an enumeration nothing is seen.
async fn write_rows(conn: &mut PgConnection, shared: &Shared, page: &PageCommit, entity: Uuid) -> Result<()> {
    let mut statement = Statement::default();
    let target = statement.bind(page.target.get());
    let dropped: HashSet<&str> = page.dropped.iter().map(String::as_str).collect();
    let settled: HashSet<&str> = page.settled.iter().map(String::as_str).collect();
    let mut parts = Vec::new();
    let stakes: Vec<&StakeWrite> = page.stakes.iter().filter(|stake| !dropped.contains(stake.external_id.as_str())).collect();
    if !stakes.is_empty() {
        parts.push(("stakes", write_stakes(&mut statement, shared, &target, entity, stakes)?));
    }
    if !page.seen.is_empty() && page.enumeration != EnumerationChange::End {
        let seen = shared.schema.qualified("sync_seen");
        let ids = statement.bind(sorted(page.seen.iter().map(String::as_str)));
        let part = format!(
            "INSERT INTO {seen} (target_id, external_id) SELECT {target}, i.x FROM unnest({ids}::text[]) AS i (x) ON CONFLICT DO NOTHING"
        );
        parts.push(("seen", part));
    }
    if !dropped.is_empty() {
        let (of, ids) = (shared.schema.qualified("sync_stakes"), statement.bind(sorted(dropped)));
        parts.push(("dropped", format!("DELETE FROM {of} s WHERE s.target_id = {target} AND s.external_id = ANY({ids})")));
    }
    let aside: Vec<&NewQuarantined> = page.quarantined.iter().filter(|item| !settled.contains(item.key.as_str())).collect();
    if !aside.is_empty() {
        parts.push(("aside", set_aside(&mut statement, shared, &target, page, aside)?));
    }
    if !settled.is_empty() {
        let (of, keys) = (shared.schema.qualified("sync_quarantine"), statement.bind(sorted(settled)));
        parts.push(("settled", format!("DELETE FROM {of} q WHERE q.target_id = {target} AND q.key = ANY({keys})")));
    }
    if parts.is_empty() {
        return Ok(());
    }
    let parts: Vec<String> = parts.into_iter().map(|(name, part)| format!("{name} AS ({part})")).collect();
    statement.push(&format!("WITH {} SELECT 1", parts.join(", ")));
    match statement.query(shared.persistent())?.execute(conn).await {
        Ok(_) => Ok(()),
        Err(error) if is(&error, sqlstate::NOT_NULL_VIOLATION) => {
            Err(Error::invalid_input("a stake in a record that is not there says nothing of its generation"))
        }
        Err(error) => Err(driver(error)),
    }
}

/// Each once, by code point.
fn sorted<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The generation of a record is read where the stake does not say it: by key alone, as writers of records do.
fn write_stakes(
    statement: &mut Statement,
    shared: &Shared,
    target: &str,
    entity: Uuid,
    mut stakes: Vec<&StakeWrite>,
) -> Result<String> {
    stakes.sort_by(|one, other| one.external_id.cmp(&other.external_id));
    let keys = stakes.iter().map(|stake| Stake::keys_to_json(&stake.keys)).collect::<Result<Vec<String>>>()?;
    let ids = statement.bind(stakes.iter().map(|stake| stake.external_id.as_str()).collect::<Vec<_>>());
    let contents = statement.bind(stakes.iter().map(|stake| stake.content.as_str()).collect::<Vec<_>>());
    let generations = statement.bind(stakes.iter().map(|stake| stake.generation).collect::<Vec<_>>());
    let created = statement.bind(stakes.iter().map(|stake| stake.created).collect::<Vec<_>>());
    let versions = statement.bind(stakes.iter().map(|stake| stake.version.as_deref()).collect::<Vec<_>>());
    let keys = statement.bind(keys);
    let entity = statement.bind(entity);
    Ok(format!(
        "INSERT INTO {} (target_id, external_id, content, generation, created, version, keys, written_at) \
         SELECT {target}, i.x, i.content, coalesce(i.generation, r.generation), i.created, i.version, i.keys, statement_timestamp() \
         FROM unnest({ids}::text[], {contents}::text[], {generations}::bigint[], {created}::boolean[], {versions}::text[], {keys}::text[]) \
         AS i (x, content, generation, created, version, keys) \
         LEFT JOIN LATERAL (SELECT r.generation FROM {} r WHERE i.generation IS NULL AND r.entity_id = {entity} \
         AND r.external_id >= i.x AND r.external_id <= i.x ORDER BY r.external_id LIMIT 1) r ON TRUE \
         ON CONFLICT (target_id, external_id) DO UPDATE SET content = excluded.content, generation = excluded.generation, \
         created = excluded.created, version = excluded.version, keys = excluded.keys, written_at = excluded.written_at",
        shared.schema.qualified("sync_stakes"),
        shared.schema.records
    ))
}

fn set_aside(
    statement: &mut Statement,
    shared: &Shared,
    target: &str,
    page: &PageCommit,
    mut items: Vec<&NewQuarantined>,
) -> Result<String> {
    items.sort_by(|one, other| one.key.cmp(&other.key));
    let raws = items.iter().map(|item| to_json(&item.raw)).collect::<Result<Vec<String>>>()?;
    let keys = statement.bind(items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>());
    let external_ids = statement.bind(items.iter().map(|item| item.external_id.as_deref()).collect::<Vec<_>>());
    let raws = statement.bind(raws);
    let errors = statement.bind(items.iter().map(|item| item.error.as_str()).collect::<Vec<_>>());
    let run = statement.bind(page.ledger.run_id.as_str());
    Ok(format!(
        "INSERT INTO {} AS q (target_id, key, external_id, raw, error, run_id, attempts, first_failed_at, last_failed_at) \
         SELECT {target}, i.key, i.external_id, i.raw, i.error, {run}, 1, statement_timestamp(), statement_timestamp() \
         FROM unnest({keys}::text[], {external_ids}::text[], {raws}::text[], {errors}::text[]) AS i (key, external_id, raw, error) \
         ON CONFLICT (target_id, key) DO UPDATE SET external_id = excluded.external_id, raw = excluded.raw, error = excluded.error, \
         run_id = excluded.run_id, attempts = q.attempts + 1, last_failed_at = excluded.last_failed_at",
        shared.schema.qualified("sync_quarantine")
    ))
}
