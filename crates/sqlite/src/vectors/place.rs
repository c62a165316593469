//! Indexes and namespaces, as operations find them.

use crate::{
    error::{Mapped as _, corrupt},
    index::{self, Index},
    row,
};
use mastra_core::{
    Error, FieldIndexKind, Result,
    vector::{IndexSpec, Scope},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};
use std::sync::Arc;

/// How many bits of a point's key number it within its namespace; those above are the namespace's key.
const NUMBER_BITS: u32 = 36;

/// An index, and the namespace that an operation is about.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(super) index: i64,
    pub(super) spec: Arc<IndexSpec>,
    /// Its key; none where no point was ever in it.
    pub(super) namespace: Option<i64>,
    /// Whether the namespace has points that SQL alone cannot judge.
    pub(super) finish: bool,
    /// The fields that filters are served on, each by a list of values.
    pub(super) fields: Vec<Index>,
}

const SPEC: &str = "i.key, i.name, i.dimension, i.metric, i.element, i.kind, i.provenance, \
     (SELECT json_group_array(json_array(key, path, kind) ORDER BY key) FROM vector_fields WHERE vector_index = i.key)";

/// The index and namespace of a scope; `NotFound` where there is no such index.
pub(crate) async fn resolve(connection: &mut SqliteConnection, scope: &Scope) -> Result<Place> {
    find(connection, scope, "").await
}

/// The same, as the first statement of a transaction that reads.
pub(crate) async fn begin_and_resolve(connection: &mut SqliteConnection, scope: &Scope) -> Result<Place> {
    find(connection, scope, "BEGIN; ").await
}

async fn find(connection: &mut SqliteConnection, scope: &Scope, begin: &str) -> Result<Place> {
    let sql = format!(
        "{begin}SELECT {SPEC}, n.key, EXISTS (SELECT 1 FROM points WHERE namespace = n.key AND finish = 1) FROM vector_indexes i \
         LEFT JOIN vector_namespaces n ON n.vector_index = i.key AND n.name = ?2 WHERE i.name = ?1"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(&scope.index).bind(&scope.namespace).fetch_all(connection).await.mapped()?;
    let absent = || Error::not_found("there is no vector index of this name").with("index", &scope.index);
    let row = row.first().ok_or_else(absent)?;
    let (index, spec, mut fields) = spec(row)?;
    for field in &mut fields {
        field.kind = FieldIndexKind::Multi;
    }
    Ok(Place { index, spec: Arc::new(spec), namespace: row::get(row, 8)?, finish: row::get(row, 9)?, fields })
}

/// How all indexes were made, in order of their names.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<IndexSpec>> {
    let sql = format!("SELECT {SPEC} FROM vector_indexes i ORDER BY i.name");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.mapped()?;
    rows.iter().map(|row| Ok(spec(row)?.1)).collect()
}

/// An index of [`SPEC`], with its fields as they were asked for.
fn spec(row: &SqliteRow) -> Result<(i64, IndexSpec, Vec<Index>)> {
    let dimension = usize::try_from(row::get::<i64>(row, 2)?).map_err(|_| corrupt("a dimension"))?;
    let mut spec = IndexSpec::new(row::get::<String>(row, 1)?, dimension)
        .metric(named(row::get(row, 3)?)?)
        .element(named(row::get(row, 4)?)?)
        .kind(json(row::get(row, 5)?)?);
    spec.provenance = row::get::<Option<&str>>(row, 6)?.map(json).transpose()?;
    let fields = index::listed(row::get(row, 7)?)?;
    for field in &fields {
        spec = match field.kind {
            FieldIndexKind::Multi => spec.list_field(field.path.clone()),
            _ => spec.field(field.path.clone()),
        };
    }
    Ok((row::get(row, 0)?, spec, fields))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| corrupt("a vector index"))
}

fn named<T: DeserializeOwned>(name: &str) -> Result<T> {
    serde_json::from_value(Value::from(name)).map_err(|_| corrupt("a vector index"))
}

/// The smallest and the largest key that points of a namespace can have.
pub(super) const fn range(namespace: i64) -> (i64, i64) {
    (namespace << NUMBER_BITS, (namespace << NUMBER_BITS) | ((1 << NUMBER_BITS) - 1))
}

/// The word that stands for a namespace in the text index.
pub(super) fn word(namespace: i64) -> String {
    format!("n{namespace}")
}
