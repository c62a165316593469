//! Points by id, in order, and how many.

use crate::index::Index;
use futures::TryStreamExt as _;
use mastra_core::{
    Count, Filter, Page, Result,
    vector::{Include, NamespaceInfo, Point, PointCountQuery, Scope, ScrollQuery, Vector},
};
use mastra_postgres::foundation::{Database, Statement, compile, driver_error, identifier};
use serde_json::Value;
use sqlx::{PgConnection, Row as _, postgres::PgRow, types::Json};
use std::collections::HashMap;

/// How many rows a page looks at first where core has to finish the filter.
const LOOKED_AT: usize = 1_000;

/// The most rows that a statement can ask for.
pub(crate) const MOST: usize = i64::MAX as usize;

/// The columns of a point, behind its id.
pub(crate) fn columns(index: &Index, include: Include) -> String {
    let mut columns = String::new();
    if include.vector {
        // Of a type that every driver knows.
        columns.push_str(&format!(", {}::real[]", index.vector()));
    }
    if include.metadata {
        columns.push_str(&format!(", {}", index.metadata()));
    }
    if include.text {
        columns.push_str(&format!(", {}", index.text()));
    }
    columns
}

/// A point, from a row whose [`columns`] begin at `at`, and where they end.
pub(crate) fn point(row: &PgRow, id: String, include: Include, at: usize) -> sqlx::Result<Point> {
    let mut point = Point::new(id);
    let mut columns = at..;
    let mut next = || columns.next().unwrap_or_default();
    if include.vector {
        point.vector = Some(Vector::dense(row.try_get::<Vec<f32>, _>(next())?));
    }
    if include.metadata {
        point.metadata = Some(row.try_get::<Json<Value>, _>(next())?.0);
    }
    if include.text {
        point.text = row.try_get(next())?;
    }
    Ok(point)
}

/// The points of these ids, by id.
pub(crate) async fn by_ids(
    conn: &mut PgConnection,
    persistent: bool,
    index: &Index,
    scope: &Scope,
    ids: &[String],
    include: Include,
) -> Result<HashMap<String, Point>> {
    let mut statement =
        Statement::new(format!("SELECT {}::text{} FROM {} p", index.id(), columns(index, include), index.table()));
    let namespace = index.in_namespace(scope, &mut statement);
    let ids = statement.bind(ids.to_vec());
    statement.push(&format!(" WHERE {namespace} AND {} = ANY({ids})", index.id()));
    let rows = statement.fetch_all(conn, persistent).await?;
    let read = |row: &PgRow| {
        let id: String = row.try_get(0)?;
        Ok((id.clone(), point(row, id, include, 1)?))
    };
    rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(driver_error)
}

/// How long the vectors of these ids are.
pub(crate) async fn lengths(
    conn: &mut PgConnection,
    persistent: bool,
    index: &Index,
    scope: &Scope,
    ids: &[&str],
) -> Result<HashMap<String, f64>> {
    let length = index.extension.length(index.spec.element);
    let mut statement =
        Statement::new(format!("SELECT {}::text, {length}({}) FROM {} p", index.id(), index.vector(), index.table()));
    let namespace = index.in_namespace(scope, &mut statement);
    let ids = statement.bind(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<String>>());
    statement.push(&format!(" WHERE {namespace} AND {} = ANY({ids})", index.id()));
    let rows = statement.fetch_all(conn, persistent).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<sqlx::Result<_>>().map_err(driver_error)
}

/// The points of these ids, in their order, each once.
pub(crate) async fn get(
    database: &Database,
    index: &Index,
    scope: &Scope,
    ids: &[String],
    include: Include,
) -> Result<Vec<Point>> {
    let mut work = database.read().await?;
    let mut found = by_ids(work.conn()?, database.persistent(), index, scope, ids, include).await?;
    work.finish().await?;
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// One page in order of ids.
pub(crate) async fn scroll(database: &Database, index: &Index, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
    let compiled = compile(&query.filter);
    let matcher = (!compiled.exact).then(|| query.filter.clone().matcher());
    let read = Include { metadata: query.include.metadata || matcher.is_some(), ..query.include };
    // What the server counts is signed.
    let wanted = query.limit.saturating_add(1).min(MOST);
    let mut look = if matcher.is_some() { wanted.max(LOOKED_AT) } else { wanted };
    let mut after = query.position(scope)?;
    let mut items: Vec<Point> = Vec::new();
    let mut work = database.read().await?;
    loop {
        let mut statement =
            Statement::new(format!("SELECT {}::text{} FROM {} p", index.id(), columns(index, read), index.table()));
        let matching = index.matching(scope, &compiled, &mut statement);
        statement.push(&format!(" WHERE {matching}"));
        if let Some(after) = &after {
            let after = statement.bind(after.clone());
            statement.push(&format!(" AND {} > {after}", index.id_in_order()));
        }
        statement.push(&format!(" ORDER BY {} LIMIT {look}", index.id_in_order()));
        // Of many matches the page's order is the best way to them, of few the filter's index: planned for the values.
        let rows = statement.fetch_all(work.conn()?, false).await?;
        for row in &rows {
            let id: String = row.try_get(0).map_err(driver_error)?;
            after = Some(id.clone());
            let point = point(row, id, read, 1).map_err(driver_error)?;
            if matcher.as_ref().is_none_or(|matcher| point.metadata.as_ref().is_some_and(|metadata| matcher.matches(metadata))) {
                items.push(point.only(query.include));
                if items.len() == wanted {
                    break;
                }
            }
        }
        if items.len() == wanted || rows.len() < look {
            break;
        }
        // Each look is wider, so that their number grows like a logarithm.
        look = look.saturating_mul(4).min(100_000);
    }
    work.finish().await?;
    let more = items.len() == wanted;
    items.truncate(query.limit);
    let next_cursor = items.last().filter(|_| more).map(|last| query.cursor_after(scope, &last.id)).transpose()?;
    Ok(Page { items, next_cursor })
}

/// How many points match.
pub(crate) async fn count(database: &Database, index: &Index, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
    let most = query.cap.map(|cap| cap.saturating_add(1));
    let mut work = database.read().await?;
    let counted = counted(work.conn()?, index, scope, &query.filter, most).await?;
    work.finish().await?;
    let capped = query.cap.is_some_and(|cap| counted > cap);
    Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
}

/// How many points match, up to so many.
pub(crate) async fn counted(
    conn: &mut PgConnection,
    index: &Index,
    scope: &Scope,
    filter: &Filter,
    most: Option<u64>,
) -> Result<u64> {
    let compiled = compile(filter);
    let what = if compiled.exact { "1".to_owned() } else { index.metadata() };
    let mut statement = Statement::new(format!("SELECT {what} FROM {} p", index.table()));
    let matching = index.matching(scope, &compiled, &mut statement);
    statement.push(&format!(" WHERE {matching}"));
    if compiled.exact {
        if let Some(most) = most {
            statement.push(&format!(" LIMIT {}", most.min(i64::MAX as u64)));
        }
        statement.sql = format!("SELECT count(*) FROM ({}) counted", statement.sql);
        let count: i64 = statement.query(false)?.fetch_one(conn).await.and_then(|row| row.try_get(0)).map_err(driver_error)?;
        return Ok(u64::try_from(count).unwrap_or_default());
    }
    let matcher = filter.clone().matcher();
    let mut rows = statement.query(false)?.fetch(conn);
    let mut counted = 0;
    // Read to the end, whatever the cap: what is left of an answer would stand before the next one.
    while let Some(row) = rows.try_next().await.map_err(driver_error)? {
        if matcher.matches(&row.try_get::<Json<Value>, _>(0).map_err(driver_error)?.0) {
            counted += 1;
        }
    }
    Ok(most.map_or(counted, |most| counted.min(most)))
}

/// How many points there are, in all namespaces.
pub(crate) async fn count_all(database: &Database, index: &Index) -> Result<u64> {
    let mut work = database.read().await?;
    let statement = Statement::new(format!("SELECT count(*) FROM {} p WHERE {}", index.table(), index.is_point()));
    let row = statement.query(false)?.fetch_one(work.conn()?).await.map_err(driver_error)?;
    work.finish().await?;
    Ok(u64::try_from(row.try_get::<i64, _>(0).map_err(driver_error)?).unwrap_or_default())
}

/// The namespaces that hold points, in order of their names.
pub(crate) async fn namespaces(database: &Database, index: &Index) -> Result<Vec<NamespaceInfo>> {
    let Some(column) = &index.layout.namespace else {
        let count = count_all(database, index).await?;
        return Ok(if count == 0 { Vec::new() } else { vec![NamespaceInfo { name: String::new(), count }] });
    };
    let mut work = database.read().await?;
    let statement = Statement::new(format!(
        "SELECT p.{0}::text, count(*) FROM {1} p WHERE {2} GROUP BY p.{0} ORDER BY p.{0} COLLATE \"C\"",
        identifier(column),
        index.table(),
        index.is_point()
    ));
    let rows = statement.fetch_all(work.conn()?, false).await?;
    work.finish().await?;
    let read = |row: &PgRow| {
        let count = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
        Ok(NamespaceInfo { name: row.try_get(0)?, count })
    };
    rows.iter().map(read).collect::<sqlx::Result<_>>().map_err(driver_error)
}
