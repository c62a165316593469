//! How a selection of records is read: what SQL decides, and what is left to core.

use crate::{
    args::Args,
    entities::Known,
    filter::{self, Doubt},
    row,
};
use futures::{Stream, TryStreamExt as _};
use mastra_core::{Filter, Position, Record, RecordQuery, Result, SortKey, Timestamp, filter::Matcher};
use sqlx::{
    AssertSqlSafe, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

/// Which records of an entity.
#[derive(Debug, Clone)]
pub(super) struct Selection<'q> {
    pub(super) filter: &'q Filter,
    pub(super) include_deleted: bool,
    pub(super) updated_after: Option<Timestamp>,
}

impl<'q> From<&'q RecordQuery> for Selection<'q> {
    fn from(query: &'q RecordQuery) -> Self {
        Self { filter: &query.filter, include_deleted: query.include_deleted, updated_after: query.updated_after }
    }
}

/// A selection as SQL.
#[derive(Debug)]
pub(super) struct Where {
    /// A condition that every selected row meets.
    pub(super) sql: String,
    /// Which rows core has to judge.
    pub(super) doubt: Doubt,
}

impl Selection<'_> {
    pub(super) fn compile(&self, known: &Known, args: &mut Args) -> Where {
        // The key is a number of ours: as a literal it lets SQLite prove that an index over this entity alone serves.
        let mut all = vec![format!("r.entity = {}", known.key)];
        if !self.include_deleted {
            all.push("r.deleted_at IS NULL".to_owned());
        }
        if let Some(time) = self.updated_after {
            let time = args.bind(time.timestamp_micros());
            all.push(if self.include_deleted {
                format!("(r.updated_at > {time} OR r.deleted_at > {time})")
            } else {
                format!("r.updated_at > {time}")
            });
        }
        let compiled = filter::compile(self.filter, known, args);
        all.extend(compiled.conditions);
        Where { sql: all.join(" AND "), doubt: compiled.doubt }
    }
}

/// Judges rows that SQL has doubts about.
#[derive(Debug)]
pub(super) struct Judge {
    doubt: Doubt,
    matcher: Option<Matcher>,
}

impl Judge {
    pub(super) fn new(doubt: Doubt, filter: &Filter) -> Self {
        let matcher = (doubt != Doubt::Never).then(|| filter.clone().matcher());
        Self { doubt, matcher }
    }

    /// Whether SQL alone decides.
    pub(super) fn is_idle(&self) -> bool {
        self.doubt == Doubt::Never
    }

    /// The column that tells doubtful rows, for the list of selected columns.
    pub(super) fn column(&self) -> &str {
        match &self.doubt {
            Doubt::Never => "0",
            Doubt::Rows(expression) => expression,
            Doubt::Always => "1",
        }
    }

    /// Whether a row is selected, by its data and what [`Judge::column`] gave for it.
    pub(super) fn accepts(&self, doubtful: bool, data: &serde_json::Value) -> bool {
        !doubtful || self.matcher.as_ref().is_none_or(|matcher| matcher.matches(data))
    }
}

/// Rows of a statement that is put together.
pub(crate) fn rows<'c>(
    connection: &'c mut SqliteConnection,
    sql: String,
    args: SqliteArguments,
) -> impl Stream<Item = Result<SqliteRow>> + Send + Unpin + 'c {
    sqlx::query_with(AssertSqlSafe(sql), args).fetch(connection).map_err(crate::error::statement)
}

/// The best rows of a sort that core makes, in memory that does not grow with their number.
#[derive(Debug)]
pub(super) struct Sorted<'q> {
    sort: &'q [SortKey],
    keep: usize,
    rows: Vec<(Position, Record)>,
}

impl<'q> Sorted<'q> {
    pub(super) fn new(sort: &'q [SortKey], keep: Option<u64>) -> Self {
        let keep = keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(usize::MAX);
        Self { sort, keep, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, position: Position, record: Record) {
        self.rows.push((position, record));
        if self.rows.len() >= self.keep.saturating_mul(2).saturating_add(64) {
            self.trim();
        }
    }

    fn trim(&mut self) {
        let sort = self.sort;
        self.rows.sort_unstable_by(|(a, _), (b, _)| a.compare(b, sort));
        self.rows.truncate(self.keep);
    }

    pub(super) fn finish(mut self) -> Vec<Record> {
        self.trim();
        self.rows.into_iter().map(|(_, record)| record).collect()
    }
}

/// How SQL orders rows, where it does so exactly.
pub(super) fn order(sort: &[SortKey], _known: &Known) -> Option<String> {
    sort.is_empty().then(|| "r.id".to_owned())
}

/// The columns of a record, and the doubt behind them.
pub(super) fn columns(judge: &Judge) -> String {
    format!("{}, {}", row::RECORD, judge.column())
}
