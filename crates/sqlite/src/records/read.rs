//! Reading records by their ids.

use super::stored::json_list;
use crate::{
    entities::{self, Known},
    error::Mapped as _,
    row,
};
use futures::TryStreamExt as _;
use mastra_core::{EntityId, EntityRef, Error, Record, RecordId, Result};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// The live record of an id.
pub(crate) async fn by_id(connection: &mut SqliteConnection, id: RecordId) -> Result<Record> {
    let columns = row::RECORD;
    let sql = format!(
        "SELECT {columns}, e.id FROM records r JOIN entities e ON e.key = r.entity WHERE r.id = ?1 AND r.deleted_at IS NULL"
    );
    let found = sqlx::query(AssertSqlSafe(sql)).bind(id.as_uuid()).fetch_optional(connection).await.mapped()?;
    let found = found.ok_or_else(|| Error::not_found("no live record has this id").with("id", id))?;
    row::record(&found, EntityId::from(row::uuid(&found, row::BEHIND_RECORD)?))
}

/// The live record of one external id, with its entity in one statement; none where the entity is not one and only, which
/// [`entities::resolve`] has words for.
pub(crate) async fn by_external_id(
    connection: &mut SqliteConnection,
    reference: &EntityRef,
    external_id: &str,
) -> Result<Option<Vec<Record>>> {
    let columns = row::RECORD;
    let select = |named: &str| {
        format!(
            "SELECT {columns}, e.id FROM entities e LEFT JOIN records r ON r.entity = e.key AND r.external_id = ?3 AND r.deleted_at IS NULL \
             WHERE {named} LIMIT 2"
        )
    };
    let query = match reference {
        EntityRef::Id(id) => sqlx::query(AssertSqlSafe(select("e.id = ?1"))).bind(id.as_uuid()).bind(None::<&str>),
        EntityRef::Name { name, connection_id } => {
            sqlx::query(AssertSqlSafe(select(entities::NAMED))).bind(name).bind(connection_id)
        }
    };
    let rows = query.bind(external_id).fetch_all(connection).await.mapped()?;
    let [row] = rows.as_slice() else { return Ok(None) };
    if row::get::<Option<&str>>(row, 0)?.is_none() {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(vec![row::record(row, EntityId::from(row::uuid(row, row::BEHIND_RECORD)?))?]))
}

/// The live records of external ids, in their order, each once.
pub(crate) async fn by_external_ids(
    connection: &mut SqliteConnection,
    known: &Known,
    external_ids: &[String],
) -> Result<Vec<Record>> {
    let columns = row::RECORD;
    let (list, _) = json_list(external_ids.iter().map(String::as_str))?;
    let sql = format!(
        "SELECT {columns} FROM (SELECT min(key) AS place, value FROM json_each(?2) GROUP BY value) j \
         CROSS JOIN records r ON r.entity = ?1 AND r.external_id = j.value WHERE r.deleted_at IS NULL ORDER BY j.place"
    );
    let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(list).fetch(connection);
    let mut found = Vec::new();
    while let Some(row) = rows.try_next().await.mapped()? {
        found.push(row::record(&row, known.entity.id)?);
    }
    Ok(found)
}

/// The records of these ids, in their order.
pub(crate) async fn by_ids(connection: &mut SqliteConnection, known: &Known, ids: &[RecordId]) -> Result<Vec<Record>> {
    let columns = row::RECORD;
    let sql = format!(
        "SELECT {columns}, r.deleted_at FROM json_each(?2) j \
         CROSS JOIN records r ON r.entity = ?1 AND r.id = unhex(j.value) ORDER BY j.key"
    );
    let ids: Vec<String> = ids.iter().map(|id| id.as_uuid().simple().to_string()).collect();
    let (list, _) = json_list(ids.iter().map(String::as_str))?;
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(known.key).bind(list).fetch_all(connection).await.mapped()?;
    rows.iter().map(|row| row::record_or_tombstone(row, known.entity.id)).collect()
}
