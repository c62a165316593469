//! Pages, counts and plans.

use super::{
    choose::{Choice, choose},
    each::{each_and_then, in_order},
    plan::{Rows, Selection, rows},
};
use crate::{args::Args, entities::Known, error::Mapped as _, filter, row, unit::Unit};
use futures::TryStreamExt as _;
use mastra_core::{
    Count, CountQuery, Cursor, Explanation, Filter, Page, Position, Record, RecordQuery, Result, projection::project,
};
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::collections::BTreeSet;

/// One page; ends the snapshot.
pub(crate) async fn page(mut unit: Unit<'_>, known: &Known, query: &RecordQuery) -> Result<Page<Record>> {
    if query.limit == Some(0) {
        unit.commit().await?;
        return Ok(Page::default());
    }
    // One more than asked for tells whether there is a next page.
    let most = query.limit.map(|limit| limit.saturating_add(1));
    let mut items = Vec::new();
    let last = unit.last();
    if each_and_then(unit.connection()?, known, query, most, &mut items, last).await? {
        unit.ended();
    } else {
        unit.commit().await?;
    }
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

/// How many records match.
pub(crate) async fn count(connection: &mut SqliteConnection, known: &Known, query: &CountQuery) -> Result<Count> {
    let selection =
        Selection { filter: &query.filter, include_deleted: query.include_deleted, updated_after: query.updated_after };
    let choice = choose(connection, known, &selection.conjuncts(), &[], false).await?;
    let most = query.cap.map(|cap| cap.saturating_add(1));
    let mut counted: u64 = 0;
    for kind in kinds(known) {
        let mut args = Args::default();
        let selected = selection.compile(known, kind, choice.as_ref(), &mut args);
        let judge = selected.judge;
        let table = Choice::table(choice.as_ref().filter(|_| kind == Rows::Plain));
        if judge.is_idle() {
            let most = args.bind(most.and_then(|most| i64::try_from(most).ok()).unwrap_or(-1));
            let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {} LIMIT {most})", selected.sql);
            let count: i64 =
                sqlx::query_scalar_with(AssertSqlSafe(sql), args.finish()?).fetch_one(&mut *connection).await.mapped()?;
            counted += u64::try_from(count).unwrap_or(0);
            continue;
        }
        let sql = format!("SELECT {}, r.data FROM {table} WHERE {}", judge.column().unwrap_or("0"), selected.sql);
        let mut rows = rows(&mut *connection, sql, args.finish()?);
        while most.is_none_or(|most| counted < most)
            && let Some(row) = rows.try_next().await?
        {
            counted += u64::from(!judge.doubts(&row, 0)? || judge.accepts(&row::json(&row, 1)?));
        }
    }
    let capped = query.cap.is_some_and(|cap| counted > cap);
    Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
}

/// The keys of the live records that match.
pub(super) async fn keys(connection: &mut SqliteConnection, known: &Known, filter: &Filter) -> Result<Vec<i64>> {
    let selection = Selection { filter, include_deleted: false, updated_after: None };
    let choice = choose(connection, known, &selection.conjuncts(), &[], false).await?;
    let mut keys = Vec::new();
    for kind in kinds(known) {
        let mut args = Args::default();
        let selected = selection.compile(known, kind, choice.as_ref(), &mut args);
        let judge = selected.judge;
        let table = Choice::table(choice.as_ref().filter(|_| kind == Rows::Plain));
        let data = if judge.is_idle() { "NULL" } else { "r.data" };
        let sql =
            format!("SELECT r.key, {}, {data} FROM {table} WHERE {} ORDER BY r.id", judge.column().unwrap_or("0"), selected.sql);
        let mut rows = rows(&mut *connection, sql, args.finish()?);
        while let Some(row) = rows.try_next().await? {
            if !judge.doubts(&row, 1)? || judge.accepts(&row::json(&row, 2)?) {
                keys.push(row::get(&row, 0)?);
            }
        }
    }
    Ok(keys)
}

/// The kinds of rows to look at, where their order does not matter.
fn kinds(known: &Known) -> impl Iterator<Item = Rows> {
    [Some(Rows::Plain), known.finish.then_some(Rows::Finish)].into_iter().flatten()
}

/// How a query would be answered.
pub(crate) async fn explain(connection: &mut SqliteConnection, known: &Known, query: &RecordQuery) -> Result<Explanation> {
    let most = query.limit.map(|limit| limit.saturating_add(1));
    let choice = choose(connection, known, &Selection::from(query).conjuncts(), &query.sort, most.is_some()).await?;
    let mut finished = BTreeSet::new();
    filter::finished_in_core(&query.filter, &mut finished);
    let mut finished: Vec<String> = finished.into_iter().map(str::to_owned).collect();
    let mut plan = Vec::new();
    if let Some(statements) = in_order(known, query, Rows::Plain, choice.as_ref(), query.offset, most)? {
        for statement in statements {
            let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let mut rows = rows(&mut *connection, sql, statement.args);
            while let Some(row) = rows.try_next().await? {
                plan.push(row::get::<String>(&row, 3)?);
            }
        }
    } else {
        finished.push("sort".to_owned());
        plan.push("every record of the entity is read, and sorted by the client".to_owned());
    }
    if known.finish {
        plan.push("records with numbers or characters that SQL cannot judge are read apart, and judged by the client".to_owned());
    }
    let indexes: BTreeSet<String> = plan.iter().filter_map(|line| index_of(line)).collect();
    Ok(Explanation { plan, indexes: indexes.into_iter().collect(), finished_in_core: finished })
}

/// The index that a line of SQLite's plan names.
fn index_of(line: &str) -> Option<String> {
    let (_, behind) = line.split_once("USING INDEX ").or_else(|| line.split_once("USING COVERING INDEX "))?;
    behind.split_whitespace().next().map(str::to_owned)
}
