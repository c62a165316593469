//! What is stored of the records that a batch speaks of.

use crate::{error::Mapped as _, packed::Packed, row};
use futures::TryStreamExt as _;
use mastra_core::{Error, RecordId, Result, Timestamp};
use sqlx::SqliteConnection;

/// A stored row, as deciding and rewriting need it.
#[derive(Debug)]
pub(super) struct StoredRow {
    pub(super) key: i64,
    pub(super) id: RecordId,
    pub(super) entity_type: String,
    pub(super) generation: i64,
    pub(super) updated_at: Timestamp,
    pub(super) deleted: bool,
    /// The data as it is stored.
    pub(super) data: String,
}

/// The rows that have these external ids, each at the position of its id.
pub(super) async fn by_external_id<'i>(
    connection: &mut SqliteConnection,
    entity: i64,
    external_ids: impl Iterator<Item = &'i str>,
) -> Result<Vec<Option<StoredRow>>> {
    let (list, length) = json_list(external_ids)?;
    let sql = "SELECT j.key || ' ' || r.key || ' ' || hex(r.id) || ' ' || r.generation || ' ' || r.updated_at || ' ' || \
               (r.deleted_at IS NOT NULL) || ' ' || octet_length(r.entity_type) || ' ' || r.entity_type || r.data \
               FROM json_each(?2) j CROSS JOIN records r ON r.entity = ?1 AND r.external_id = j.value";
    let mut rows = sqlx::query(sql).bind(entity).bind(list).fetch(connection);
    let mut found: Vec<Option<StoredRow>> = Vec::new();
    found.resize_with(length, || None);
    while let Some(row) = rows.try_next().await.mapped()? {
        let mut packed = Packed::new(row::get(&row, 0)?);
        let position: usize = packed.number()?;
        let key = packed.number()?;
        let id = RecordId::from(packed.uuid()?);
        let generation = packed.number()?;
        let updated_at = packed.time()?;
        let deleted = packed.number::<u8>()? == 1;
        let length = packed.number()?;
        let entity_type = packed.text(length)?.to_owned();
        let stored = StoredRow { key, id, entity_type, generation, updated_at, deleted, data: packed.rest().to_owned() };
        *found.get_mut(position).ok_or_else(|| Error::internal("SQLite counted past a list"))? = Some(stored);
    }
    Ok(found)
}

/// Strings as one JSON text, and how many there are.
pub(crate) fn json_list<'i>(items: impl Iterator<Item = &'i str>) -> Result<(String, usize)> {
    let items: Vec<&str> = items.collect();
    let list =
        serde_json::to_string(&items).map_err(|source| Error::internal("a list could not be written").with_source(source))?;
    Ok((list, items.len()))
}
