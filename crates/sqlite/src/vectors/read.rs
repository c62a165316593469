//! Reading points.

use super::{
    blob,
    place::{Place, range},
    select::{self, Where},
};
use crate::{
    args::Args,
    error::{Mapped as _, corrupt},
    records::{json_list, rows},
    row,
};
use futures::TryStreamExt as _;
use mastra_core::{
    Count, Page, Result,
    vector::{Include, Point, PointCountQuery, ScrollQuery, Vector},
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};

/// The columns of a point, the table `points` as `p`; NULL for what is not asked for.
fn columns(include: Include) -> String {
    let part = |wanted: bool, column: &'static str| if wanted { column } else { "NULL" };
    format!(
        "p.id, {}, {}, {}",
        part(include.metadata, "p.metadata"),
        part(include.text, "p.text"),
        part(include.vector, "(SELECT vector FROM point_vectors WHERE key = p.key)")
    )
}

/// How many columns [`columns`] gives.
const BEHIND: usize = 4;

fn point(row: &SqliteRow, place: &Place) -> Result<Point> {
    let mut point = Point::new(row::get::<String>(row, 0)?);
    point.metadata = row::get::<Option<&str>>(row, 1)?.map(row::parse).transpose()?;
    point.text = row::get(row, 2)?;
    if let Some(bytes) = row::get::<Option<&[u8]>>(row, 3)? {
        let mut numbers = Vec::new();
        blob::decode(bytes, place.spec.element, &mut numbers)?;
        point.vector = Some(Vector::dense(numbers));
    }
    Ok(point)
}

/// The points of these ids, in their order, each once.
pub(super) async fn by_ids(
    connection: &mut SqliteConnection,
    place: &Place,
    ids: &[String],
    include: Include,
) -> Result<Vec<Point>> {
    let Some(namespace) = place.namespace else { return Ok(Vec::new()) };
    let mut seen = std::collections::HashSet::new();
    let (list, length) = json_list(ids.iter().map(String::as_str).filter(|id| seen.insert(*id)))?;
    let sql = format!(
        "SELECT {}, j.key FROM json_each(?2) j CROSS JOIN points p ON p.namespace = ?1 AND p.id = j.value",
        columns(include)
    );
    let mut found: Vec<Option<Point>> = Vec::new();
    found.resize_with(length, || None);
    let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(namespace).bind(list).fetch(connection);
    while let Some(row) = rows.try_next().await.mapped()? {
        let position = usize::try_from(row::get::<i64>(&row, BEHIND)?).map_err(|_| corrupt("a position"))?;
        *found.get_mut(position).ok_or_else(|| corrupt("a position"))? = Some(point(&row, place)?);
    }
    Ok(found.into_iter().flatten().collect())
}

/// One page in order of ids.
pub(super) async fn page(
    connection: &mut SqliteConnection,
    place: &Place,
    scope: &mastra_core::vector::Scope,
    query: &ScrollQuery,
) -> Result<Page<Point>> {
    let after = query.position(scope)?.unwrap_or_default();
    let Some(namespace) = place.namespace else { return Ok(Page::default()) };
    let mut args = Args::default();
    let matching = Where::new(place, namespace, &query.filter, &mut args);
    // SQLite's order of texts is that of their bytes, which is that of code points.
    let after = args.bind(after);
    let limit = match matching.decides() {
        // What SQLite counts is signed.
        true => format!("LIMIT {}", i64::try_from(query.limit.saturating_add(1)).unwrap_or(i64::MAX)),
        false => String::new(),
    };
    let sql = format!(
        "SELECT {}, {} FROM points p WHERE p.namespace = {namespace} AND p.id > {after} AND {} ORDER BY p.id {limit}",
        columns(query.include),
        matching.column(),
        matching.sql
    );
    let mut items: Vec<Point> = Vec::new();
    let mut rows = rows(connection, sql, args.finish()?);
    let mut next_cursor = None;
    while let Some(row) = rows.try_next().await? {
        if !matching.accepts(row::get(&row, BEHIND)?)? {
            continue;
        }
        if let Some(last) = items.last().filter(|_| items.len() == query.limit) {
            next_cursor = Some(query.cursor_after(scope, &last.id)?);
            break;
        }
        items.push(point(&row, place)?);
    }
    Ok(Page { items, next_cursor })
}

/// How many points match.
pub(super) async fn count(connection: &mut SqliteConnection, place: &Place, query: &PointCountQuery) -> Result<Count> {
    let Some(namespace) = place.namespace else { return Ok(Count { value: 0, capped: false }) };
    let most = query.cap.map_or(u64::MAX, |cap| cap.saturating_add(1));
    let mut args = Args::default();
    let matching = Where::new(place, namespace, &query.filter, &mut args);
    let counted = if matching.decides() {
        let (first, last) = range(namespace);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let from = format!("FROM points p WHERE p.key BETWEEN {first} AND {last} AND {}", matching.sql);
        let sql = format!("SELECT count(*) FROM (SELECT 1 {from} LIMIT {most})");
        let counted: i64 = sqlx::query_scalar_with(AssertSqlSafe(sql), args.finish()?).fetch_one(connection).await.mapped()?;
        counted.unsigned_abs()
    } else {
        select::keys(connection, place, &query.filter, most).await?.len() as u64
    };
    let capped = query.cap.is_some_and(|cap| counted > cap);
    Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
}
