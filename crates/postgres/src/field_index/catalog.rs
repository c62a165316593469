//! Which indexes there are, remembered for a while.

use super::statistics::{self, Statistics};
use crate::{error::driver, quote::literal, store::PgStore};
use mastra_core::{EntityId, Path, Result};
use sqlx::Row as _;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long what is known of an entity's indexes is taken for true. Another process may have built or dropped one meanwhile:
/// queries then are slower than they could be, and never wrong.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The most entities that are remembered.
const ENTITIES: usize = 10_000;

/// The indexes that can serve queries over one entity.
#[derive(Debug, Default)]
pub(crate) struct KnownIndexes {
    scalar: HashMap<Path, Statistics>,
    multi: HashSet<Path>,
    /// Whether somebody built a GIN index over whole documents.
    pub(crate) documents: bool,
}

impl KnownIndexes {
    pub(crate) fn has_scalar(&self, path: &Path) -> bool {
        self.scalar.contains_key(path)
    }

    /// What is known of the values under a scalar index.
    pub(crate) fn statistics(&self, path: &Path) -> Option<&Statistics> {
        self.scalar.get(path)
    }

    pub(crate) fn has_multi(&self, path: &Path) -> bool {
        self.multi.contains(path)
    }
}

/// What an engine remembers of the indexes.
#[derive(Debug, Default)]
pub(crate) struct FieldIndexes(Mutex<HashMap<EntityId, (Instant, Arc<KnownIndexes>)>>);

impl FieldIndexes {
    /// The indexes of an entity; a round trip where they are not remembered.
    pub(crate) async fn of(&self, store: &PgStore, entity: EntityId) -> Result<Arc<KnownIndexes>> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&entity).cloned();
        if let Some((_, known)) = remembered.filter(|(since, _)| since.elapsed() < REMEMBERED) {
            return Ok(known);
        }
        let known = Arc::new(read(store, entity).await?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ENTITIES {
            all.clear();
        }
        all.insert(entity, (Instant::now(), Arc::clone(&known)));
        Ok(known)
    }

    /// Forgets an entity's indexes, one of which was built or dropped.
    pub(crate) fn forget(&self, entity: EntityId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&entity);
    }
}

async fn read(store: &PgStore, entity: EntityId) -> Result<KnownIndexes> {
    let schema = store.schema();
    // An index that is still being built, or whose building was broken off, is not valid and serves nothing.
    let statement = format!(
        "SELECT f.path, f.kind, f.index_name::text FROM {} f \
         JOIN pg_catalog.pg_class c ON c.relname = f.index_name AND c.relnamespace = {}::regnamespace \
         JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid AND i.indisvalid WHERE f.entity_id = $1 \
         UNION ALL SELECT NULL, 'documents', NULL WHERE EXISTS (\
         SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
         JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'gin' \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] AND a.attname = 'data' \
         WHERE i.indrelid = {}::regclass AND i.indisvalid)",
        schema.field_indexes,
        literal(schema.quoted()),
        literal(&schema.records),
    );
    let mut session = store.read().await?;
    let rows = store.shared.query(&statement).bind(entity.as_uuid()).fetch_all(session.conn()?).await.map_err(driver)?;
    session.finish().await?;
    let mut known = KnownIndexes::default();
    let mut scalar = Vec::new();
    for row in rows {
        let path: Option<Vec<String>> = row.try_get(0).map_err(driver)?;
        let kind: String = row.try_get(1).map_err(driver)?;
        let name: Option<String> = row.try_get(2).map_err(driver)?;
        match path.map(Path::from_segments).transpose()? {
            None => known.documents = true,
            Some(path) if kind == "scalar" => scalar.push((path, name.unwrap_or_default())),
            Some(path) => drop(known.multi.insert(path)),
        }
    }
    if !scalar.is_empty() {
        let names = scalar.iter().map(|(_, name)| name.clone()).collect();
        let mut statistics = statistics::read(store, names).await?;
        known.scalar = scalar.into_iter().map(|(path, name)| (path, statistics.remove(&name).unwrap_or_default())).collect();
    }
    Ok(known)
}
