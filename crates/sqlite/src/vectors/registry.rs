//! Making, emptying and dropping indexes and namespaces.

use super::place::{Place, range};
use crate::{
    error::{Code, Mapped as _, statement},
    row,
};
use mastra_core::{
    Error, FieldIndexKind, Result, time,
    vector::{Element, IndexSpec, NamespaceInfo},
};
use serde::Serialize;
use sqlx::{AssertSqlSafe, SqliteConnection};

pub(super) async fn create(connection: &mut SqliteConnection, spec: &IndexSpec) -> Result<()> {
    let sql = "INSERT INTO vector_indexes (name, dimension, metric, element, kind, provenance, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
               RETURNING key";
    let element = match spec.element {
        Element::F32 => "f32",
        Element::F16 => "f16",
        _ => return Err(Error::unsupported("this store does not keep such numbers")),
    };
    let inserted = sqlx::query_scalar::<_, i64>(sql)
        .bind(&spec.name)
        .bind(spec.dimension as i64)
        .bind(spec.metric.as_str())
        .bind(element)
        .bind(json(&spec.kind)?)
        .bind(spec.provenance.as_ref().map(json).transpose()?)
        .bind(time::now().timestamp_micros())
        .fetch_one(&mut *connection)
        .await;
    let key = inserted.map_err(|error| match Code::of(&error) {
        Some(Code::Unique) => Error::already_exists("there is a vector index of this name").with("index", &spec.name),
        _ => statement(error),
    })?;
    for field in &spec.fields {
        let sql = "INSERT INTO vector_fields (vector_index, path, kind) VALUES (?1, ?2, ?3)";
        let kind = if field.kind == FieldIndexKind::Scalar { "scalar" } else { "multi" };
        sqlx::query(sql).bind(key).bind(field.path.to_string()).bind(kind).execute(&mut *connection).await.mapped()?;
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|source| Error::internal("an index could not be written").with_source(source))
}

/// The namespace that a point is about to be in.
pub(super) async fn namespace(connection: &mut SqliteConnection, index: i64, name: &str) -> Result<i64> {
    let sql = "INSERT INTO vector_namespaces (vector_index, name) VALUES (?1, ?2) RETURNING key";
    sqlx::query_scalar(sql).bind(index).bind(name).fetch_one(connection).await.mapped()
}

/// The namespaces that hold points, in order of their names.
pub(super) async fn namespaces(connection: &mut SqliteConnection, place: &Place) -> Result<Vec<NamespaceInfo>> {
    let sql = "SELECT n.name, count(*) FROM vector_namespaces n JOIN points p ON p.namespace = n.key WHERE n.vector_index = ?1 \
               GROUP BY n.name ORDER BY n.name";
    let rows = sqlx::query(sql).bind(place.index).fetch_all(connection).await.mapped()?;
    rows.iter().map(|row| Ok(NamespaceInfo { name: row::get(row, 0)?, count: row::get::<i64>(row, 1)?.unsigned_abs() })).collect()
}

/// Removes the namespace with its points, and tells how many those were.
pub(super) async fn empty(connection: &mut SqliteConnection, place: &Place) -> Result<u64> {
    match place.namespace {
        Some(namespace) => drop_namespace(connection, namespace).await,
        None => Ok(0),
    }
}

/// Removes every namespace of an index.
pub(super) async fn truncate(connection: &mut SqliteConnection, place: &Place) -> Result<()> {
    let sql = "SELECT key FROM vector_namespaces WHERE vector_index = ?1";
    let namespaces: Vec<i64> = sqlx::query_scalar(sql).bind(place.index).fetch_all(&mut *connection).await.mapped()?;
    for namespace in namespaces {
        drop_namespace(connection, namespace).await?;
    }
    Ok(())
}

pub(super) async fn delete(connection: &mut SqliteConnection, place: &Place) -> Result<()> {
    truncate(connection, place).await?;
    for sql in ["DELETE FROM vector_fields WHERE vector_index = ?1", "DELETE FROM vector_indexes WHERE key = ?1"] {
        sqlx::query(sql).bind(place.index).execute(&mut *connection).await.mapped()?;
    }
    Ok(())
}

async fn drop_namespace(connection: &mut SqliteConnection, namespace: i64) -> Result<u64> {
    let (first, last) = range(namespace);
    let mut removed = 0;
    for (table, key) in [("point_text", "rowid"), ("point_values", "point"), ("point_vectors", "key"), ("points", "key")] {
        let sql = format!("DELETE FROM {table} WHERE {key} BETWEEN ?1 AND ?2");
        let done = sqlx::query(AssertSqlSafe(sql)).bind(first).bind(last).execute(&mut *connection).await.mapped()?;
        removed = done.rows_affected();
    }
    sqlx::query("DELETE FROM vector_namespaces WHERE key = ?1").bind(namespace).execute(connection).await.mapped()?;
    Ok(removed)
}
