//! The one way in which records are written.

use super::outcome::Written;
use crate::{error::driver, quote::literal, rows, store::Shared, text};
use mastra_core::{Entity, Error, Path, RecordId, Result, text::index_text};
use serde_json::Value;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

/// How many texts are indexed in one statement.
const INDEXED: usize = 2_000;

/// The insertion of the rows that `source` gives: `id, x (external id), t (entity type), d (data), generation`, where the
/// generation is the one that was seen, or null where there was no row.
///
/// `ON CONFLICT` is the guard against other writers alone: it writes over the generation that was seen and no other, and the
/// row that another writer was quicker with is not returned.
///
/// The rows have to come in the order of their external ids, so that no two writers can each hold what the other waits for. The
/// client sorts them: the server would carry the data through its sort.
///
/// The text fields are read while a row is returned, so only where something is written, and under a lock that a declaration
/// of text fields waits for, or that waits for it and then reads what it declared. So no record stays out of the index.
/// `$1` is the entity. What is written has to be queued too: see [`changes::queued`](crate::changes::queued).
pub(super) fn insertion(shared: &Shared, source: &str) -> String {
    let schema = &shared.schema;
    let (records, entities) = (&schema.records, &schema.entities);
    let next = format!("nextval({}::regclass)", literal(&schema.generations));
    let fields = format!("(SELECT e.text_fields FROM {entities} e WHERE e.id = $1 FOR KEY SHARE)");
    format!(
        "INSERT INTO {records} AS r (id, entity_id, external_id, entity_type, data, generation, created_at, updated_at) \
         SELECT s.id, $1, s.x, s.t, s.d, coalesce(s.generation, {next}), statement_timestamp(), statement_timestamp() \
         FROM {source} \
         ON CONFLICT (entity_id, external_id) DO UPDATE SET entity_type = excluded.entity_type, data = excluded.data, \
         generation = {next}, updated_at = greatest(statement_timestamp(), r.updated_at + interval '1 microsecond'), \
         created_at = r.created_at, deleted_at = NULL \
         WHERE r.generation = excluded.generation \
         RETURNING r.id, r.external_id, r.generation, {fields} AS fields, CASE WHEN cardinality({fields}) > 0 THEN r.data END AS data"
    )
}

/// The look-up of one record `i.x` of the entity `$1`, as the tail of a lateral sub-select on the records `r`; the join has to
/// ask for equality.
///
/// Written with equality alone, any index that begins with the entity would do to the planner while the statistics do not know
/// of the entity yet, and each look-up would read all of it. No index but the unique one gives this order without a sort, and
/// a transaction that writes plans without sorts where it can (see the settings of the store). The upper bound keeps the look-up
/// of what is not there from reading the row behind it.
pub(crate) const BY_KEY: &str =
    "WHERE r.entity_id = $1 AND r.external_id >= i.x AND r.external_id <= i.x ORDER BY r.external_id LIMIT 1";

/// Completes what was written: sees that the entity is still there, and indexes the text of the records.
pub(super) async fn complete(conn: &mut PgConnection, shared: &Shared, entity: &Entity, written: Vec<Written>) -> Result<()> {
    let Some(first) = written.first() else { return Ok(()) };
    let rows: Vec<(Uuid, &Value)> = written.iter().filter_map(|row| Some((row.id, row.data.as_ref()?))).collect();
    complete_rows(conn, shared, entity, first.text_fields.as_deref(), &rows).await
}

/// The same, with the text fields as a statement found them: none where the entity is gone.
pub(super) async fn complete_rows(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    fields: Option<&[String]>,
    rows: &[(Uuid, &Value)],
) -> Result<()> {
    let fields = rows::text_fields(fields.ok_or_else(entity_is_gone)?)?;
    index(conn, shared, entity, &fields, rows).await
}

/// The entity's text fields, under the lock that a declaration of others waits for, and whether somebody follows it.
pub(super) async fn state(conn: &mut PgConnection, shared: &Shared, entity: &Entity) -> Result<(Vec<Path>, bool)> {
    let statement = format!(
        "SELECT e.text_fields, EXISTS (SELECT FROM {} s WHERE s.entity_id = e.id) FROM {} e WHERE e.id = $1 FOR KEY SHARE OF e",
        shared.schema.qualified("subscriptions"),
        shared.schema.entities
    );
    let found = shared.query(&statement).bind(entity.id.as_uuid()).fetch_optional(conn).await.map_err(driver)?;
    let found = found.ok_or_else(entity_is_gone)?;
    let fields: Vec<String> = found.try_get(0).map_err(driver)?;
    Ok((rows::text_fields(&fields)?, found.try_get(1).map_err(driver)?))
}

/// Indexes the text of records that were written, with bounded memory.
pub(super) async fn index(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &Entity,
    fields: &[Path],
    written: &[(Uuid, &Value)],
) -> Result<()> {
    if fields.is_empty() {
        return Ok(());
    }
    for part in written.chunks(INDEXED) {
        let texts: Vec<_> = part.iter().map(|(id, data)| (*id, index_text(data, fields))).collect();
        text::store(conn, shared, entity.id, &texts).await?;
    }
    Ok(())
}

fn entity_is_gone() -> Error {
    Error::not_found("the entity was deleted at the same time")
}

/// A row that was there when it was looked at, and was inserted: it was purged in between, and now carries its old
/// generation. Running again is the cure.
pub(super) fn refuse_resurrection(generated: RecordId, written: RecordId, was_there: bool) -> Result<()> {
    if was_there && generated == written {
        return Err(Error::conflict("a deleted record was purged at the same time").retryable(true));
    }
    Ok(())
}

/// Every attempt met other writers' changes of the same records.
pub(super) fn too_many_writers() -> Error {
    Error::conflict("other writers kept changing the same records").retryable(true)
}
