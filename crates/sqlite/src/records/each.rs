//! Reading the records of a query, in its order, one after the other.

use super::{
    choose::{Choice, choose},
    plan::{Judge, Rows, Selection, behind, order, rows},
    read,
};
use crate::{args::Args, entities::Known, row};
use futures::TryStreamExt as _;
use mastra_core::{Position, Record, RecordId, RecordQuery, Result, SortKey};
use sqlx::{
    SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};
use std::future::Future;

/// How many records are fetched at a time whose places core has found.
const PIECE: usize = 256;

/// Takes records as they are read.
pub(super) trait Sink: Send {
    /// Takes one; false for no more.
    fn take(&mut self, record: Record) -> impl Future<Output = Result<bool>> + Send;
}

/// A page takes all that it is given.
impl Sink for Vec<Record> {
    async fn take(&mut self, record: Record) -> Result<bool> {
        self.push(record);
        Ok(true)
    }
}

/// A statement, and how its rows are to be read.
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) args: SqliteArguments,
    shape: Shape,
}

/// What the rows of a statement look like.
struct Shape {
    judge: Judge,
    /// Whether SQL skips the offset and stops at the limit.
    bounded: bool,
    /// Whether rows tell when they were deleted.
    tombstones: bool,
}

impl Shape {
    /// The selected columns: a record, when it was deleted where that can be, and whether it is doubtful where that can be.
    fn columns(query: &RecordQuery, judge: &Judge) -> String {
        let deleted = if query.include_deleted { ", r.deleted_at" } else { "" };
        match judge.column() {
            Some(doubt) => format!("{}{deleted}, {doubt}", row::RECORD),
            None => format!("{}{deleted}", row::RECORD),
        }
    }

    fn record(&self, row: &SqliteRow, known: &Known) -> Result<Record> {
        if self.tombstones { row::record_or_tombstone(row, known.entity.id) } else { row::record(row, known.entity.id) }
    }

    fn doubts(&self, row: &SqliteRow) -> Result<bool> {
        self.judge.doubts(row, row::BEHIND_RECORD + usize::from(self.tombstones))
    }
}

/// The statements of a query whose rows SQL orders, one behind the other; none where it cannot.
pub(super) fn in_order(
    known: &Known,
    query: &RecordQuery,
    kind: Rows,
    choice: Option<&Choice<'_>>,
    skip: u64,
    most: Option<u64>,
) -> Result<Option<Vec<Statement>>> {
    let Some(order) = order(&query.sort) else { return Ok(None) };
    let after = query.cursor.as_ref().map(|cursor| cursor.position(query)).transpose()?;
    let segments = match &after {
        None => 1,
        Some(after) => match behind(after, &query.sort, &mut Args::default()) {
            None => return Ok(None),
            Some(segments) => segments.len(),
        },
    };
    let mut statements = Vec::with_capacity(segments);
    for segment in 0..segments {
        let mut args = Args::default();
        let selected = Selection::from(query).compile(known, kind, choice, &mut args);
        let mut condition = selected.sql;
        if let Some(behind) = after.as_ref().and_then(|after| behind(after, &query.sort, &mut args))
            && let Some(behind) = behind.get(segment)
        {
            condition = format!("{condition} AND {behind}");
        }
        let columns = Shape::columns(query, &selected.judge);
        let mut sql = format!("SELECT {columns} FROM {} WHERE {condition} ORDER BY {order}", Choice::table(choice));
        let bounded = segments == 1 && selected.judge.is_idle();
        if bounded && (skip > 0 || most.is_some()) {
            let most = most.and_then(|most| i64::try_from(most).ok()).unwrap_or(-1);
            let (most, skip) = (args.bind(most), args.bind(i64::try_from(skip).unwrap_or(i64::MAX)));
            sql.push_str(&format!(" LIMIT {most} OFFSET {skip}"));
        }
        let shape = Shape { judge: selected.judge, bounded, tombstones: query.include_deleted };
        statements.push(Statement { sql, args: args.finish()?, shape });
    }
    Ok(Some(statements))
}

/// Gives `sink` at most so many records of a query, behind its cursor and its offset.
pub(super) async fn each(
    connection: &mut SqliteConnection,
    known: &Known,
    query: &RecordQuery,
    most: Option<u64>,
    sink: &mut impl Sink,
) -> Result<()> {
    each_and_then(connection, known, query, most, sink, "").await.map(drop)
}

/// The same, and runs a statement behind the last one in the same trip to the connection's thread, where there is only one; tells
/// whether it did.
pub(super) async fn each_and_then(
    connection: &mut SqliteConnection,
    known: &Known,
    query: &RecordQuery,
    most: Option<u64>,
    sink: &mut impl Sink,
    last: &str,
) -> Result<bool> {
    let selection = Selection::from(query);
    let choice = choose(connection, known, &selection.conjuncts(), &query.sort, most.is_some()).await?;
    let whole = !known.finish || (query.sort.is_empty() && (choice.is_none() || most.is_none()));
    if whole {
        let choice = choice.as_ref().filter(|_| !known.finish);
        if let Some(mut statements) = in_order(known, query, Rows::All, choice, query.offset, most)? {
            let together = match statements.as_mut_slice() {
                [only] if only.shape.bounded && !last.is_empty() => {
                    only.sql.push_str(last);
                    true
                }
                _ => false,
            };
            // SQL stops at the limit by itself, and goes on to what stands behind.
            let most = most.filter(|_| !together);
            run(connection, known, statements, query.offset, most, sink).await?;
            return Ok(together);
        }
    }
    let keep = most.map(|most| most.saturating_add(query.offset));
    let mut places = Places::new(query, keep)?;
    let plain = match most {
        Some(_) => in_order(known, query, Rows::Plain, choice.as_ref(), 0, keep)?,
        None => None,
    };
    let unordered = match plain {
        Some(statements) => {
            run(connection, known, statements, 0, keep, &mut places).await?;
            Rows::Finish
        }
        None => Rows::All,
    };
    if unordered == Rows::All || known.finish {
        let mut args = Args::default();
        let selected = selection.compile(known, unordered, None, &mut args);
        let columns = Shape::columns(query, &selected.judge);
        let sql = format!("SELECT {columns} FROM records r WHERE {}", selected.sql);
        let shape = Shape { judge: selected.judge, bounded: true, tombstones: query.include_deleted };
        let statement = Statement { sql, args: args.finish()?, shape };
        run(connection, known, vec![statement], 0, None, &mut places).await?;
    }
    let places = places.finish();
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    for piece in places.get(skip..).unwrap_or_default().chunks(PIECE) {
        for record in read::by_ids(connection, known, piece).await? {
            if !sink.take(record).await? {
                return Ok(false);
            }
        }
    }
    Ok(false)
}

/// Runs statements whose rows follow one another.
async fn run(
    connection: &mut SqliteConnection,
    known: &Known,
    statements: Vec<Statement>,
    mut skip: u64,
    most: Option<u64>,
    sink: &mut impl Sink,
) -> Result<()> {
    let mut left = most;
    for Statement { sql, args, shape } in statements {
        if shape.bounded {
            skip = 0;
        }
        let mut rows = rows(&mut *connection, sql, args);
        while left != Some(0)
            && let Some(row) = rows.try_next().await?
        {
            let mut read = None;
            if shape.doubts(&row)? {
                let record = shape.record(&row, known)?;
                if !shape.judge.accepts(&record.data) {
                    continue;
                }
                read = Some(record);
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let record = read.map_or_else(|| shape.record(&row, known), Ok)?;
            left = left.map(|left| left - 1);
            if !sink.take(record).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The first places of a sort that core makes, in memory that does not grow with the records.
struct Places<'q> {
    sort: &'q [SortKey],
    after: Option<Position>,
    keep: usize,
    places: Vec<Position>,
}

impl<'q> Places<'q> {
    fn new(query: &'q RecordQuery, keep: Option<u64>) -> Result<Self> {
        let after = query.cursor.as_ref().map(|cursor| cursor.position(query)).transpose()?;
        let keep = keep.and_then(|keep| usize::try_from(keep).ok()).unwrap_or(usize::MAX);
        Ok(Self { sort: &query.sort, after, keep, places: Vec::new() })
    }

    fn trim(&mut self) {
        let sort = self.sort;
        self.places.sort_unstable_by(|a, b| a.compare(b, sort));
        self.places.truncate(self.keep);
    }

    fn finish(mut self) -> Vec<RecordId> {
        self.trim();
        self.places.into_iter().map(|place| place.id).collect()
    }
}

impl Sink for Places<'_> {
    async fn take(&mut self, record: Record) -> Result<bool> {
        let place = Position::of(self.sort, &record.data, record.id);
        if self.after.as_ref().is_none_or(|after| place.compare(after, self.sort).is_gt()) {
            self.places.push(place);
            if self.places.len() >= self.keep.saturating_mul(2).saturating_add(64) {
                self.trim();
            }
        }
        Ok(true)
    }
}
