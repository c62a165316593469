//! Writing into the queue: always in order of the record's id, as settling locks it, so that no two wait for each other.

use crate::{error::driver, quote::literal, store::Shared};
use mastra_core::{EntityId, RecordId, Result};
use sqlx::PgConnection;
use uuid::Uuid;

/// The rule of `QueueRow::changed`, for rows that `source` gives: `subscription, record_id, external_id, generation, deleted`.
fn insertion(shared: &Shared, source: &str) -> String {
    let changes = shared.schema.qualified("record_changes");
    format!(
        "INSERT INTO {changes} AS q (subscription_id, record_id, external_id, generation, deleted, queued_at, due_at) \
         SELECT n.*, statement_timestamp(), statement_timestamp() FROM ({source}) AS n ORDER BY 1, 2 \
         ON CONFLICT (subscription_id, record_id) DO UPDATE SET \
         deleted = CASE WHEN excluded.generation >= q.generation THEN excluded.deleted ELSE q.deleted END, \
         generation = greatest(q.generation, excluded.generation), \
         queued_at = CASE WHEN q.repeat THEN excluded.queued_at ELSE q.queued_at END, \
         due_at = CASE WHEN q.lease IS NULL THEN excluded.due_at ELSE q.due_at END, \
         lapsed = q.lapsed OR q.repeat, repeat = FALSE, failures = 0, error = NULL, set_aside = FALSE"
    )
}

/// The part of a statement that queues what its part `written` wrote (`id, external_id, generation`) into the entity `entity`, for all
/// who follow it. It is executed whether or not the rest of the statement asks for it.
pub(crate) fn queued(shared: &Shared, written: &str, entity: &str, deleted: bool) -> String {
    let subscriptions = shared.schema.qualified("subscriptions");
    let source = format!(
        "SELECT s.id, w.id AS record_id, w.external_id, w.generation, {deleted} FROM {written} w CROSS JOIN {subscriptions} s \
         WHERE s.entity_id = {entity}"
    );
    format!("queued AS ({})", insertion(shared, &source))
}

/// Queues records that were copied, where somebody follows their entity.
pub(crate) async fn copied(conn: &mut PgConnection, shared: &Shared, entity: EntityId, ids: Vec<Uuid>) -> Result<()> {
    let (subscriptions, records) = (shared.schema.qualified("subscriptions"), &shared.schema.records);
    let source = format!(
        "SELECT s.id, r.id AS record_id, r.external_id, r.generation, FALSE FROM {subscriptions} s CROSS JOIN {records} r \
         WHERE s.entity_id = $1 AND r.id = ANY($2)"
    );
    let query = shared.query(&insertion(shared, &source)).bind(entity.as_uuid()).bind(ids);
    query.execute(conn).await.map(drop).map_err(driver)
}

/// Queues the live records of an entity as deleted, since they go with it.
pub(crate) async fn with_their_entity(conn: &mut PgConnection, shared: &Shared, entity: EntityId) -> Result<()> {
    let (subscriptions, records) = (shared.schema.qualified("subscriptions"), &shared.schema.records);
    let next = format!("nextval({}::regclass)", literal(&shared.schema.generations));
    let source = format!(
        "SELECT s.id, r.id AS record_id, r.external_id, {next}, TRUE FROM {subscriptions} s CROSS JOIN {records} r \
         WHERE s.entity_id = $1 AND r.entity_id = $1 AND r.deleted_at IS NULL"
    );
    let query = shared.query(&insertion(shared, &source)).bind(entity.as_uuid());
    query.execute(conn).await.map(drop).map_err(driver)
}

/// Queues the live records of an entity for one subscription; how many.
pub(super) async fn all(conn: &mut PgConnection, shared: &Shared, subscription: i64, entity: EntityId) -> Result<u64> {
    let source = format!(
        "SELECT $1::bigint, r.id AS record_id, r.external_id, r.generation, FALSE FROM {} r WHERE r.entity_id = $2 AND r.deleted_at IS NULL",
        shared.schema.records
    );
    let query = shared.query(&insertion(shared, &source)).bind(subscription).bind(entity.as_uuid());
    Ok(query.execute(conn).await.map_err(driver)?.rows_affected())
}

/// Queues records by their ids for one subscription, those that are not there as deleted; how many.
pub(super) async fn records(
    conn: &mut PgConnection,
    shared: &Shared,
    subscription: i64,
    entity: EntityId,
    records: &[(RecordId, String)],
) -> Result<u64> {
    let next = format!("nextval({}::regclass)", literal(&shared.schema.generations));
    // A record that is named twice is queued once.
    let source = format!(
        "SELECT DISTINCT ON (i.id) $1::bigint, i.id AS record_id, i.x, coalesce(r.generation, {next}), r.id IS NULL \
         FROM unnest($3::uuid[], $4::text[]) AS i (id, x) \
         LEFT JOIN {} r ON r.id = i.id AND r.entity_id = $2 AND r.deleted_at IS NULL",
        shared.schema.records
    );
    let ids: Vec<Uuid> = records.iter().map(|(id, _)| id.as_uuid()).collect();
    let names: Vec<&str> = records.iter().map(|(_, external_id)| external_id.as_str()).collect();
    let query = shared.query(&insertion(shared, &source)).bind(subscription).bind(entity.as_uuid()).bind(ids).bind(names);
    Ok(query.execute(conn).await.map_err(driver)?.rows_affected())
}
