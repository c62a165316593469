//! Building, listing and dropping field indexes.

use super::{
    builder::Builder,
    definition::{Definition, identity, kind_name},
};
use crate::{
    error::{driver, is, sqlstate},
    query::{Statement, require_entity},
    store::PgStore,
};
use mastra_core::{EntityId, Error, FieldIndex, FieldIndexKind, Path, Result};
use sqlx::{PgConnection, Row as _};

/// How many characters of the hash stand in a name.
const DIGEST: usize = 32;

/// Builds an index on a field, without blocking writers; where it exists, gives it.
///
/// Building happens outside transactions, so it can be broken off in the middle and leave an index that is not valid: the next
/// call drops that and builds again. Concurrent calls build it once.
pub(crate) async fn create(store: &PgStore, entity: EntityId, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
    require_entity(store, entity).await?;
    let mut session = store.write().await?;
    let definition = define(store, session.conn()?, entity, path, kind).await?;
    let index = FieldIndex { entity_id: entity, path: path.clone(), kind, name: definition.name.clone() };
    let there =
        registered(store, session.conn()?, &index).await? && missing(store, session.conn()?, &definition).await?.is_empty();
    session.finish().await?;
    if there {
        return Ok(index);
    }
    let mut builder = Builder::take(store).await?;
    let mut session = store.write().await?;
    let missing = missing(store, session.conn()?, &definition).await?;
    // Nothing is open while it is built: building waits for every transaction that it meets.
    session.finish().await?;
    build(store, &mut builder, &definition, &missing).await?;
    let mut session = store.write().await?;
    register(store, session.conn()?, &index).await?;
    session.finish().await?;
    builder.finish().await?;
    store.shared.field_indexes.forget(entity);
    Ok(index)
}

/// The field indexes of an entity.
pub(crate) async fn list(store: &PgStore, entity: EntityId) -> Result<Vec<FieldIndex>> {
    let mut statement = Statement::new("SELECT f.path, f.kind, f.index_name::text FROM ");
    let entity_id = statement.bind(entity.as_uuid());
    statement.push(&format!("{} f WHERE f.entity_id = {entity_id} ORDER BY f.path, f.kind", store.schema().field_indexes));
    let mut session = store.read().await?;
    let rows = statement.fetch_all(session.conn()?, store.shared.persistent()).await?;
    session.finish().await?;
    if rows.is_empty() {
        require_entity(store, entity).await?;
    }
    rows.iter()
        .map(|row| {
            let path: Vec<String> = row.try_get(0).map_err(driver)?;
            let kind: String = row.try_get(1).map_err(driver)?;
            let kind = if kind == "scalar" { FieldIndexKind::Scalar } else { FieldIndexKind::Multi };
            let name = row.try_get(2).map_err(driver)?;
            Ok(FieldIndex { entity_id: entity, path: Path::from_segments(path)?, kind, name })
        })
        .collect()
}

/// Drops a field index; `NotFound` where there is none.
pub(crate) async fn drop(store: &PgStore, entity: EntityId, path: &Path, kind: FieldIndexKind) -> Result<()> {
    require_entity(store, entity).await?;
    let mut builder = Builder::take(store).await?;
    let mut session = store.write().await?;
    let definition = define(store, session.conn()?, entity, path, kind).await?;
    let index = FieldIndex { entity_id: entity, path: path.clone(), kind, name: definition.name.clone() };
    let registered = registered(store, session.conn()?, &index).await?;
    session.finish().await?;
    if !registered {
        builder.finish().await?;
        return Err(Error::not_found("there is no such field index").with("path", path).with("kind", kind_name(kind)));
    }
    let schema = store.schema();
    let drops: Vec<String> = definition.parts.iter().map(|(name, _)| Definition::drop(schema, name)).collect();
    for drop in &drops {
        builder.run(drop).await.map_err(|error| explain(error, &drops.join("; ")))?;
    }
    let mut statement = Statement::new(format!("DELETE FROM {} WHERE entity_id = ", schema.field_indexes));
    let key = [statement.bind(entity.as_uuid()), statement.bind(path.segments().to_vec()), statement.bind(kind_name(kind))];
    statement.push(&format!("{} AND path = {} AND kind = {}", key[0], key[1], key[2]));
    let mut session = store.write().await?;
    statement.query(false)?.execute(session.conn()?).await.map_err(driver)?;
    session.finish().await?;
    builder.finish().await?;
    store.shared.field_indexes.forget(entity);
    Ok(())
}

/// What the index consists of.
async fn define(
    store: &PgStore,
    conn: &mut PgConnection,
    entity: EntityId,
    path: &Path,
    kind: FieldIndexKind,
) -> Result<Definition> {
    let mut statement = Statement::new("SELECT encode(sha256(convert_to(");
    let identity = statement.bind(format!("{} {}", store.schema().quoted(), identity(entity, path, kind)));
    statement.push(&format!("{identity}, 'UTF8')), 'hex')"));
    let row = statement.query(false)?.fetch_one(conn).await.map_err(driver)?;
    let hash: String = row.try_get(0).map_err(driver)?;
    Ok(Definition::new(store.schema(), entity, path, kind, hash.get(..DIGEST).unwrap_or(&hash)))
}

async fn registered(store: &PgStore, conn: &mut PgConnection, index: &FieldIndex) -> Result<bool> {
    let mut statement = Statement::new(format!("SELECT FROM {} f WHERE f.entity_id = ", store.schema().field_indexes));
    let entity = statement.bind(index.entity_id.as_uuid());
    let path = statement.bind(index.path.segments().to_vec());
    let kind = statement.bind(kind_name(index.kind));
    statement.push(&format!("{entity} AND f.path = {path} AND f.kind = {kind}"));
    let found = statement.query(false)?.fetch_optional(conn).await.map_err(driver)?;
    Ok(found.is_some())
}

/// The parts that are not there, or there and not valid.
async fn missing(store: &PgStore, conn: &mut PgConnection, definition: &Definition) -> Result<Vec<(String, String)>> {
    let mut statement = Statement::new(
        "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE i.indisvalid AND n.nspname = ",
    );
    let schema = statement.bind(store.schema().name());
    let names: Vec<String> = definition.parts.iter().map(|(name, _)| name.clone()).collect();
    let names = statement.bind(names);
    statement.push(&format!("{schema} AND c.relname = ANY({names})"));
    let rows = statement.fetch_all(conn, false).await?;
    let valid: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(driver)?;
    Ok(definition.parts.iter().filter(|(name, _)| !valid.contains(name)).cloned().collect())
}

async fn build(store: &PgStore, builder: &mut Builder, definition: &Definition, missing: &[(String, String)]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    for (name, create) in missing {
        let leftover = Definition::drop(store.schema(), name);
        let built = match builder.run(&leftover).await {
            Ok(()) => builder.run(create).await,
            refused => refused,
        };
        if let Err(error) = built {
            // What a failed building leaves is paid for by every write. Where this fails too, the next call repairs it.
            let _ = builder.run(&leftover).await;
            return Err(explain(error, &definition.script()));
        }
    }
    // Else the planner would guess what the expressions give until the next time that it comes by.
    builder.run(&format!("ANALYZE {}", store.schema().records)).await.map_err(driver)
}

async fn register(store: &PgStore, conn: &mut PgConnection, index: &FieldIndex) -> Result<()> {
    let mut statement =
        Statement::new(format!("INSERT INTO {} (entity_id, path, kind, index_name) VALUES (", store.schema().field_indexes));
    let values = [
        statement.bind(index.entity_id.as_uuid()),
        statement.bind(index.path.segments().to_vec()),
        statement.bind(kind_name(index.kind)),
        statement.bind(index.name.clone()),
    ];
    statement.push(&format!("{}) ON CONFLICT DO NOTHING", values.join(", ")));
    match statement.query(false)?.execute(conn).await {
        Ok(_) => Ok(()),
        Err(error) if is(&error, sqlstate::FOREIGN_KEY_VIOLATION) => {
            Err(Error::not_found("the entity was deleted meanwhile").with("id", index.entity_id))
        }
        Err(error) => Err(driver(error)),
    }
}

fn explain(error: sqlx::Error, script: &str) -> Error {
    if is(&error, sqlstate::INSUFFICIENT_PRIVILEGE) {
        return Error::permission_denied(
            "the role may not build or drop indexes; the owner of the tables can run the SQL given here",
        )
        .with("sql", script);
    }
    driver(error)
}
