//! One page of records.

use super::{
    require_entity,
    scan::{FIRST_ROWS, Scan},
    select::{self, Conditions, Select},
    statement::Statement,
};
use crate::{field_index::coarse, filter, rows::record, store::PgStore};
use mastra_core::{
    Cursor, EntityId, Page, Position, Record, RecordQuery, Result, SortPoint, projection::project, sort::sort_value,
};

/// One page of the records that match; `NotFound` where there is no such entity.
pub(crate) async fn page(store: &PgStore, entity: EntityId, query: &RecordQuery) -> Result<Page<Record>> {
    if query.limit == Some(0) {
        require_entity(store, entity).await?;
        return Ok(Page::default());
    }
    let compiled = filter::compile(&query.filter);
    let known = store.shared.field_indexes.of(store, entity).await?;
    let from = Conditions::of(store, entity, query, &known);
    let rows = if compiled.exact {
        // One more row tells whether another page follows.
        let wanted = query.limit.map(|limit| limit.saturating_add(1));
        let walked = match wanted {
            Some(rows) => select::in_order(from, query, rows, query.offset)?,
            None => None,
        };
        let walked = match walked {
            Some(select) => fetch_in_order(store, select).await?,
            None => None,
        };
        match walked {
            Some(rows) => rows,
            None => fetch(store, select::sorted(from, query, wanted, query.offset)?).await?,
        }
    } else {
        recheck(store, query, select::sorted(from, query, None, 0)?.statement).await?
    };
    if rows.is_empty() {
        require_entity(store, entity).await?;
    }
    finish(query, rows)
}

async fn fetch(store: &PgStore, select: Select) -> Result<Vec<Record>> {
    let persistent = select.sealed && store.shared.persistent();
    let mut session = store.read().await?;
    let rows = select.statement.fetch_all(session.conn()?, persistent).await?;
    session.finish().await?;
    rows.iter().map(record).collect()
}

/// The rows in an index's order; none where one of them has a sort value that the index holds in part only, so that another
/// might belong before it.
async fn fetch_in_order(store: &PgStore, mut select: Select) -> Result<Option<Vec<Record>>> {
    let path = select.coarse.take();
    let rows = fetch(store, select).await?;
    // Rows that an offset skipped matter only where they tie with one that it did not.
    let may_tie = |row: &Record| path.as_ref().is_some_and(|path| coarse(&SortPoint::of(sort_value(&row.data, path))));
    Ok(if rows.iter().any(may_tie) { None } else { Some(rows) })
}

/// Shows the rows to the filter until the page is full.
async fn recheck(store: &PgStore, query: &RecordQuery, statement: Statement) -> Result<Vec<Record>> {
    let matcher = query.filter.clone().matcher();
    let wanted = query.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
    let first = wanted.map_or(FIRST_ROWS, |wanted| wanted.saturating_mul(2));
    let mut scan = Scan::open(store.snapshot().await?, statement, first, query.limit.is_none()).await?;
    let (mut skip, mut rows) = (query.offset, Vec::new());
    while wanted.is_none_or(|wanted| rows.len() < wanted) {
        let Some(row) = scan.next().await? else { break };
        let record = record(&row)?;
        if !matcher.matches(&record.data) {
            continue;
        }
        if skip > 0 {
            skip -= 1;
        } else {
            rows.push(record);
        }
    }
    scan.close().await?;
    Ok(rows)
}

/// Cuts the rows to the limit, with a cursor where one more was there, and the data to the fields asked for.
fn finish(query: &RecordQuery, mut rows: Vec<Record>) -> Result<Page<Record>> {
    let limit = query.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let more = limit.is_some_and(|limit| rows.len() > limit);
    if let Some(limit) = limit {
        rows.truncate(limit);
    }
    let last = rows.last().filter(|_| more);
    let next_cursor = last.map(|row| Cursor::after(query, Position::of(&query.sort, &row.data, row.id))).transpose()?;
    if let Some(fields) = &query.fields {
        rows.iter_mut().for_each(|row| row.data = project(&row.data, fields));
    }
    Ok(Page { items: rows, next_cursor })
}
