//! Deleting records, and removing the deleted ones for good.

use crate::{
    changes,
    error::driver,
    filter,
    query::{self, Scope, Statement},
    quote::literal,
    store::Shared,
};
use futures::TryStreamExt as _;
use mastra_core::{EntityId, Error, Filter, PurgeOptions, RecordId, RecordSelector, Result};
use sqlx::{PgConnection, Row as _, types::Json};
use uuid::Uuid;

/// Up to this many ids of deleted records travel to the client, to remove their text by id.
const LISTED: i64 = 10_000;

/// How often records that are being deleted may change under us before the call gives up with a retryable `Conflict`.
const ATTEMPTS: usize = 64;

/// Marks live records as deleted; how many.
pub(crate) async fn delete(conn: &mut PgConnection, shared: &Shared, entity: EntityId, selector: &RecordSelector) -> Result<u64> {
    match selector {
        RecordSelector::Ids(ids) => {
            let ids: Vec<Uuid> = ids.iter().map(RecordId::as_uuid).collect();
            tombstone(conn, shared, entity, |statement| format!("r.id = ANY({})", statement.bind(ids))).await
        }
        RecordSelector::ExternalIds(ids) => {
            tombstone(conn, shared, entity, |statement| format!("r.external_id = ANY({})", statement.bind(ids))).await
        }
        RecordSelector::All => tombstone(conn, shared, entity, |_| "TRUE".to_owned()).await,
        RecordSelector::Filter(by) => {
            let compiled = filter::compile(by);
            if !compiled.exact {
                return by_matching(conn, shared, entity, by).await;
            }
            let condition = |statement: &mut Statement| query::filter(&compiled, statement).unwrap_or_else(|| "TRUE".to_owned());
            tombstone(conn, shared, entity, condition).await
        }
    }
}

/// Deletes what matches a filter that core has to finish: reads, matches, and deletes the very states that matched. A record
/// that another writer changed in between is looked at again.
async fn by_matching(conn: &mut PgConnection, shared: &Shared, entity: EntityId, by: &Filter) -> Result<u64> {
    let mut deleted = 0;
    let mut among: Option<Vec<Uuid>> = None;
    for _ in 0..ATTEMPTS {
        let (ids, generations) = matching(conn, shared, entity, by, among.take()).await?;
        let gone = tombstone(conn, shared, entity, |statement| {
            let (ids, generations) = (statement.bind(&ids), statement.bind(generations));
            format!("(r.id, r.generation) IN (SELECT * FROM unnest({ids}::uuid[], {generations}::bigint[]))")
        })
        .await?;
        deleted += gone;
        if usize::try_from(gone).is_ok_and(|gone| gone == ids.len()) {
            return Ok(deleted);
        }
        among = Some(ids);
    }
    Err(Error::conflict("other writers kept changing the records to delete").retryable(true))
}

/// The live records that match, and the generations at which they do.
async fn matching(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: EntityId,
    by: &Filter,
    among: Option<Vec<Uuid>>,
) -> Result<(Vec<Uuid>, Vec<i64>)> {
    let compiled = filter::compile(by);
    let mut statement = Statement::new(format!("SELECT r.id, r.generation, r.data FROM {} r", shared.schema.records));
    let scope = Scope { entity, filter: &compiled, include_deleted: false, updated_after: None };
    let clause = scope.clause(&mut statement);
    statement.push(&clause);
    if let Some(among) = among {
        let among = statement.bind(among);
        statement.push(&format!(" AND r.id = ANY({among})"));
    }
    let matcher = by.clone().matcher();
    let mut rows = statement.query(false)?.fetch(conn);
    let (mut ids, mut generations) = (Vec::new(), Vec::new());
    while let Some(row) = rows.try_next().await.map_err(driver)? {
        if matcher.matches(&row.try_get::<Json<_>, _>(2).map_err(driver)?.0) {
            ids.push(row.try_get(0).map_err(driver)?);
            generations.push(row.try_get(1).map_err(driver)?);
        }
    }
    Ok((ids, generations))
}

/// Marks the live records of an entity that meet a condition as deleted; how many. The condition speaks of the table as `r`.
///
/// Rows are locked in order of their external ids, as the writers lock them.
async fn tombstone(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: EntityId,
    condition: impl FnOnce(&mut Statement) -> String,
) -> Result<u64> {
    let schema = &shared.schema;
    let (records, entities) = (&schema.records, &schema.entities);
    let next = format!("nextval({}::regclass)", literal(&schema.generations));
    let mut statement = Statement::default();
    let id = statement.bind(entity.as_uuid());
    let condition = condition(&mut statement);
    // The lock on the entity keeps a declaration of text fields from indexing what is just being deleted.
    let indexed = format!("cardinality((SELECT e.text_fields FROM {entities} e WHERE e.id = {id} FOR KEY SHARE)) > 0");
    let queued = changes::queued(shared, "gone", &id, true);
    statement.push(&format!(
        "WITH doomed AS MATERIALIZED (SELECT r.id FROM {records} r WHERE r.entity_id = {id} AND r.deleted_at IS NULL AND ({condition}) \
         ORDER BY r.external_id FOR NO KEY UPDATE), \
         gone AS (UPDATE {records} AS r SET deleted_at = statement_timestamp(), generation = {next} \
         FROM doomed WHERE r.id = doomed.id RETURNING r.id, r.external_id, r.generation, {indexed} AS indexed), {queued} \
         SELECT count(*), coalesce(bool_or(gone.indexed), FALSE), CASE WHEN count(*) <= {LISTED} THEN array_agg(gone.id) END FROM gone"
    ));
    let row = statement.query(false)?.fetch_one(&mut *conn).await.map_err(driver)?;
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
