//! How a selection of records is read: what SQL decides, and what is left to core.

use super::choose::Choice;
use crate::{
    args::Args,
    entities::Known,
    filter::{self, Doubt},
    key, row,
};
use futures::{Stream, TryStreamExt as _};
use mastra_core::{Direction, Filter, Position, RecordQuery, Result, SortKey, SortPoint, Timestamp, filter::Matcher};
use sqlx::{
    AssertSqlSafe, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

/// Which records of an entity.
#[derive(Debug, Clone, Copy)]
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

/// Which of an entity's rows a statement reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Those that SQL can judge.
    Plain,
    /// Those that core has to judge.
    Finish,
    /// Both.
    All,
}

/// A selection as SQL.
#[derive(Debug)]
pub(super) struct Where {
    /// A condition that every selected row meets.
    pub(super) sql: String,
    /// Judges the rows that meet it.
    pub(super) judge: Judge,
}

impl Selection<'_> {
    pub(super) fn conjuncts(&self) -> Vec<&Filter> {
        let mut conjuncts = Vec::new();
        filter::conjuncts(self.filter, &mut conjuncts);
        conjuncts
    }

    /// The condition on rows of that kind. A chosen index is served only where rows are plain.
    pub(super) fn compile(&self, known: &Known, rows: Rows, choice: Option<&Choice<'_>>, args: &mut Args) -> Where {
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
        let rows = if rows == Rows::All && !known.finish { Rows::Plain } else { rows };
        let mut doubt = Doubt::Always;
        match rows {
            Rows::Finish => all.push("r.finish = 1".to_owned()),
            Rows::Plain => {
                if known.finish {
                    all.push("r.finish = 0".to_owned());
                }
                let (served, rest): (Vec<_>, Vec<_>) = self
                    .conjuncts()
                    .into_iter()
                    .map(|filter| (filter, choice.and_then(|choice| choice.serve(filter, args))))
                    .partition(|(_, sql)| sql.is_some());
                all.extend(served.into_iter().filter_map(|(_, sql)| sql));
                let rest: Vec<&Filter> = rest.into_iter().map(|(filter, _)| filter).collect();
                let compiled = filter::compile(&rest, "r.data", args);
                all.extend(compiled.conditions);
                doubt = compiled.doubt;
            }
            Rows::All => {
                let compiled = filter::compile(&self.conjuncts(), "r.data", args);
                if !compiled.conditions.is_empty() {
                    all.push(format!("(r.finish = 1 OR {})", filter::balanced(&compiled.conditions, "AND")));
                }
                doubt = match compiled.doubt {
                    Doubt::Never => Doubt::Rows("r.finish = 1".to_owned()),
                    Doubt::Rows(rows) => Doubt::Rows(format!("r.finish = 1 OR {rows}")),
                    Doubt::Always => Doubt::Always,
                };
            }
        }
        if self.filter.is_trivially_true() {
            doubt = Doubt::Never;
        }
        Where { sql: filter::balanced(&all, "AND"), judge: Judge::new(doubt, self.filter) }
    }
}

/// Judges rows that SQL has doubts about.
#[derive(Debug)]
pub(crate) struct Judge {
    doubt: Doubt,
    matcher: Option<Matcher>,
}

impl Judge {
    pub(crate) fn new(doubt: Doubt, filter: &Filter) -> Self {
        let matcher = (doubt != Doubt::Never).then(|| filter.clone().matcher());
        Self { doubt, matcher }
    }

    /// Whether SQL alone decides.
    pub(crate) fn is_idle(&self) -> bool {
        self.doubt == Doubt::Never
    }

    /// The column that tells doubtful rows, for the list of selected columns; none where there are none.
    pub(crate) fn column(&self) -> Option<&str> {
        match &self.doubt {
            Doubt::Never => None,
            Doubt::Rows(expression) => Some(expression),
            Doubt::Always => Some("1"),
        }
    }

    /// Whether core has to judge a row, by what [`Judge::column`] gave for it.
    pub(super) fn doubts(&self, row: &SqliteRow, column: usize) -> Result<bool> {
        if self.matcher.is_none() { Ok(false) } else { row::get(row, column) }
    }

    /// Whether a doubtful row is selected.
    pub(crate) fn accepts(&self, data: &serde_json::Value) -> bool {
        self.matcher.as_ref().is_none_or(|matcher| matcher.matches(data))
    }
}

/// How SQL orders rows, where it does so exactly for plain rows.
pub(super) fn order(sort: &[SortKey]) -> Option<String> {
    let mut order = String::new();
    for key in sort {
        let expression = key::expression("r.data", &key.path)?;
        // NULL, a missing field, is SQLite's smallest value: last when descending as it is.
        let direction = if key.direction == Direction::Descending { "DESC" } else { "ASC NULLS LAST" };
        order.push_str(&format!("{expression} {direction}, "));
    }
    order.push_str("r.id");
    Some(order)
}

/// The rows behind a position in SQL's order, as conditions whose rows follow one another; none where SQL cannot compare.
///
/// Two, since a condition that speaks of NULL and of other keys together would not let an index begin where the page does.
pub(super) fn behind(position: &Position, sort: &[SortKey], args: &mut Args) -> Option<Vec<String>> {
    let id = args.bind(position.id.as_uuid());
    let mut follows = format!("r.id > {id}");
    for (index, (key, point)) in sort.iter().zip(&position.keys).enumerate().rev() {
        let expression = key::expression("r.data", &key.path)?;
        if *point == SortPoint::Missing {
            follows = format!("{expression} IS NULL AND {follows}");
            continue;
        }
        let point = key::point(point, args)?;
        let further = if key.direction == Direction::Descending { "<" } else { ">" };
        if index == 0 {
            let begins = format!("{expression} {further}= {point} AND ({expression} {further} {point} OR ({follows}))");
            return Some(vec![begins, format!("{expression} IS NULL")]);
        }
        follows = format!("({expression} {further} {point} OR {expression} IS NULL OR ({expression} = {point} AND {follows}))");
    }
    Some(vec![follows])
}

/// Rows of a statement that is put together.
pub(crate) fn rows<'c>(
    connection: &'c mut SqliteConnection,
    sql: String,
    args: SqliteArguments,
) -> impl Stream<Item = Result<SqliteRow>> + Send + Unpin + 'c {
    sqlx::query_with(AssertSqlSafe(sql), args).fetch(connection).map_err(crate::error::statement)
}
