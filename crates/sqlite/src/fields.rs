//! What is kept beside a record: the words of its text fields, and the values of its multi field indexes.

use crate::{args::Args, entities::Known, error::Mapped as _, index::Index, scope};
use mastra_core::Result;
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// A value of a multi field index.
#[derive(Debug, Clone)]
pub(crate) struct FieldValue;

/// The values that a document has in the multi indexes among these.
pub(crate) fn values(_indexes: &[Index], _data: &Value) -> Vec<FieldValue> {
    Vec::new()
}

/// Rows of side tables, gathered over a batch.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    words: Vec<(i64, String)>,
    gone: Vec<i64>,
}

/// How many texts stand in one statement.
const TEXTS: usize = 64;

impl Beside {
    pub(crate) fn add(&mut self, key: i64, is_new: bool, words: Option<&str>, _values: &[FieldValue]) {
        match words {
            Some("") if !is_new => self.gone.push(key),
            Some(words) if !words.is_empty() => self.words.push((key, words.to_owned())),
            _ => {}
        }
    }

    pub(crate) async fn write(self, connection: &mut SqliteConnection, known: &Known) -> Result<()> {
        forget_words(connection, &self.gone).await?;
        for piece in self.words.chunks(TEXTS) {
            let mut args = Args::default();
            let scope = args.bind(scope(known.key));
            let rows: Vec<String> = piece
                .iter()
                .map(|(key, words)| {
                    let (key, words) = (args.bind(*key), args.bind(words.as_str()));
                    format!("({key},{scope},{words})")
                })
                .collect();
            let sql = format!("INSERT OR REPLACE INTO record_text (rowid, scope, body) VALUES {}", rows.join(","));
            sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(&mut *connection).await.mapped()?;
        }
        Ok(())
    }
}

/// Takes records out of full-text search.
pub(crate) async fn forget_words(connection: &mut SqliteConnection, keys: &[i64]) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = "DELETE FROM record_text WHERE rowid IN (SELECT value FROM json_each(?1))";
    sqlx::query(sql).bind(format!("{keys:?}")).execute(connection).await.map(drop).mapped()
}
