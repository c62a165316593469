//! Reading entities and records from rows.

use crate::error::{corrupt, driver};
use mastra_core::{Entity, Path, Record, Result, Timestamp};
use serde_json::Value;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

/// The columns that [`record`] reads, in its order, of a table with the alias `r`.
pub(crate) const RECORD_COLUMNS: &str =
    "r.id, r.entity_id, r.external_id, r.entity_type, r.data, r.generation, r.created_at, r.updated_at, r.deleted_at";

/// The columns that [`entity`] reads, in its order, of a table with the alias `e`.
pub(crate) const ENTITY_COLUMNS: &str =
    "e.id, e.name, e.connection_id, e.last_sync_id, e.json_schema, e.text_fields, e.created_at, e.updated_at";

/// A record, from a row that begins with [`RECORD_COLUMNS`].
pub(crate) fn record(row: &PgRow) -> Result<Record> {
    read_record(row).map_err(driver)
}

fn read_record(row: &PgRow) -> sqlx::Result<Record> {
    Ok(Record {
        id: row.try_get::<Uuid, _>(0)?.into(),
        entity_id: row.try_get::<Uuid, _>(1)?.into(),
        external_id: row.try_get(2)?,
        entity_type: row.try_get(3)?,
        data: row.try_get::<Json<Value>, _>(4)?.0,
        generation: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
        deleted_at: row.try_get::<Option<Timestamp>, _>(8)?,
    })
}

/// An entity, from a row that begins with [`ENTITY_COLUMNS`].
pub(crate) fn entity(row: &PgRow) -> Result<Entity> {
    let (mut entity, fields) = read_entity(row).map_err(driver)?;
    entity.text_fields = text_fields(&fields)?;
    Ok(entity)
}

fn read_entity(row: &PgRow) -> sqlx::Result<(Entity, Vec<String>)> {
    let entity = Entity {
        id: row.try_get::<Uuid, _>(0)?.into(),
        name: row.try_get(1)?,
        connection_id: row.try_get(2)?,
        last_sync_id: row.try_get(3)?,
        schema: row.try_get::<Option<Json<Value>>, _>(4)?.map(|schema| schema.0),
        text_fields: Vec::new(),
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
    };
    Ok((entity, row.try_get(5)?))
}

/// The declared text fields, from their stored spelling.
pub(crate) fn text_fields(stored: &[String]) -> Result<Vec<Path>> {
    stored
        .iter()
        .map(|path| path.parse().map_err(|source| corrupt("a declared text field is no path").with_source(source)))
        .collect()
}
