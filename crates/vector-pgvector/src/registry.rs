//! The registry of indexes, and what is remembered of it.

use crate::{
    index::{Index, Layout},
    store::Common,
};
use mastra_core::{Error, Result, vector::IndexSpec};
use mastra_postgres::foundation::{Database, driver_error, is_state, literal};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgRow, types::Json};
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How long an index is known before the registry is asked again: whether its graph was built meanwhile, for one.
const KNOWN: Duration = Duration::from_secs(30);

/// The indexes that were looked up. A table is never made twice under one name, so whoever uses one that was dropped is told so.
#[derive(Debug, Default)]
pub(crate) struct Known(RwLock<HashMap<String, (Instant, Arc<Index>)>>);

impl Known {
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Index>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).filter(|(since, _)| since.elapsed() < KNOWN).map(|(_, index)| Arc::clone(index))
    }

    pub(crate) fn put(&self, name: &str, index: &Arc<Index>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), (Instant::now(), Arc::clone(index)));
    }

    pub(crate) fn forget(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// The registry's table.
pub(crate) fn table(database: &Database) -> String {
    database.qualified("vector_indexes")
}

const COLUMNS: &str = "spec, table_schema, table_name, owned, built, columns";

/// The index of that name.
pub(crate) async fn find(conn: &mut PgConnection, database: &Database, common: &Common, name: &str) -> Result<Option<Index>> {
    let statement = format!("SELECT {COLUMNS} FROM {} WHERE name = $1", table(database));
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(database.persistent()).bind(name);
    let Some(row) = query.fetch_optional(&mut *conn).await.map_err(driver_error)? else { return Ok(None) };
    let extension = common.extension(conn).await?;
    read(&row).map_err(driver_error).map(|(spec, table_schema, table_name, owned, built, layout)| {
        Some(Index { spec: Arc::new(spec), table_schema, table_name, owned, built, layout, extension })
    })
}

type Row = (IndexSpec, String, String, bool, bool, Layout);

fn read(row: &PgRow) -> sqlx::Result<Row> {
    Ok((
        row.try_get::<Json<IndexSpec>, _>(0)?.0,
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
        row.try_get::<Json<Layout>, _>(5)?.0,
    ))
}

/// How the indexes were made, in order of their names.
pub(crate) async fn list(conn: &mut PgConnection, database: &Database) -> Result<Vec<IndexSpec>> {
    let statement = format!("SELECT spec FROM {} ORDER BY name", table(database));
    let query = sqlx::query(AssertSqlSafe(statement)).persistent(database.persistent());
    let rows = query.fetch_all(conn).await.map_err(driver_error)?;
    rows.iter().map(|row| Ok(row.try_get::<Json<IndexSpec>, _>(0).map_err(driver_error)?.0)).collect()
}

/// What is written down of a new index.
#[derive(Debug)]
pub(crate) struct Entry<'e> {
    pub(crate) spec: &'e IndexSpec,
    pub(crate) table_schema: &'e str,
    pub(crate) table_name: &'e str,
    pub(crate) owned: bool,
    pub(crate) built: bool,
    pub(crate) layout: &'e Layout,
}

impl Entry<'_> {
    /// The statement, its values written out, so that a person can run it too.
    pub(crate) fn insert(&self, database: &Database) -> Result<String> {
        let json = |value: serde_json::Result<String>| {
            value.map_err(|source| Error::internal("an index could not be written as JSON").with_source(source))
        };
        Ok(format!(
            "INSERT INTO {} (name, table_schema, table_name, owned, spec, columns, built) \
             VALUES ({}, {}, {}, {}, {}::jsonb, {}::jsonb, {})",
            table(database),
            literal(&self.spec.name),
            literal(self.table_schema),
            literal(self.table_name),
            self.owned,
            literal(&json(serde_json::to_string(self.spec))?),
            literal(&json(serde_json::to_string(self.layout))?),
            self.built,
        ))
    }
}

/// The error of an insertion: the name is taken, or whatever else it was.
pub(crate) fn taken(error: sqlx::Error, name: &str) -> Error {
    if is_state(&error, "23505") {
        return Error::already_exists("there is a vector index of this name").with("index", name);
    }
    driver_error(error)
}
