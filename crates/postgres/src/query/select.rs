//! Which statement answers a query.
//!
//! Two ways to write a filter. *Open*, the planner sees the values, looks them up in its statistics, and may choose an index for
//! them: such a statement is planned anew for its values each time. *Sealed*, it sees an unknown condition, so that one plan is
//! right for all values and can be kept: that is for where no index could serve the filter anyway, and saves the planning.

use super::{order::Order, scope, statement::Statement, walk::Walk};
use crate::{
    field_index::{Columns, Indexed, KnownIndexes, coarse, indexed},
    filter,
    quote::literal,
    rows::RECORD_COLUMNS,
    store::PgStore,
};
use mastra_core::{EntityId, Filter, Path, RecordQuery, Result, Timestamp};

/// The most rows, offset included, that are read in an index's order rather than sorted.
const MOST_IN_ORDER: u64 = 10_000;

/// A statement, and how to treat it.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) statement: Statement,
    /// Whether its plan may be kept.
    pub(crate) sealed: bool,
    /// The sort field whose long values may tie in the order that the rows come in.
    pub(crate) coarse: Option<Path>,
}

/// How far a statement reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reads {
    /// Everything that matches.
    All,
    /// So many rows, in an order that some index of the table has.
    InOrder(u64),
}

/// What a statement is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Conditions<'a> {
    pub(crate) records: &'a str,
    pub(crate) entity: EntityId,
    pub(crate) include_deleted: bool,
    pub(crate) updated_after: Option<Timestamp>,
    pub(crate) filter: &'a Filter,
    pub(crate) known: &'a KnownIndexes,
}

impl<'a> Conditions<'a> {
    /// Those of a query.
    pub(crate) fn of(store: &'a PgStore, entity: EntityId, query: &'a RecordQuery, known: &'a KnownIndexes) -> Self {
        Self {
            records: &store.schema().records,
            entity,
            include_deleted: query.include_deleted,
            updated_after: query.updated_after,
            filter: &query.filter,
            known,
        }
    }

    /// `WHERE …` over the records as `r`, and whether it is sealed.
    pub(crate) fn clause(&self, reads: Reads, statement: &mut Statement) -> (String, bool) {
        let (found, mut rest) = self.split();
        // What selects much would only mislead.
        let found = keep(found, &mut rest, |indexed| {
            indexed.estimate(self.known).is_none_or(|estimate| match reads {
                Reads::All => estimate.is_a_part(),
                Reads::InOrder(rows) => estimate.is_selective(rows),
            })
        });
        let sealed = found.is_empty() && !self.known.documents;
        // A plan that is kept has to be right for this entity, be it large or small.
        let entity = if sealed { self.entity() } else { statement.bind(self.entity.as_uuid()) };
        let mut all = self.rows(&entity, statement);
        all.extend(found.iter().map(|indexed| indexed.condition(statement)));
        all.extend(remaining(&rest, sealed, statement));
        (format!(" WHERE {}", all.join(" AND ")), sealed)
    }

    /// The entity's id, written out.
    pub(super) fn entity(&self) -> String {
        format!("{}::uuid", literal(&self.entity.to_string()))
    }

    /// The conditions that indexes answer, and the rest. The indexes know live records only.
    pub(super) fn split(&self) -> (Vec<Indexed>, Filter) {
        if self.include_deleted { (Vec::new(), self.filter.clone()) } else { indexed(self.filter, self.known) }
    }

    /// The conditions beside the filter; `entity` is the entity's id as it is to be written.
    pub(super) fn rows(&self, entity: &str, statement: &mut Statement) -> Vec<String> {
        scope::rows(entity, self.include_deleted, self.updated_after, statement)
    }
}

/// A part of a filter that no index answers.
pub(super) fn remaining(rest: &Filter, sealed: bool, statement: &mut Statement) -> Option<String> {
    let compiled = filter::compile(rest);
    if sealed { scope::sealed_filter(&compiled, statement) } else { scope::filter(&compiled, statement) }
}

/// The statement that gives the rows of a query, sorted as the law says, `rows` at most.
pub(crate) fn sorted(from: Conditions<'_>, query: &RecordQuery, rows: Option<u64>, offset: u64) -> Result<Select> {
    let mut statement = Statement::new(format!("SELECT {RECORD_COLUMNS} FROM {} r", from.records));
    let reads = match rows {
        Some(rows) if query.sort.is_empty() => Reads::InOrder(rows.saturating_add(offset)),
        _ => Reads::All,
    };
    let (clause, sealed) = from.clause(reads, &mut statement);
    statement.push(&clause);
    let order = Order::bound(&query.sort, &mut statement);
    if let Some(cursor) = &query.cursor {
        let behind = order.behind(&cursor.position(query)?, &mut statement);
        statement.push(&format!(" AND {behind}"));
    }
    statement.push(&order.clause());
    limit(&mut statement, rows, offset);
    // A plan for one offset is not good for all.
    Ok(Select { statement, sealed: sealed && offset == 0, coarse: None })
}

/// The same through an index that has the rows in order; none where there is no such index, or it would not help.
pub(crate) fn in_order(from: Conditions<'_>, query: &RecordQuery, rows: u64, offset: u64) -> Result<Option<Select>> {
    let wanted = rows.saturating_add(offset);
    if from.include_deleted || wanted > MOST_IN_ORDER {
        return Ok(None);
    }
    let position = query.cursor.as_ref().map(|cursor| cursor.position(query)).transpose()?;
    if position.as_ref().and_then(|position| position.keys.first()).is_some_and(coarse) {
        return Ok(None);
    }
    let (mut found, mut rest) = from.split();
    let path = match query.sort.first() {
        Some(first) if from.known.has_scalar(&first.path) => first.path.clone(),
        Some(_) => return Ok(None),
        // Rows that have one value in the index stand there in order of id.
        None => match found.iter().find(|indexed| indexed.is_equality()) {
            Some(indexed) => indexed.path.clone(),
            None => return Ok(None),
        },
    };
    let mut here = Vec::new();
    found.retain(|indexed| {
        let is_here = indexed.is_scalar() && indexed.path == path && (here.is_empty() || !query.sort.is_empty());
        let is_here = is_here && (indexed.is_equality() || !query.sort.is_empty());
        if is_here {
            here.push(indexed.clone());
        }
        !is_here
    });
    // A selective condition elsewhere is a better way in. What selects much is asked of the rows as they come.
    let by_id = query.sort.is_empty();
    let selective = |indexed: &Indexed| indexed.estimate(from.known).is_some_and(|estimate| estimate.is_selective(wanted));
    if found.iter().any(selective) && !(by_id && here.iter().all(selective)) {
        return Ok(None);
    }
    let elsewhere = keep(found, &mut rest, |indexed| !by_id && indexed.estimate(from.known).is_none());
    let sealed = elsewhere.is_empty() && !from.known.documents;
    let columns = Columns::new("r.", &path);
    let walk = Walk { from, query, columns, position, here, elsewhere, rest, sealed, wanted };
    let statement = walk.statement(offset);
    let coarse = query.sort.first().map(|first| first.path.clone());
    Ok(Some(Select { statement, sealed: sealed && offset == 0, coarse }))
}

/// Keeps some of the conditions; the others become part of the rest.
fn keep(found: Vec<Indexed>, rest: &mut Filter, which: impl Fn(&Indexed) -> bool) -> Vec<Indexed> {
    let (kept, others): (Vec<_>, Vec<_>) = found.into_iter().partition(which);
    if !others.is_empty() {
        let whole = std::mem::take(rest);
        *rest = others.iter().fold(whole, |rest, indexed| rest & indexed.filter());
    }
    kept
}

/// `LIMIT` and `OFFSET`, written out: of a bound one the planner assumes a tenth of all rows.
pub(super) fn limit(statement: &mut Statement, rows: Option<u64>, offset: u64) {
    let bigint = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    if let Some(rows) = rows {
        statement.push(&format!(" LIMIT {}", bigint(rows)));
    }
    if offset > 0 {
        statement.push(&format!(" OFFSET {}", bigint(offset)));
    }
}
