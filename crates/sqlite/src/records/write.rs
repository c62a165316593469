//! Writing rows, many to a statement.

use crate::{args::Args, entities::Known, error::Mapped as _, fields, finish};
use mastra_core::{Error, RecordId, Result, Timestamp, text, time};
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection};
use std::fmt::Write as _;

/// The most rows of one statement. Batches are cut into powers of two, so that a handful of prepared statements serves all.
const MOST_ROWS: usize = 512;

/// A row to write, with all that is kept beside it.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) id: RecordId,
    row: Row,
    entity_type: String,
    text: String,
    finish: bool,
    /// The words for search, where the entity declares any.
    words: Option<String>,
    /// The values of its multi field indexes.
    values: Vec<fields::FieldValue>,
}

/// Which row it is.
#[derive(Debug)]
pub(super) enum Row {
    New {
        external_id: String,
    },
    /// A live record, or a tombstone to revive.
    Stored {
        key: i64,
        updated_at: Timestamp,
    },
}

/// A document ready to be stored.
#[derive(Debug)]
pub(super) struct Document<'d> {
    pub(super) data: &'d Value,
    pub(super) text: String,
    pub(super) finish: bool,
}

impl<'d> Document<'d> {
    pub(super) fn of(data: &'d Value) -> Result<Self> {
        Ok(Self { data, text: text(data)?, finish: finish::needs_core(data) })
    }
}

/// A document as it is stored: one spelling a document, so that equal texts are equal documents.
pub(super) fn text(data: &Value) -> Result<String> {
    serde_json::to_string(data).map_err(|source| Error::internal("a document could not be written").with_source(source))
}

impl Change {
    pub(super) fn new(known: &Known, id: RecordId, row: Row, entity_type: String, document: Document<'_>) -> Self {
        let text_fields = &known.entity.text_fields;
        let words = (!text_fields.is_empty()).then(|| text::index_text(document.data, text_fields));
        let values = fields::values(&known.indexes, document.data);
        Self { id, row, entity_type, text: document.text, finish: document.finish, words, values }
    }
}

/// Takes the next generations, as many as there are changes, and gives the first.
pub(super) async fn generations(connection: &mut SqliteConnection, count: usize) -> Result<i64> {
    let count = i64::try_from(count).map_err(|_| Error::invalid_input("too many records for one call"))?;
    let sql = "UPDATE counters SET value = value + ?1 WHERE name = 'generation' RETURNING value";
    let last: i64 = sqlx::query_scalar(sql).bind(count).fetch_one(connection).await.mapped()?;
    Ok(last - count + 1)
}

/// Writes the rows, in order of their generations.
pub(super) async fn apply(connection: &mut SqliteConnection, known: &Known, changes: Vec<Change>) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let now = time::now();
    let first = generations(connection, changes.len()).await?;
    let (mut new, mut stored) = (Vec::new(), Vec::new());
    let mut beside = fields::Beside::default();
    for (generation, mut change) in (first..).zip(changes) {
        let (key, is_new) = match &change.row {
            Row::New { .. } => (generation, true),
            Row::Stored { key, .. } => (*key, false),
        };
        beside.add(key, is_new, change.words.take(), std::mem::take(&mut change.values));
        if is_new { &mut new } else { &mut stored }.push((generation, change));
    }
    for rows in powers_of_two(new) {
        insert(connection, known.key, now, rows).await?;
    }
    for rows in powers_of_two(stored) {
        rewrite(connection, now, rows).await?;
    }
    beside.write(connection, known).await
}

async fn insert(connection: &mut SqliteConnection, entity: i64, now: Timestamp, rows: Vec<(i64, Change)>) -> Result<()> {
    let mut sql = String::from(
        "INSERT INTO records (key, id, entity, external_id, entity_type, generation, created_at, updated_at, finish, data) VALUES ",
    );
    let mut args = Args::default();
    let (entity, now) = (args.bind(entity), args.bind(now.timestamp_micros()));
    for (index, (generation, change)) in rows.into_iter().enumerate() {
        let Row::New { external_id } = change.row else { continue };
        let generation = args.bind(generation);
        let values = [
            args.bind(change.id.as_uuid()),
            args.bind(external_id),
            args.bind(change.entity_type),
            args.bind(change.finish),
            args.bind(change.text),
        ];
        let [id, external_id, entity_type, finish, data] = values;
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(
            sql,
            "{comma}({generation},{id},{entity},{external_id},{entity_type},{generation},{now},{now},{finish},{data})"
        );
    }
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(connection).await.map(drop).mapped()
}

async fn rewrite(connection: &mut SqliteConnection, now: Timestamp, rows: Vec<(i64, Change)>) -> Result<()> {
    let mut list = String::new();
    let mut args = Args::default();
    for (index, (generation, change)) in rows.into_iter().enumerate() {
        let Row::Stored { key, updated_at } = change.row else { continue };
        let values = [
            args.bind(key),
            args.bind(change.entity_type),
            args.bind(generation),
            args.bind(now.max(time::next_after(updated_at)).timestamp_micros()),
            args.bind(change.finish),
            args.bind(change.text),
        ];
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(list, "{comma}({})", values.join(","));
    }
    let sql = format!(
        "WITH v (key, entity_type, generation, updated_at, finish, data) AS (VALUES {list}) \
         UPDATE records SET entity_type = v.entity_type, generation = v.generation, updated_at = v.updated_at, deleted_at = NULL, \
         finish = v.finish, data = v.data FROM v WHERE records.key = v.key"
    );
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(connection).await.map(drop).mapped()
}

/// Cuts a list into pieces of 512, 256, … 1, largest first.
fn powers_of_two<T>(items: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut left = items.into_iter();
    std::iter::from_fn(move || {
        let size = left.len().min(MOST_ROWS);
        let size = size.checked_ilog2().map(|log| 1 << log)?;
        Some(left.by_ref().take(size).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_few_and_of_few_sizes() {
        let sizes: Vec<usize> = powers_of_two((0..1_000).collect()).map(|piece| piece.len()).collect();
        assert_eq!(sizes, [512, 256, 128, 64, 32, 8]);
        assert_eq!(powers_of_two(Vec::<u8>::new()).count(), 0);
        assert_eq!(powers_of_two((0..1_337).collect()).flatten().collect::<Vec<_>>(), (0..1_337).collect::<Vec<_>>());
    }
}
