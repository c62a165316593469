//! Writing points.

use super::{
    blob,
    place::{Place, range, word},
    registry, select,
};
use crate::{
    args::{Args, placeholders, powers_of_two},
    error::Mapped as _,
    fields::{self, Beside, Side, forget},
    finish::needs_core,
    row,
};
use mastra_core::{
    Error, Result,
    text::index_string,
    vector::{MetadataChange, NewPoint, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
};
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// The tables beside points.
const POINTS: Side = Side { texts: "point_text", values: "point_values", owner: "point" };

/// How many points stand in one statement.
const ROWS: usize = 128;

/// How many points are changed, or removed, at a time.
const PIECE: usize = 1_000;

/// Metadata as it is stored.
struct Metadata {
    text: String,
    finish: bool,
}

impl Metadata {
    fn of(value: &Value) -> Self {
        Self { text: value.to_string(), finish: needs_core(value) }
    }
}

/// Points with all that can be worked out before the writer is waited for.
pub(super) struct Draft<'p> {
    ids: Vec<String>,
    points: Vec<(&'p NewPoint, Metadata, String)>,
}

impl<'p> Draft<'p> {
    pub(super) fn new(points: &'p [NewPoint]) -> Self {
        let id = |point: &NewPoint| point.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        let prepare = |point: &'p NewPoint| (point, Metadata::of(&point.metadata), words(point.text.as_deref()));
        Self { ids: points.iter().map(id).collect(), points: points.iter().map(prepare).collect() }
    }
}

fn words(text: Option<&str>) -> String {
    text.map(index_string).unwrap_or_default()
}

pub(super) async fn upsert(
    connection: &mut SqliteConnection,
    mut place: Place,
    scope: &Scope,
    draft: Draft<'_>,
    options: &PointUpsertOptions,
) -> Result<PointUpsertReport> {
    // The index may have been made again since the arguments were checked.
    place.spec.still_takes(None, options.model.as_deref())?;
    draft.points.iter().try_for_each(|(point, ..)| place.spec.still_takes(Some(&point.vector), None))?;
    let stored: HashMap<usize, i64> = select::of_ids(connection, &place, &draft.ids).await?.into_iter().collect();
    let mut removed = 0;
    if let Some(filter) = &options.replace_where {
        let written: HashSet<i64> = stored.values().copied().collect();
        let mut matching = select::keys(connection, &place, filter, u64::MAX).await?;
        matching.retain(|key| !written.contains(key));
        remove(connection, &place, &matching).await?;
        removed = matching.len() as u64;
    }
    if draft.points.is_empty() {
        return Ok(PointUpsertReport::new(draft.ids, Some(removed)));
    }
    let namespace = match place.namespace {
        Some(namespace) => namespace,
        None => registry::namespace(connection, place.index, &scope.namespace).await?,
    };
    place.namespace = Some(namespace);
    let mut next = next_key(connection, namespace).await?;
    let mut beside = Beside::default();
    let (mut rows, mut vectors) = (Vec::with_capacity(draft.points.len()), Vec::with_capacity(draft.points.len()));
    for (position, (id, (point, metadata, words))) in draft.ids.iter().zip(draft.points).enumerate() {
        let known = stored.get(&position).copied();
        let key = known.unwrap_or(next);
        if known.is_none() {
            next += 1;
        }
        beside.add(key, known.is_none(), Some(words), fields::values(&place.fields, &point.metadata));
        vectors.push((key, blob::encode(key, place.spec.element, point.vector.as_slice())));
        rows.push((key, id.as_str(), metadata, point.text.as_deref()));
    }
    if next > range(namespace).1 {
        return Err(Error::unsupported("the namespace has used up its numbers; copy its points into another"));
    }
    for piece in powers_of_two(rows, ROWS) {
        let sql = format!(
            "INSERT INTO points (key, namespace, id, finish, metadata, text) VALUES {} \
             ON CONFLICT (key) DO UPDATE SET finish = excluded.finish, metadata = excluded.metadata, text = excluded.text",
            placeholders("(?,?,?,?,?,?)", piece.len())
        );
        let mut args = Args::default();
        for (key, id, metadata, text) in piece {
            args.push(key);
            args.push(namespace);
            args.push(id);
            args.push(metadata.finish);
            args.push(metadata.text);
            args.push(text);
        }
        run(connection, sql, args).await?;
    }
    put_vectors(connection, vectors).await?;
    beside.write(connection, POINTS, &word(namespace), !place.fields.is_empty()).await?;
    Ok(PointUpsertReport::new(draft.ids, Some(removed)))
}

/// The key behind every one of the namespace.
async fn next_key(connection: &mut SqliteConnection, namespace: i64) -> Result<i64> {
    let (first, last) = range(namespace);
    let sql = "SELECT coalesce(max(key) + 1, ?1) FROM points WHERE key BETWEEN ?1 AND ?2";
    sqlx::query_scalar(sql).bind(first).bind(last).fetch_one(connection).await.mapped()
}

async fn put_vectors(connection: &mut SqliteConnection, vectors: Vec<(i64, Vec<u8>)>) -> Result<()> {
    for piece in powers_of_two(vectors, ROWS) {
        let sql = format!(
            "INSERT INTO point_vectors (key, vector) VALUES {} ON CONFLICT (key) DO UPDATE SET vector = excluded.vector",
            placeholders("(?,?)", piece.len())
        );
        let mut args = Args::default();
        for (key, vector) in piece {
            args.push(key);
            args.push(vector);
        }
        run(connection, sql, args).await?;
    }
    Ok(())
}

async fn run(connection: &mut SqliteConnection, sql: String, args: Args) -> Result<()> {
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(connection).await.map(drop).mapped()
}

/// Changes the points that a selector means, and tells how many.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    place: &Place,
    selector: &PointSelector,
    update: &PointUpdate,
) -> Result<u64> {
    place.spec.still_takes(update.vector.as_ref(), update.model.as_deref())?;
    let keys = select::selected(connection, place, selector).await?;
    let Some(namespace) = place.namespace else { return Ok(0) };
    for piece in keys.chunks(PIECE) {
        if let Some(vector) = &update.vector {
            let encode = |key: &i64| (*key, blob::encode(*key, place.spec.element, vector.as_slice()));
            put_vectors(connection, piece.iter().map(encode).collect()).await?;
        }
        let mut beside = Beside::default();
        let values = match &update.metadata {
            Some(change) => put_metadata(connection, place, piece, change).await?,
            None => Vec::new(),
        };
        for (key, metadata) in &values {
            beside.add(*key, false, None, fields::values(&place.fields, metadata));
        }
        let lists = !values.is_empty() && !place.fields.is_empty();
        beside.write(connection, POINTS, &word(namespace), lists).await?;
        if let Some(text) = &update.text {
            let sql = "UPDATE points SET text = ?1 WHERE key IN (SELECT value FROM json_each(?2))";
            sqlx::query(sql).bind(text.as_deref()).bind(format!("{piece:?}")).execute(&mut *connection).await.mapped()?;
            let words = words(text.as_deref());
            let mut beside = Beside::default();
            piece.iter().for_each(|key| beside.add(*key, false, Some(words.clone()), Vec::new()));
            beside.write(connection, POINTS, &word(namespace), false).await?;
        }
    }
    Ok(keys.len() as u64)
}

/// Writes the metadata that each point ends with, and gives it back.
async fn put_metadata(
    connection: &mut SqliteConnection,
    place: &Place,
    keys: &[i64],
    change: &MetadataChange,
) -> Result<Vec<(i64, Value)>> {
    let changed: Vec<(i64, Value)> = match change {
        MetadataChange::Replace(value) if place.fields.is_empty() => {
            let Metadata { text, finish } = Metadata::of(value);
            let sql = "UPDATE points SET finish = ?1, metadata = ?2 WHERE key IN (SELECT value FROM json_each(?3))";
            let done = sqlx::query(sql).bind(finish).bind(text).bind(format!("{keys:?}")).execute(connection).await;
            return done.map(|_| Vec::new()).mapped();
        }
        MetadataChange::Replace(value) => keys.iter().map(|key| (*key, value.clone())).collect(),
        change => {
            let sql = "SELECT p.key, p.metadata FROM json_each(?1) j CROSS JOIN points p ON p.key = j.value";
            let rows = sqlx::query(sql).bind(format!("{keys:?}")).fetch_all(&mut *connection).await.mapped()?;
            let apply = |row| Ok((row::get(row, 0)?, change.apply(&row::json(row, 1)?)));
            rows.iter().map(apply).collect::<Result<_>>()?
        }
    };
    let rows: Vec<(i64, Metadata)> = changed.iter().map(|(key, value)| (*key, Metadata::of(value))).collect();
    for piece in powers_of_two(rows, ROWS) {
        let sql = format!(
            "WITH v (key, finish, metadata) AS (VALUES {}) \
             UPDATE points SET finish = v.finish, metadata = v.metadata FROM v WHERE points.key = v.key",
            placeholders("(?,?,?)", piece.len())
        );
        let mut args = Args::default();
        for (key, metadata) in piece {
            args.push(key);
            args.push(metadata.finish);
            args.push(metadata.text);
        }
        run(connection, sql, args).await?;
    }
    Ok(changed)
}

/// Removes points for good, with all that is kept beside them.
pub(super) async fn remove(connection: &mut SqliteConnection, place: &Place, keys: &[i64]) -> Result<()> {
    for piece in keys.chunks(PIECE * 10) {
        forget(connection, piece, POINTS.texts, "rowid").await?;
        if !place.fields.is_empty() {
            forget(connection, piece, POINTS.values, POINTS.owner).await?;
        }
        forget(connection, piece, "point_vectors", "key").await?;
        forget(connection, piece, "points", "key").await?;
    }
    Ok(())
}
