//! Entities.

use crate::{
    changes,
    error::{Code, Mapped as _, statement},
    row, syncs,
};
use mastra_core::{
    Cursor, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef, EntityUpdate, Error, NewEntity, Page, Path, Result,
    engine::one_entity, time,
};
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, sqlite::SqliteRow};

/// An entity with what this database knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// What its records refer to.
    pub(crate) key: i64,
    pub(crate) entity: Entity,
    /// Whether it has records that SQL alone cannot judge.
    pub(crate) finish: bool,
    /// The indexes on its fields.
    pub(crate) indexes: Vec<crate::index::Index>,
    /// Whether somebody follows its changes.
    pub(crate) followed: bool,
}

/// How many matches of a name are looked at: a dozen says that there are several.
const MATCHES: u32 = 12;

impl Known {
    /// Whether there are indexes that keep a list of values per record.
    pub(crate) fn has_lists(&self) -> bool {
        self.indexes.iter().any(crate::index::Index::is_list)
    }
}

const KNOWN: &str = "EXISTS (SELECT 1 FROM records WHERE entity = e.key AND finish = 1), \
     (SELECT json_group_array(json_array(key, path, kind) ORDER BY key) FROM field_indexes WHERE entity = e.key), \
     EXISTS (SELECT 1 FROM subscriptions WHERE entity_id = e.id)";

/// The entities of the name `?1`, in the connection `?2` unless that is NULL.
pub(crate) const NAMED: &str = "e.name = ?1 AND (?2 IS NULL OR e.connection_id = ?2)";

fn known(row: &SqliteRow) -> Result<Known> {
    let (key, entity) = row::entity(row)?;
    let indexes = crate::index::listed(row::get(row, 10)?)?;
    Ok(Known { key, entity, finish: row::get(row, 9)?, indexes, followed: row::get(row, 11)? })
}

/// The one entity that a reference means.
pub(crate) async fn resolve(connection: &mut SqliteConnection, reference: &EntityRef) -> Result<Known> {
    find(connection, reference, "").await
}

/// The same, as the first statement of a transaction that reads.
pub(crate) async fn begin_and_resolve(connection: &mut SqliteConnection, reference: &EntityRef) -> Result<Known> {
    find(connection, reference, "BEGIN; ").await
}

async fn find(connection: &mut SqliteConnection, reference: &EntityRef, begin: &str) -> Result<Known> {
    let columns = row::ENTITY;
    let rows = match reference {
        EntityRef::Id(id) => {
            let sql = format!("{begin}SELECT {columns}, {KNOWN} FROM entities e WHERE e.id = ?1");
            sqlx::query(AssertSqlSafe(sql)).bind(id.as_uuid()).fetch_all(connection).await
        }
        EntityRef::Name { name, connection_id } => {
            let sql = format!("{begin}SELECT {columns}, {KNOWN} FROM entities e WHERE {NAMED} ORDER BY e.id LIMIT {MATCHES}");
            sqlx::query(AssertSqlSafe(sql)).bind(name).bind(connection_id).fetch_all(connection).await
        }
    };
    let mut found = rows.mapped()?.iter().map(known).collect::<Result<Vec<_>>>()?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let all = found.into_iter().chain(last).map(|known| known.entity).collect();
            Err(one_entity(all).map_or_else(|error| error, |_| Error::internal("one entity was several")))
        }
    }
}

pub(crate) async fn create(connection: &mut SqliteConnection, new: &NewEntity) -> Result<Known> {
    let now = time::now();
    let entity = Entity {
        id: EntityId::generate(),
        name: new.name.clone(),
        connection_id: new.connection_id.clone(),
        last_sync_id: None,
        schema: new.schema.clone(),
        text_fields: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    let sql = "INSERT INTO entities (id, name, connection_id, schema, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5) RETURNING key";
    let inserted = sqlx::query(sql)
        .bind(entity.id.as_uuid())
        .bind(&entity.name)
        .bind(&entity.connection_id)
        .bind(entity.schema.as_ref().map(ToString::to_string))
        .bind(now.timestamp_micros())
        .fetch_one(connection)
        .await;
    let key = inserted.map_err(taken)?.try_get(0).mapped()?;
    Ok(Known { key, entity, finish: false, indexes: Vec::new(), followed: false })
}

/// The entity of that name in that connection, made where there is none.
pub(crate) async fn resolve_or_create(connection: &mut SqliteConnection, name: &str, connection_id: &str) -> Result<Known> {
    match resolve(connection, &EntityRef::named(name).in_connection(connection_id)).await {
        Err(error) if error.is_not_found() => create(connection, &NewEntity::new(name, connection_id)).await,
        found => found,
    }
}

pub(crate) async fn list(connection: &mut SqliteConnection, query: &EntityQuery) -> Result<Page<Entity>> {
    // A cursor belongs to its list: the same conditions, whatever the page size.
    let list = format!("entities {:?} {:?}", query.name, query.connection_id);
    let after = query.cursor.as_ref().map(|cursor| cursor.id(&list)).transpose()?;
    if query.limit == Some(0) {
        return Ok(Page::default());
    }
    let columns = row::ENTITY;
    let sql = format!(
        "SELECT {columns} FROM entities e WHERE (?1 IS NULL OR e.name = ?1) AND (?2 IS NULL OR e.connection_id = ?2) \
         AND (?3 IS NULL OR e.id > ?3) ORDER BY e.id LIMIT ?4"
    );
    let limit = query.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX - 1);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&query.name)
        .bind(&query.connection_id)
        .bind(after)
        .bind(limit + 1)
        .fetch_all(connection)
        .await
        .mapped()?;
    let mut items = rows.iter().map(|row| Ok(row::entity(row)?.1)).collect::<Result<Vec<_>>>()?;
    let keep = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > keep;
    items.truncate(keep);
    let last = items.last().filter(|_| more);
    let next_cursor = last.map(|entity| Cursor::after_id(&list, entity.id.as_uuid())).transpose()?;
    Ok(Page { items, next_cursor })
}

pub(crate) async fn update(connection: &mut SqliteConnection, known: Known, update: &EntityUpdate) -> Result<Entity> {
    let mut entity = known.entity;
    let before = entity.clone();
    if let Some(name) = &update.name {
        entity.name.clone_from(name);
    }
    if let Some(last_sync_id) = &update.last_sync_id {
        entity.last_sync_id.clone_from(last_sync_id);
    }
    if let Some(schema) = &update.schema {
        entity.schema.clone_from(schema);
    }
    if entity != before {
        store(connection, known.key, &mut entity).await?;
    }
    Ok(entity)
}

/// Notes how far an entity's records are synced; nothing is written where that is known.
pub(crate) async fn set_last_sync_id(connection: &mut SqliteConnection, key: i64, last_sync_id: &str) -> Result<()> {
    let sql =
        "UPDATE entities SET last_sync_id = ?2, updated_at = max(?3, updated_at + 1) WHERE key = ?1 AND last_sync_id IS NOT ?2";
    let query = sqlx::query(sql).bind(key).bind(last_sync_id).bind(time::now().timestamp_micros());
    query.execute(connection).await.map(drop).mapped()
}

/// Declares the fields of full-text search; the caller indexes the records.
pub(crate) async fn set_text_fields(connection: &mut SqliteConnection, known: &mut Known, fields: &[Path]) -> Result<()> {
    known.entity.text_fields = fields.to_vec();
    store(connection, known.key, &mut known.entity).await
}

/// Writes what has changed of an entity, and when.
async fn store(connection: &mut SqliteConnection, key: i64, entity: &mut Entity) -> Result<()> {
    entity.updated_at = time::next_after(entity.updated_at);
    let text_fields = serde_json::to_string(&entity.text_fields)
        .map_err(|source| Error::internal("a list of paths could not be written").with_source(source))?;
    let sql = "UPDATE entities SET name = ?2, last_sync_id = ?3, schema = ?4, text_fields = ?5, updated_at = ?6 WHERE key = ?1";
    sqlx::query(sql)
        .bind(key)
        .bind(&entity.name)
        .bind(&entity.last_sync_id)
        .bind(entity.schema.as_ref().map(ToString::to_string))
        .bind(text_fields)
        .bind(entity.updated_at.timestamp_micros())
        .execute(connection)
        .await
        .map(drop)
        .map_err(taken)
}

/// Removes an entity with all that refers to it.
pub(crate) async fn delete(connection: &mut SqliteConnection, known: &Known) -> Result<EntityDeletion> {
    changes::all_of_entity(connection, known).await?;
    syncs::remove_of_entity(connection, known.key).await?;
    for index in &known.indexes {
        crate::index::remove(connection, index).await?;
    }
    let steps = [
        "DELETE FROM record_text WHERE rowid IN (SELECT key FROM records WHERE entity = ?1)",
        "DELETE FROM records WHERE entity = ?1",
        "DELETE FROM entities WHERE key = ?1",
    ];
    let mut changed = [0; 3];
    for (sql, changed) in steps.into_iter().zip(&mut changed) {
        *changed = sqlx::query(sql).bind(known.key).execute(&mut *connection).await.mapped()?.rows_affected();
    }
    Ok(EntityDeletion { records: changed[1] })
}

fn taken(error: sqlx::Error) -> Error {
    match Code::of(&error) {
        Some(Code::Unique) => Error::already_exists("the connection has an entity of this name").with_source(error),
        _ => statement(error),
    }
}
