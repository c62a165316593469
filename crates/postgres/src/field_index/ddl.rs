//! Building, listing and dropping field indexes.

use super::definition::{Definition, identity, kind_name};
use crate::{
    error::{driver, is, sqlstate},
    query::{Statement, require_entity},
    store::{PgStore, Session},
};
use mastra_core::{EntityId, Error, FieldIndex, FieldIndexKind, Path, Result};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::time::Duration;

/// How often the lock is asked for while another process builds the same index.
const POLLED: Duration = Duration::from_millis(50);

/// How many characters of the hash stand in a name.
const DIGEST: usize = 32;

/// Builds an index on a field, without blocking writers; where it exists, gives it.
///
/// Building happens outside transactions, so it can be broken off in the middle and leave an index that is not valid: the next
/// call drops that and builds again. Concurrent calls build it once.
pub(crate) async fn create(store: &PgStore, entity: EntityId, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
    require_entity(store, entity).await?;
    let mut lock = store.write().await?;
    let (definition, key) = define(store, &mut lock, entity, path, kind).await?;
    let index = FieldIndex { entity_id: entity, path: path.clone(), kind, name: definition.name.clone() };
    if registered(store, &mut lock, &index).await? && missing(store, &mut lock, &definition).await?.is_empty() {
        lock.finish().await?;
        return Ok(index);
    }
    // The lock lives in a transaction that has no snapshot between its statements, for which building would wait.
    while !try_lock(&mut lock, key).await? {
        tokio::time::sleep(POLLED).await;
    }
    build(store, &mut lock, &definition).await?;
    register(store, &mut lock, &index).await?;
    lock.finish().await?;
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
    let mut lock = store.write().await?;
    let (definition, key) = define(store, &mut lock, entity, path, kind).await?;
    let index = FieldIndex { entity_id: entity, path: path.clone(), kind, name: definition.name.clone() };
    while !try_lock(&mut lock, key).await? {
        tokio::time::sleep(POLLED).await;
    }
    if !registered(store, &mut lock, &index).await? {
        return Err(Error::not_found("there is no such field index").with("path", path).with("kind", kind_name(kind)));
    }
    let schema = store.schema();
    let mut conn = connect(store).await?;
    let drops: Vec<String> = definition.parts.iter().map(|(name, _)| Definition::drop(schema, name)).collect();
    for drop in &drops {
        run(&mut conn, drop).await.map_err(|error| explain(error, &drops.join("; ")))?;
    }
    conn.close().await.map_err(driver)?;
    let mut statement = Statement::new(format!("DELETE FROM {} WHERE entity_id = ", schema.field_indexes));
    let key = [statement.bind(entity.as_uuid()), statement.bind(path.segments().to_vec()), statement.bind(kind_name(kind))];
    statement.push(&format!("{} AND path = {} AND kind = {}", key[0], key[1], key[2]));
    statement.query(false)?.execute(lock.conn()?).await.map_err(driver)?;
    lock.finish().await?;
    store.shared.field_indexes.forget(entity);
    Ok(())
}

/// The definition, and the key of the lock under which it is built and dropped.
async fn define(
    store: &PgStore,
    session: &mut Session<'_>,
    entity: EntityId,
    path: &Path,
    kind: FieldIndexKind,
) -> Result<(Definition, i64)> {
    let mut statement = Statement::new("SELECT encode(sha256(convert_to(");
    let identity = statement.bind(format!("{} {}", store.schema().quoted(), identity(entity, path, kind)));
    statement.push(&format!("{identity}, 'UTF8')), 'hex')"));
    let row = statement.query(false)?.fetch_one(session.conn()?).await.map_err(driver)?;
    let hash: String = row.try_get(0).map_err(driver)?;
    let digest = hash.get(..DIGEST).unwrap_or(&hash);
    let key = u64::from_str_radix(hash.get(..16).unwrap_or_default(), 16).unwrap_or_default().cast_signed();
    Ok((Definition::new(store.schema(), entity, path, kind, digest), key))
}

async fn try_lock(session: &mut Session<'_>, key: i64) -> Result<bool> {
    let mut statement = Statement::new("SELECT pg_try_advisory_xact_lock(");
    let key = statement.bind(key);
    statement.push(&format!("{key})"));
    let row = statement.query(false)?.fetch_one(session.conn()?).await.map_err(driver)?;
    row.try_get(0).map_err(driver)
}

async fn registered(store: &PgStore, session: &mut Session<'_>, index: &FieldIndex) -> Result<bool> {
    let mut statement = Statement::new(format!("SELECT FROM {} f WHERE f.entity_id = ", store.schema().field_indexes));
    let entity = statement.bind(index.entity_id.as_uuid());
    let path = statement.bind(index.path.segments().to_vec());
    let kind = statement.bind(kind_name(index.kind));
    statement.push(&format!("{entity} AND f.path = {path} AND f.kind = {kind}"));
    let found = statement.query(false)?.fetch_optional(session.conn()?).await.map_err(driver)?;
    Ok(found.is_some())
}

/// The parts that are not there, or there and not valid.
async fn missing(store: &PgStore, session: &mut Session<'_>, definition: &Definition) -> Result<Vec<(String, String)>> {
    let mut statement = Statement::new(
        "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE i.indisvalid AND n.nspname = ",
    );
    let schema = statement.bind(store.schema().name());
    let names: Vec<String> = definition.parts.iter().map(|(name, _)| name.clone()).collect();
    let names = statement.bind(names);
    statement.push(&format!("{schema} AND c.relname = ANY({names})"));
    let rows = statement.fetch_all(session.conn()?, false).await?;
    let valid: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<_>>().map_err(driver)?;
    Ok(definition.parts.iter().filter(|(name, _)| !valid.contains(name)).cloned().collect())
}

async fn build(store: &PgStore, lock: &mut Session<'_>, definition: &Definition) -> Result<()> {
    let missing = missing(store, lock, definition).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut conn = connect(store).await?;
    for (name, create) in &missing {
        let leftover = Definition::drop(store.schema(), name);
        let built = match run(&mut conn, &leftover).await {
            Ok(()) => run(&mut conn, create).await,
            refused => refused,
        };
        if let Err(error) = built {
            // What a failed building leaves is paid for by every write. Where this fails too, the next call repairs it.
            let _ = run(&mut conn, &leftover).await;
            return Err(explain(error, &definition.script()));
        }
    }
    // Else the planner would guess what the expressions give until the next time that it comes by.
    run(&mut conn, &format!("ANALYZE {}", store.schema().records)).await.map_err(driver)?;
    conn.close().await.map_err(driver)
}

async fn register(store: &PgStore, lock: &mut Session<'_>, index: &FieldIndex) -> Result<()> {
    let mut statement =
        Statement::new(format!("INSERT INTO {} (entity_id, path, kind, index_name) VALUES (", store.schema().field_indexes));
    let values = [
        statement.bind(index.entity_id.as_uuid()),
        statement.bind(index.path.segments().to_vec()),
        statement.bind(kind_name(index.kind)),
        statement.bind(index.name.clone()),
    ];
    statement.push(&format!("{}) ON CONFLICT DO NOTHING", values.join(", ")));
    match statement.query(false)?.execute(lock.conn()?).await {
        Ok(_) => Ok(()),
        Err(error) if is(&error, sqlstate::FOREIGN_KEY_VIOLATION) => {
            Err(Error::not_found("the entity was deleted meanwhile").with("id", index.entity_id))
        }
        Err(error) => Err(driver(error)),
    }
}

/// A connection of its own: building takes as long as it takes, and no pool should lack a connection for it.
async fn connect(store: &PgStore) -> Result<PgConnection> {
    let mut conn = store.shared.writer.connect_options().connect().await.map_err(driver)?;
    if store.shared.persistent() {
        run(&mut conn, "SET statement_timeout = 0").await.map_err(driver)?;
        run(&mut conn, "SET lock_timeout = 0").await.map_err(driver)?;
    }
    Ok(conn)
}

/// Runs a statement outside any transaction.
async fn run(conn: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    // The text comes from the definitions here: names and paths are quoted.
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.map(drop_result)
}

fn drop_result<T>(_: T) {}

fn explain(error: sqlx::Error, script: &str) -> Error {
    if is(&error, sqlstate::INSUFFICIENT_PRIVILEGE) {
        return Error::permission_denied(
            "the role may not build or drop indexes; the owner of the tables can run the SQL given here",
        )
        .with("sql", script);
    }
    driver(error)
}
