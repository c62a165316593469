//! Deleting records, and removing the deleted ones for good.

use crate::{error::driver, quote::literal, store::Shared};
use mastra_core::{EntityId, PurgeOptions, RecordId, RecordSelector, Result};
use sqlx::{PgConnection, Postgres, Row as _, postgres::PgArguments, query::Query};
use uuid::Uuid;

/// Up to this many ids of deleted records travel to the client, to remove their text by id.
const LISTED: i64 = 10_000;

/// Marks live records as deleted. A filter is not for here: it is compiled elsewhere, and ends in [`tombstone`].
pub(crate) async fn by_selector(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: EntityId,
    selector: &RecordSelector,
) -> Result<Option<u64>> {
    let deleted = match selector {
        RecordSelector::Ids(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(RecordId::as_uuid).collect();
            tombstone(conn, shared, entity, "r.id = ANY($2)", |query| query.bind(ids)).await?
        }
        RecordSelector::ExternalIds(ids) => {
            tombstone(conn, shared, entity, "r.external_id = ANY($2)", |query| query.bind(ids.clone())).await?
        }
        RecordSelector::All => tombstone(conn, shared, entity, "true", |query| query).await?,
        RecordSelector::Filter(_) => return Ok(None),
    };
    Ok(Some(deleted))
}

/// Marks the live records of an entity that meet `condition` as deleted; how many. The condition speaks of the table as `r`;
/// `$1` is the entity, and `bind` gives the arguments from `$2` on.
///
/// Rows are locked in order of their external ids, as the writers lock them.
pub(crate) async fn tombstone(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: EntityId,
    condition: &str,
    bind: impl FnOnce(Query<'static, Postgres, PgArguments>) -> Query<'static, Postgres, PgArguments>,
) -> Result<u64> {
    let schema = &shared.schema;
    let (records, entities) = (&schema.records, &schema.entities);
    let next = format!("nextval({}::regclass)", literal(&schema.generations));
    // The lock on the entity keeps a declaration of text fields from indexing what is just being deleted.
    let indexed = format!("cardinality((SELECT e.text_fields FROM {entities} e WHERE e.id = $1 FOR KEY SHARE)) > 0");
    let statement = format!(
        "WITH doomed AS MATERIALIZED (SELECT r.id FROM {records} r WHERE r.entity_id = $1 AND r.deleted_at IS NULL AND ({condition}) \
         ORDER BY r.external_id FOR NO KEY UPDATE), \
         gone AS (UPDATE {records} AS r SET deleted_at = statement_timestamp(), generation = {next} \
         FROM doomed WHERE r.id = doomed.id RETURNING r.id, {indexed} AS indexed) \
         SELECT count(*), coalesce(bool_or(gone.indexed), false), CASE WHEN count(*) <= {LISTED} THEN array_agg(gone.id) END FROM gone"
    );
    let query = bind(shared.query(&statement).persistent(false).bind(entity.as_uuid()));
    let row = query.fetch_one(&mut *conn).await.map_err(driver)?;
    let deleted: i64 = row.try_get(0).map_err(driver)?;
    if row.try_get::<bool, _>(1).map_err(driver)? {
        let ids: Option<Vec<Uuid>> = row.try_get(2).map_err(driver)?;
        forget_texts(conn, shared, entity, ids).await?;
    }
    Ok(u64::try_from(deleted).unwrap_or_default())
}

/// Takes deleted records out of the text index: those listed, or all of the entity that are deleted.
async fn forget_texts(conn: &mut PgConnection, shared: &Shared, entity: EntityId, ids: Option<Vec<Uuid>>) -> Result<()> {
    let (texts, records) = (&shared.schema.record_texts, &shared.schema.records);
    let query = match ids {
        Some(ids) => shared.query(&format!("DELETE FROM {texts} WHERE record_id = ANY($1)")).bind(ids),
        None => {
            let statement = format!(
                "DELETE FROM {texts} t USING {records} r WHERE t.entity_id = $1 AND r.id = t.record_id AND r.deleted_at IS NOT NULL"
            );
            shared.query(&statement).bind(entity.as_uuid())
        }
    };
    query.execute(conn).await.map(drop).map_err(driver)
}

/// Removes deleted records for good.
pub(crate) async fn purge(conn: &mut PgConnection, shared: &Shared, entity: EntityId, options: &PurgeOptions) -> Result<u64> {
    let records = &shared.schema.records;
    let statement = format!(
        "WITH doomed AS MATERIALIZED (SELECT r.id FROM {records} r WHERE r.entity_id = $1 AND r.deleted_at IS NOT NULL \
         AND ($2::timestamptz IS NULL OR r.deleted_at < $2) ORDER BY r.external_id FOR UPDATE) \
         DELETE FROM {records} r USING doomed WHERE r.id = doomed.id"
    );
    let query = shared.query(&statement).persistent(false).bind(entity.as_uuid()).bind(options.deleted_before);
    Ok(query.execute(conn).await.map_err(driver)?.rows_affected())
}
