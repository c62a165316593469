//! Writing rows, many to a statement.

use crate::{
    args::{Args, placeholders, powers_of_two},
    changes,
    entities::Known,
    error::Mapped as _,
    fields, finish,
};
use mastra_core::{Error, RecordId, Result, Timestamp, text, time};
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// The most rows of one statement.
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
pub(crate) async fn generations(connection: &mut SqliteConnection, count: usize) -> Result<i64> {
    let count = i64::try_from(count).map_err(|_| Error::invalid_input("too many records for one call"))?;
    let sql = "UPDATE counters SET value = value + ?1 WHERE name = 'generation' RETURNING value";
    let last: i64 = sqlx::query_scalar(sql).bind(count).fetch_one(connection).await.mapped()?;
    Ok(last - count + 1)
}

/// Writes the rows, in order of their generations.
pub(super) async fn apply(connection: &mut SqliteConnection, known: &Known, rows: Vec<Change>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let now = time::now();
    let first = generations(connection, rows.len()).await?;
    let (mut new, mut stored, mut keys) = (Vec::new(), Vec::new(), Vec::with_capacity(rows.len()));
    let mut beside = fields::Beside::default();
    for (generation, mut change) in (first..).zip(rows) {
        let (key, is_new) = match &change.row {
            Row::New { .. } => (generation, true),
            Row::Stored { key, .. } => (*key, false),
        };
        keys.push(key);
        beside.add(key, is_new, change.words.take(), std::mem::take(&mut change.values));
        if is_new { &mut new } else { &mut stored }.push((generation, change));
    }
    for rows in powers_of_two(new, MOST_ROWS) {
        insert(connection, known.key, now, rows).await?;
    }
    for rows in powers_of_two(stored, MOST_ROWS) {
        rewrite(connection, now, rows).await?;
    }
    changes::written(connection, known, &keys).await?;
    beside.write(connection, fields::RECORDS, &crate::scope(known.key), known.has_lists()).await
}

async fn insert(connection: &mut SqliteConnection, entity: i64, now: Timestamp, rows: Vec<(i64, Change)>) -> Result<()> {
    let list = placeholders("(?,?,?,?,?,?,?,?,?,?)", rows.len());
    let sql = format!(
        "INSERT INTO records (key, id, entity, external_id, entity_type, generation, created_at, updated_at, finish, data) VALUES {list}"
    );
    let mut args = Args::default();
    let now = now.timestamp_micros();
    for (generation, change) in rows {
        let Row::New { external_id } = change.row else { continue };
        args.push(generation);
        args.push(change.id.as_uuid());
        args.push(entity);
        args.push(external_id);
        args.push(change.entity_type);
        args.push(generation);
        args.push(now);
        args.push(now);
        args.push(change.finish);
        args.push(change.text);
    }
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(connection).await.map(drop).mapped()
}

async fn rewrite(connection: &mut SqliteConnection, now: Timestamp, rows: Vec<(i64, Change)>) -> Result<()> {
    let list = placeholders("(?,?,?,?,?,?)", rows.len());
    let sql = format!(
        "WITH v (key, entity_type, generation, updated_at, finish, data) AS (VALUES {list}) \
         UPDATE records SET entity_type = v.entity_type, generation = v.generation, updated_at = v.updated_at, deleted_at = NULL, \
         finish = v.finish, data = v.data FROM v WHERE records.key = v.key"
    );
    let mut args = Args::default();
    for (generation, change) in rows {
        let Row::Stored { key, updated_at } = change.row else { continue };
        args.push(key);
        args.push(change.entity_type);
        args.push(generation);
        args.push(now.max(time::next_after(updated_at)).timestamp_micros());
        args.push(change.finish);
        args.push(change.text);
    }
    sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(connection).await.map(drop).mapped()
}
