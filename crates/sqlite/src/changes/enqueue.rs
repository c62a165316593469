//! Writing into the queue.

use crate::{
    entities::Known,
    error::Mapped as _,
    records::{generations, json_list},
};
use mastra_core::{EntityId, RecordId, Result, time};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// What stands behind the columns of a row that is queued: the rule of `QueueRow::changed`.
const INSERT: &str = "INSERT INTO record_changes (subscription, record_id, external_id, generation, deleted, queued_at, due_at) ";
const MEET: &str = " ON CONFLICT (subscription, record_id) DO UPDATE SET \
     deleted = CASE WHEN excluded.generation >= generation THEN excluded.deleted ELSE deleted END, \
     generation = max(generation, excluded.generation), \
     queued_at = CASE WHEN repeat THEN excluded.queued_at ELSE queued_at END, \
     due_at = CASE WHEN lease IS NULL THEN excluded.due_at ELSE due_at END, \
     lapsed = lapsed OR repeat, repeat = 0, failures = 0, error = NULL, set_aside = 0";

/// Queues what was written into an entity, by the keys of the rows, for all who follow it.
pub(crate) async fn written(connection: &mut SqliteConnection, known: &Known, keys: &[i64]) -> Result<()> {
    if !known.followed || keys.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "{INSERT}SELECT s.key, r.id, r.external_id, r.generation, r.deleted_at IS NOT NULL, ?3, ?3 FROM subscriptions s \
         CROSS JOIN json_each(?2) j CROSS JOIN records r ON r.key = j.value WHERE s.entity_id = ?1{MEET}"
    );
    let now = time::now().timestamp_micros();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(known.entity.id.as_uuid()).bind(format!("{keys:?}")).bind(now);
    query.execute(connection).await.map(drop).mapped()
}

/// Queues the live records of an entity as deleted, since they go with it.
pub(crate) async fn all_of_entity(connection: &mut SqliteConnection, known: &Known) -> Result<()> {
    if !known.followed {
        return Ok(());
    }
    let live = "SELECT count(*) FROM records WHERE entity = ?1 AND deleted_at IS NULL";
    let live: i64 = sqlx::query_scalar(live).bind(known.key).fetch_one(&mut *connection).await.mapped()?;
    let first = generations(connection, usize::try_from(live).unwrap_or_default()).await?;
    let sql = format!(
        "{INSERT}SELECT s.key, r.id, r.external_id, ?3 + r.position, 1, ?4, ?4 FROM subscriptions s CROSS JOIN (\
         SELECT id, external_id, row_number() OVER (ORDER BY id) - 1 AS position FROM records WHERE entity = ?1 AND deleted_at IS NULL) r \
         WHERE s.entity_id = ?2{MEET}"
    );
    let now = time::now().timestamp_micros();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(known.entity.id.as_uuid()).bind(first).bind(now);
    query.execute(connection).await.map(drop).mapped()
}

/// Queues the live records of an entity for one subscription; how many.
pub(super) async fn all(connection: &mut SqliteConnection, subscription: i64, entity: i64) -> Result<u64> {
    let sql = format!(
        "{INSERT}SELECT ?1, r.id, r.external_id, r.generation, 0, ?3, ?3 FROM records r WHERE r.entity = ?2 AND r.deleted_at IS NULL{MEET}"
    );
    let now = time::now().timestamp_micros();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(subscription).bind(entity).bind(now);
    Ok(query.execute(connection).await.mapped()?.rows_affected())
}

/// Queues records by their ids for one subscription, those that are not there as deleted; how many.
pub(super) async fn records(
    connection: &mut SqliteConnection,
    subscription: i64,
    entity: EntityId,
    records: &[(RecordId, String)],
) -> Result<u64> {
    if records.is_empty() {
        return Ok(0);
    }
    // One for each, needed or not: generations are not short.
    let first = generations(connection, records.len()).await?;
    let ids: Vec<String> = records.iter().map(|(id, _)| id.as_uuid().simple().to_string()).collect();
    let ids = json_list(ids.iter().map(String::as_str))?.0;
    let names = json_list(records.iter().map(|(_, external_id)| external_id.as_str()))?.0;
    let sql = format!(
        "{INSERT}SELECT ?1, unhex(i.value), n.value, coalesce(r.generation, ?4 + i.key), r.key IS NULL, ?5, ?5 \
         FROM json_each(?2) i JOIN json_each(?3) n ON n.key = i.key \
         LEFT JOIN records r ON r.id = unhex(i.value) AND r.deleted_at IS NULL AND r.entity = (SELECT key FROM entities WHERE id = ?6) \
         WHERE TRUE{MEET}"
    );
    let now = time::now().timestamp_micros();
    let query = sqlx::query(AssertSqlSafe(sql)).bind(subscription).bind(ids).bind(names).bind(first).bind(now);
    query.bind(entity.as_uuid()).execute(connection).await.map(drop).mapped()?;
    Ok(records.len() as u64)
}
