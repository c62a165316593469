//! From rows to values. Columns are read by position, in the order of the lists here.

use crate::{
    error::{Mapped as _, corrupt},
    packed::Packed,
};
use mastra_core::{Entity, EntityId, Record, RecordId, Result, Timestamp};
use serde_json::Value;
use sqlx::{Decode, Row as _, Sqlite, sqlite::SqliteRow};
use uuid::Uuid;

/// The one column of a live [`record`], of the table `records` as `r`; see [`crate::packed`]. NULL where there is no row.
pub(crate) const RECORD: &str = "hex(r.id) || ' ' || r.generation || ' ' || r.created_at || ' ' || r.updated_at || ' ' || \
     octet_length(r.entity_type) || ' ' || octet_length(r.external_id) || ' ' || r.entity_type || r.external_id || r.data";

/// The position behind the column of [`RECORD`].
pub(crate) const BEHIND_RECORD: usize = 1;

/// The columns of [`entity`], of the table `entities` as `e`.
pub(crate) const ENTITY: &str =
    "e.id, e.name, e.connection_id, e.last_sync_id, e.schema, e.text_fields, e.created_at, e.updated_at, e.key";

/// A column without the driver's check of its type, which the table's STRICT has made.
pub(crate) fn get<'r, T: Decode<'r, Sqlite>>(row: &'r SqliteRow, index: usize) -> Result<T> {
    row.try_get_unchecked(index).mapped()
}

pub(crate) fn uuid(row: &SqliteRow, index: usize) -> Result<Uuid> {
    Uuid::from_slice(get::<&[u8]>(row, index)?).map_err(|_| corrupt("an id"))
}

pub(crate) fn time(row: &SqliteRow, index: usize) -> Result<Timestamp> {
    timestamp(get(row, index)?)
}

pub(crate) fn timestamp(micros: i64) -> Result<Timestamp> {
    Timestamp::from_timestamp_micros(micros).ok_or_else(|| corrupt("a time"))
}

pub(crate) fn json(row: &SqliteRow, index: usize) -> Result<Value> {
    parse(get(row, index)?)
}

/// A document as it is stored.
pub(crate) fn parse(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|_| corrupt("a document"))
}

/// A live record.
pub(crate) fn record(row: &SqliteRow, entity_id: EntityId) -> Result<Record> {
    let mut packed = Packed::new(get(row, 0)?);
    let id = RecordId::from(packed.uuid()?);
    let generation = packed.number()?;
    let (created_at, updated_at) = (packed.time()?, packed.time()?);
    let lengths = (packed.number()?, packed.number()?);
    let entity_type = packed.text(lengths.0)?.to_owned();
    let external_id = packed.text(lengths.1)?.to_owned();
    let data = parse(packed.rest())?;
    Ok(Record { id, entity_id, external_id, entity_type, data, generation, created_at, updated_at, deleted_at: None })
}

/// A record that may be deleted; `r.deleted_at` stands behind the column of [`RECORD`].
pub(crate) fn record_or_tombstone(row: &SqliteRow, entity_id: EntityId) -> Result<Record> {
    let deleted_at = get::<Option<i64>>(row, BEHIND_RECORD)?.map(timestamp).transpose()?;
    Ok(Record { deleted_at, ..record(row, entity_id)? })
}

pub(crate) fn entity(row: &SqliteRow) -> Result<(i64, Entity)> {
    let text_fields = serde_json::from_str(get(row, 5)?).map_err(|_| corrupt("a list of text fields"))?;
    let entity = Entity {
        id: EntityId::from(uuid(row, 0)?),
        name: get(row, 1)?,
        connection_id: get(row, 2)?,
        last_sync_id: get(row, 3)?,
        schema: get::<Option<&str>>(row, 4)?.map(parse).transpose()?,
        text_fields,
        created_at: time(row, 6)?,
        updated_at: time(row, 7)?,
    };
    Ok((get(row, 8)?, entity))
}
