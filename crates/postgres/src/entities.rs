//! Entities: resolving, creating, listing, changing and deleting them.

use crate::{
    changes,
    error::{driver, is, sqlstate},
    rows::{self, ENTITY_COLUMNS},
    store::Shared,
    syncs,
};
use mastra_core::{
    Cursor, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef, EntityUpdate, Error, NewEntity, Page, Result,
    engine::one_entity,
};
use sqlx::{PgConnection, Row as _, types::Json};
use uuid::Uuid;

/// Enough matches to see that a name is shared, and to list some.
const MATCHES: i64 = 12;

/// The entity, else `NotFound`; `Conflict` where several connections share the name.
pub(crate) async fn resolve(conn: &mut PgConnection, shared: &Shared, entity: &EntityRef) -> Result<Entity> {
    let entities = &shared.schema.entities;
    let select = format!("SELECT {ENTITY_COLUMNS} FROM {entities} e WHERE");
    let found = match entity {
        EntityRef::Id(id) => shared.query(&format!("{select} e.id = $1")).bind(id.as_uuid()).fetch_all(conn).await,
        EntityRef::Name { name, connection_id: Some(connection) } => {
            let statement = format!("{select} e.name = $1 AND e.connection_id = $2");
            shared.query(&statement).bind(name).bind(connection).fetch_all(conn).await
        }
        EntityRef::Name { name, connection_id: None } => {
            let statement = format!("{select} e.name = $1 ORDER BY e.id LIMIT {MATCHES}");
            shared.query(&statement).bind(name).fetch_all(conn).await
        }
    };
    one_entity(found.map_err(driver)?.iter().map(rows::entity).collect::<Result<_>>()?)
}

/// Creates an entity; `None` where the connection has one of that name.
async fn insert(conn: &mut PgConnection, shared: &Shared, entity: &NewEntity) -> Result<Option<Entity>> {
    let statement = format!(
        "INSERT INTO {} AS e (id, connection_id, name, json_schema, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, statement_timestamp(), statement_timestamp()) \
         ON CONFLICT (name, connection_id) DO NOTHING RETURNING {ENTITY_COLUMNS}",
        shared.schema.entities
    );
    let inserted = shared
        .query(&statement)
        .bind(EntityId::generate().as_uuid())
        .bind(&entity.connection_id)
        .bind(&entity.name)
        .bind(entity.schema.as_ref().map(Json))
        .fetch_optional(conn)
        .await
        .map_err(driver)?;
    inserted.as_ref().map(rows::entity).transpose()
}

/// Creates an entity; `AlreadyExists` where the connection has one of that name.
pub(crate) async fn create(conn: &mut PgConnection, shared: &Shared, entity: &NewEntity) -> Result<Entity> {
    insert(conn, shared, entity).await?.ok_or_else(|| already_exists(&entity.name))
}

fn already_exists(name: &str) -> Error {
    Error::already_exists("the connection has an entity of this name").with("name", name)
}

/// The entity of that name in that connection, created on first use. Nothing is locked where it is there.
pub(crate) async fn get_or_create(conn: &mut PgConnection, shared: &Shared, name: &str, connection_id: &str) -> Result<Entity> {
    let by_name = EntityRef::named(name).in_connection(connection_id);
    match resolve(conn, shared, &by_name).await {
        Err(error) if error.is_not_found() => {}
        found => return found,
    }
    match insert(conn, shared, &NewEntity::new(name, connection_id)).await? {
        Some(entity) => Ok(entity),
        // Another writer made it while we looked; the next statement sees it.
        None => resolve(conn, shared, &by_name).await.map_err(|error| {
            if error.is_not_found() { Error::conflict("the entity was deleted at the same time").retryable(true) } else { error }
        }),
    }
}

/// Entities in order of id.
pub(crate) async fn list(conn: &mut PgConnection, shared: &Shared, query: &EntityQuery) -> Result<Page<Entity>> {
    let list = format!("entities {:?} {:?}", query.name, query.connection_id);
    let after = query.cursor.as_ref().map(|cursor| cursor.id(&list)).transpose()?;
    if query.limit == Some(0) {
        return Ok(Page::default());
    }
    let limit = query.limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let statement = format!(
        "SELECT {ENTITY_COLUMNS} FROM {} e WHERE ($1::text IS NULL OR e.name = $1) AND ($2::text IS NULL OR e.connection_id = $2) \
         AND ($3::uuid IS NULL OR e.id > $3) ORDER BY e.id LIMIT $4",
        shared.schema.entities
    );
    let found = shared
        .query(&statement)
        .bind(&query.name)
        .bind(&query.connection_id)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
        .map_err(driver)?;
    let mut items = found.iter().map(rows::entity).collect::<Result<Vec<_>>>()?;
    let full = query.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| items.len() > *limit);
    let next_cursor = match full {
        Some(limit) => {
            items.truncate(limit);
            items.last().map(|entity| Cursor::after_id(&list, entity.id.as_uuid())).transpose()?
        }
        None => None,
    };
    Ok(Page { items, next_cursor })
}

/// Changes an entity, where there is something to change.
pub(crate) async fn update(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: &EntityRef,
    update: &EntityUpdate,
) -> Result<Entity> {
    let entity = resolve(conn, shared, entity).await?;
    if update.is_empty() { Ok(entity) } else { change(conn, shared, &entity, update).await }
}

async fn change(conn: &mut PgConnection, shared: &Shared, entity: &Entity, update: &EntityUpdate) -> Result<Entity> {
    let statement = format!(
        "UPDATE {} AS e SET name = coalesce($2, e.name), last_sync_id = CASE WHEN $3 THEN $4 ELSE e.last_sync_id END, \
         json_schema = CASE WHEN $5 THEN $6 ELSE e.json_schema END, \
         updated_at = greatest(statement_timestamp(), e.updated_at + interval '1 microsecond') \
         WHERE e.id = $1 AND (($2 IS NOT NULL AND e.name <> $2) OR ($3 AND e.last_sync_id IS DISTINCT FROM $4) \
         OR ($5 AND e.json_schema IS DISTINCT FROM $6)) RETURNING {ENTITY_COLUMNS}",
        shared.schema.entities
    );
    let changed = shared
        .query(&statement)
        .bind(entity.id.as_uuid())
        .bind(&update.name)
        .bind(update.last_sync_id.is_some())
        .bind(update.last_sync_id.as_ref().and_then(Option::as_ref))
        .bind(update.schema.is_some())
        .bind(update.schema.as_ref().and_then(Option::as_ref).map(Json))
        .fetch_optional(&mut *conn)
        .await;
    match changed {
        Ok(Some(row)) => rows::entity(&row),
        Ok(None) => resolve(conn, shared, &EntityRef::Id(entity.id)).await,
        Err(error) if is(&error, sqlstate::UNIQUE_VIOLATION) => Err(already_exists(update.name.as_deref().unwrap_or_default())),
        Err(error) => Err(driver(error)),
    }
}

/// Stores the cursor of a sync, where it is another one; the entity as it is then.
pub(crate) async fn set_last_sync_id(
    conn: &mut PgConnection,
    shared: &Shared,
    entity: Entity,
    cursor: Option<&str>,
) -> Result<Entity> {
    match cursor {
        Some(cursor) if entity.last_sync_id.as_deref() != Some(cursor) => {
            let update = EntityUpdate { last_sync_id: Some(Some(cursor.to_owned())), ..EntityUpdate::default() };
            change(conn, shared, &entity, &update).await
        }
        _ => Ok(entity),
    }
}

/// Deletes an entity with all its records.
pub(crate) async fn delete(conn: &mut PgConnection, shared: &Shared, id: EntityId) -> Result<EntityDeletion> {
    let schema = &shared.schema;
    // The lock comes first and in a statement of its own: whoever is writing into the entity ends before it, and the
    // statements behind it see what was written.
    let lock = format!("SELECT e.id FROM {} e WHERE e.id = $1 FOR UPDATE", schema.entities);
    let locked = shared.query(&lock).bind(id.as_uuid()).fetch_optional(&mut *conn).await.map_err(driver)?;
    locked.ok_or_else(|| Error::not_found("there is no such entity"))?.try_get::<Uuid, _>(0).map_err(driver)?;
    changes::with_their_entity(conn, shared, id).await?;
    syncs::forget(conn, shared, id).await?;
    let records = format!("DELETE FROM {} WHERE entity_id = $1", schema.records);
    let records = shared.query(&records).bind(id.as_uuid()).execute(&mut *conn).await.map_err(driver)?.rows_affected();
    let entity = format!("DELETE FROM {} WHERE id = $1", schema.entities);
    shared.query(&entity).bind(id.as_uuid()).execute(conn).await.map_err(driver)?;
    Ok(EntityDeletion { records })
}
