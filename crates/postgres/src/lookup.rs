//! Records by their ids.

use crate::{
    entities,
    error::driver,
    rows::{self, RECORD_COLUMNS},
    store::Shared,
};
use mastra_core::{EntityRef, Error, Record, RecordId, Result};
use sqlx::{PgConnection, Row as _};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The live record of that id.
pub(crate) async fn by_id(conn: &mut PgConnection, shared: &Shared, id: RecordId) -> Result<Record> {
    let statement = format!("SELECT {RECORD_COLUMNS} FROM {} r WHERE r.id = $1 AND r.deleted_at IS NULL", shared.schema.records);
    let found = shared.query(&statement).bind(id.as_uuid()).fetch_optional(conn).await.map_err(driver)?;
    rows::record(&found.ok_or_else(|| Error::not_found("there is no such record").with("id", id))?)
}

/// The live records of those ids, by id.
pub(crate) async fn by_ids(conn: &mut PgConnection, shared: &Shared, ids: &[RecordId]) -> Result<HashMap<RecordId, Record>> {
    let statement =
        format!("SELECT {RECORD_COLUMNS} FROM {} r WHERE r.id = ANY($1) AND r.deleted_at IS NULL", shared.schema.records);
    let ids: Vec<Uuid> = ids.iter().map(RecordId::as_uuid).collect();
    let found = shared.query(&statement).bind(ids).fetch_all(conn).await.map_err(driver)?;
    found.iter().map(|row| rows::record(row).map(|record| (record.id, record))).collect()
}

/// The live records of those external ids, in the order of the ids, in one round trip.
///
/// The entity is joined in, so that an entity without these records is told from one that does not exist.
pub(crate) async fn by_external_ids(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &EntityRef,
    external_ids: &[String],
) -> Result<Vec<Record>> {
    let (entities, records) = (&shared.schema.entities, &shared.schema.records);
    // Hidden in a sub-select, the id tells the planner nothing: that its statistics do not know a new entity would make it
    // believe in an empty one, for which any index does.
    let condition = match entity {
        EntityRef::Id(_) => "e.id = (SELECT $2)",
        EntityRef::Name { connection_id: None, .. } => "e.name = $2",
        EntityRef::Name { .. } => "e.name = $2 AND e.connection_id = $3",
    };
    // Of an array the planner does not know how long it will be, and would plan anew each time.
    let one = if let [one] = external_ids { Some(one) } else { None };
    let which = if one.is_some() { "$1" } else { "ANY($1)" };
    let statement = format!(
        "SELECT {RECORD_COLUMNS}, e.id FROM {entities} e LEFT JOIN {records} r \
         ON r.entity_id = e.id AND r.external_id = {which} AND r.deleted_at IS NULL WHERE {condition}"
    );
    let query = match one {
        Some(one) => shared.query(&statement).bind(one.clone()),
        None => shared.query(&statement).bind(external_ids.to_vec()),
    };
    let query = match entity {
        EntityRef::Id(id) => query.bind(id.as_uuid()),
        EntityRef::Name { name, connection_id: None } => query.bind(name.clone()),
        EntityRef::Name { name, connection_id: Some(connection) } => query.bind(name.clone()).bind(connection.clone()),
    };
    let found = query.fetch_all(&mut *conn).await.map_err(driver)?;
    let owners: HashSet<Uuid> = found.iter().map(|row| row.try_get(9)).collect::<sqlx::Result<_>>().map_err(driver)?;
    if owners.len() != 1 {
        // None or several: the resolver says it in its own words.
        entities::resolve(conn, shared, entity).await?;
    }
    let mut by_id = HashMap::with_capacity(found.len());
    for row in &found {
        if row.try_get::<Option<Uuid>, _>(0).map_err(driver)?.is_some() {
            let record = rows::record(row)?;
            by_id.insert(record.external_id.clone(), record);
        }
    }
    Ok(external_ids.iter().filter_map(|id| by_id.remove(id)).collect())
}
