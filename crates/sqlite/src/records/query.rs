//! Pages, counts and plans.

use super::plan::{Judge, Selection, Sorted, columns, order, rows};
use crate::{args::Args, entities::Known, error::Mapped as _, row};
use futures::TryStreamExt as _;
use mastra_core::{
    Count, CountQuery, Cursor, Explanation, Filter, Page, Position, Record, RecordQuery, Result, projection::project,
};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// One page.
pub(crate) async fn page(connection: &mut SqliteConnection, known: &Known, query: &RecordQuery) -> Result<Page<Record>> {
    if query.limit == Some(0) {
        return Ok(Page::default());
    }
    let mut items = select(connection, known, query).await?;
    let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let position = |record: &Record| Position::of(&query.sort, &record.data, record.id);
    let next_cursor = items.last().filter(|_| more).map(|record| Cursor::after(query, position(record))).transpose()?;
    if let Some(fields) = &query.fields {
        for record in &mut items {
            record.data = project(&record.data, fields);
        }
    }
    Ok(Page { items, next_cursor })
}

/// The rows of a page, whole, and one more where there is one.
async fn select(connection: &mut SqliteConnection, known: &Known, query: &RecordQuery) -> Result<Vec<Record>> {
    let after = query.cursor.as_ref().map(|cursor| cursor.position(query)).transpose()?;
    let mut args = Args::default();
    let mut selected = Selection::from(query).compile(known, &mut args);
    let judge = Judge::new(selected.doubt, &query.filter);
    let wanted = query.limit.map(|limit| limit.saturating_add(1));
    let columns = columns(&judge);
    if let Some(order) = order(&query.sort, known) {
        if let Some(after) = &after {
            let id = args.bind(after.id.as_uuid());
            selected.sql.push_str(&format!(" AND r.id > {id}"));
        }
        let mut sql = format!("SELECT {columns} FROM records r WHERE {} ORDER BY {order}", selected.sql);
        let mut skip = query.offset;
        if judge.is_idle() {
            let limit = wanted.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
            let (limit, offset) = (args.bind(limit), args.bind(i64::try_from(skip).unwrap_or(i64::MAX)));
            sql.push_str(&format!(" LIMIT {limit} OFFSET {offset}"));
            skip = 0;
        }
        let mut rows = rows(connection, sql, args.finish()?);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let record = row::record(&row, known.entity.id)?;
            if !judge.accepts(row::get(&row, row::BEHIND_RECORD)?, &record.data) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            found.push(record);
            if wanted.is_some_and(|wanted| found.len() as u64 >= wanted) {
                break;
            }
        }
        return Ok(found);
    }
    let keep = wanted.map(|wanted| wanted.saturating_add(query.offset));
    let mut sorted = Sorted::new(&query.sort, keep);
    let sql = format!("SELECT {columns} FROM records r WHERE {}", selected.sql);
    let mut rows = rows(connection, sql, args.finish()?);
    while let Some(row) = rows.try_next().await? {
        let record = row::record(&row, known.entity.id)?;
        if !judge.accepts(row::get(&row, row::BEHIND_RECORD)?, &record.data) {
            continue;
        }
        let position = Position::of(&query.sort, &record.data, record.id);
        if after.as_ref().is_none_or(|after| position.compare(after, &query.sort).is_gt()) {
            sorted.push(position, record);
        }
    }
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    Ok(sorted.finish().into_iter().skip(skip).collect())
}

/// How many records match.
pub(crate) async fn count(connection: &mut SqliteConnection, known: &Known, query: &CountQuery) -> Result<Count> {
    let selection =
        Selection { filter: &query.filter, include_deleted: query.include_deleted, updated_after: query.updated_after };
    let mut args = Args::default();
    let selected = selection.compile(known, &mut args);
    let judge = Judge::new(selected.doubt, &query.filter);
    let most = query.cap.map(|cap| cap.saturating_add(1));
    let mut counted: u64 = 0;
    if judge.is_idle() {
        let most = args.bind(most.and_then(|most| i64::try_from(most).ok()).unwrap_or(-1));
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM records r WHERE {} LIMIT {most})", selected.sql);
        let count: i64 = sqlx::query_scalar_with(AssertSqlSafe(sql), args.finish()?).fetch_one(connection).await.mapped()?;
        counted = u64::try_from(count).unwrap_or(0);
    } else {
        let sql = format!("SELECT {}, r.data FROM records r WHERE {}", judge.column(), selected.sql);
        let mut rows = rows(connection, sql, args.finish()?);
        while most.is_none_or(|most| counted < most)
            && let Some(row) = rows.try_next().await?
        {
            let doubtful: bool = row::get(&row, 0)?;
            if !doubtful || judge.accepts(true, &row::json(&row, 1)?) {
                counted += 1;
            }
        }
    }
    let capped = query.cap.is_some_and(|cap| counted > cap);
    Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
}

/// The keys of the live records that match, in order of id.
pub(super) async fn keys(connection: &mut SqliteConnection, known: &Known, filter: &Filter) -> Result<Vec<i64>> {
    let mut args = Args::default();
    let selected = Selection { filter, include_deleted: false, updated_after: None }.compile(known, &mut args);
    let judge = Judge::new(selected.doubt, filter);
    let data = if judge.is_idle() { "NULL" } else { "r.data" };
    let sql = format!("SELECT r.key, {}, {data} FROM records r WHERE {} ORDER BY r.id", judge.column(), selected.sql);
    let mut rows = rows(connection, sql, args.finish()?);
    let mut keys = Vec::new();
    while let Some(row) = rows.try_next().await? {
        let doubtful: bool = row::get(&row, 1)?;
        if !doubtful || judge.accepts(true, &row::json(&row, 2)?) {
            keys.push(row::get(&row, 0)?);
        }
    }
    Ok(keys)
}

/// How a query would be answered.
pub(crate) async fn explain(_connection: &mut SqliteConnection, _known: &Known, _query: &RecordQuery) -> Result<Explanation> {
    Ok(Explanation { plan: Vec::new(), indexes: Vec::new(), finished_in_core: Vec::new() })
}
