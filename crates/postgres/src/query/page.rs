//! One page of records.

use super::{Scope, Selection, order::Order, require_entity, scan::Scan, statement::Statement};
use crate::{
    filter,
    rows::{RECORD_COLUMNS, record},
    store::PgStore,
};
use mastra_core::{Cursor, EntityId, Page, Position, Record, RecordQuery, Result, projection::project};

/// One page of the records that match; `NotFound` where there is no such entity.
pub(crate) async fn page(store: &PgStore, entity: EntityId, query: &RecordQuery) -> Result<Page<Record>> {
    if query.limit == Some(0) {
        require_entity(store, entity).await?;
        return Ok(Page::default());
    }
    let compiled = filter::compile(&query.filter);
    let rows = if compiled.exact {
        // One more row tells whether another page follows.
        let statement = Selection::new(store, entity, query, &compiled)?
            .limited(query.limit.map(|limit| limit.saturating_add(1)), query.offset);
        let mut session = store.read().await?;
        let rows = statement.fetch_all(session.conn()?, false).await?;
        session.finish().await?;
        rows.iter().map(record).collect::<Result<Vec<_>>>()?
    } else {
        let statement = Selection::new(store, entity, query, &compiled)?.unlimited();
        recheck(store, query, statement).await?
    };
    if rows.is_empty() {
        require_entity(store, entity).await?;
    }
    finish(query, rows)
}

/// Shows the rows to the filter until the page is full.
async fn recheck(store: &PgStore, query: &RecordQuery, statement: Statement) -> Result<Vec<Record>> {
    let matcher = query.filter.clone().matcher();
    let wanted = query.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
    let first = wanted.map_or(usize::MAX, |wanted| wanted.saturating_mul(2));
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

impl Selection {
    /// Selects the records of a query.
    pub(crate) fn new(store: &PgStore, entity: EntityId, query: &RecordQuery, compiled: &filter::Compiled) -> Result<Self> {
        let mut statement = Statement::new(format!("SELECT {RECORD_COLUMNS} FROM {} r", store.schema().records));
        let scope =
            Scope { entity, filter: compiled, include_deleted: query.include_deleted, updated_after: query.updated_after };
        let clause = scope.clause(&mut statement);
        statement.push(&clause);
        let order = Order::bound(&query.sort, &mut statement);
        if let Some(cursor) = &query.cursor {
            let behind = order.behind(&cursor.position(query)?, &mut statement);
            statement.push(&format!(" AND {behind}"));
        }
        statement.push(&order.clause());
        Ok(Self { statement })
    }

    /// The statement, for all rows.
    pub(crate) fn unlimited(self) -> Statement {
        self.statement
    }

    /// The statement, for so many rows.
    pub(crate) fn limited(mut self, limit: Option<u64>, offset: u64) -> Statement {
        if let Some(limit) = limit {
            let limit = self.statement.bind(bigint(limit));
            self.statement.push(&format!(" LIMIT {limit}"));
        }
        if offset > 0 {
            let offset = self.statement.bind(bigint(offset));
            self.statement.push(&format!(" OFFSET {offset}"));
        }
        self.statement
    }
}

fn bigint(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
