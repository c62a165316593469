//! What is kept beside a record or a point: the words of its text, and the values of its multi field indexes.

use crate::{
    args::{Args, placeholders, powers_of_two},
    error::Mapped as _,
    index::Index,
};
use mastra_core::{Result, path::array_index};
use serde_json::Value;
use sqlx::{AssertSqlSafe, SqliteConnection};

/// How many texts stand in one statement.
const TEXTS: usize = 64;

/// How many values stand in one statement.
const VALUES: usize = 512;

/// The tables beside a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    /// Of words, by `rowid`.
    pub(crate) texts: &'static str,
    /// Of values.
    pub(crate) values: &'static str,
    /// The column of `values` that holds the row's key.
    pub(crate) owner: &'static str,
}

/// Those of records.
pub(crate) const RECORDS: Side = Side { texts: "record_text", values: "field_values", owner: "record" };

/// A value of a multi field index, as its sort key (see [`crate::key`]).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldValue {
    field: i64,
    value: Scalar,
}

#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Integer(i64),
    Float(f64),
    Text(String),
    Boolean(bool),
}

impl Scalar {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Boolean(*value)),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => {
                let number = mastra_core::number::Number::from(number.clone());
                number.as_i64().map(Self::Integer).or_else(|| number.as_f64().map(Self::Float))
            }
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn push(self, args: &mut Args) {
        match self {
            Self::Integer(integer) => args.push(integer),
            Self::Float(float) => args.push(float),
            Self::Text(text) => args.push(text),
            Self::Boolean(value) => args.push(vec![u8::from(value)]),
        }
    }
}

/// The values that a document has in the multi indexes among these: those that an equality on the path would meet.
pub(crate) fn values(indexes: &[Index], data: &Value) -> Vec<FieldValue> {
    let mut found = Vec::new();
    for index in indexes.iter().filter(|index| index.is_list()) {
        walk(data, index.path.segments(), &mut |leaf| {
            let members = leaf.as_array().into_iter().flatten();
            for value in std::iter::once(leaf).chain(members).filter_map(Scalar::of) {
                let value = FieldValue { field: index.key, value };
                if !found.contains(&value) {
                    found.push(value);
                }
            }
        });
    }
    found
}

/// Shows every branch of a path that is there, as the filter language walks it.
fn walk<'v>(value: &'v Value, path: &[String], found: &mut impl FnMut(&'v Value)) {
    let Some((key, rest)) = path.split_first() else { return found(value) };
    match value {
        Value::Object(map) => {
            if let Some(inner) = map.get(key) {
                walk(inner, rest, found);
            }
        }
        Value::Array(members) => {
            if let Some(member) = array_index(key).and_then(|index| members.get(index)) {
                walk(member, rest, found);
            }
            for inner in members.iter().filter_map(|member| member.as_object()?.get(key)) {
                walk(inner, rest, found);
            }
        }
        _ => {}
    }
}

/// Rows of side tables, gathered over a batch.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    words: Vec<(i64, String)>,
    wordless: Vec<i64>,
    values: Vec<(i64, FieldValue)>,
    rewritten: Vec<i64>,
}

impl Beside {
    /// Takes what belongs to a row, which is new, or rewritten and may have had something else.
    pub(crate) fn add(&mut self, key: i64, is_new: bool, words: Option<String>, values: Vec<FieldValue>) {
        match words {
            Some(words) if words.is_empty() && !is_new => self.wordless.push(key),
            Some(words) if !words.is_empty() => self.words.push((key, words)),
            _ => {}
        }
        if !is_new {
            self.rewritten.push(key);
        }
        self.values.extend(values.into_iter().map(|value| (key, value)));
    }

    /// Writes them. `scope` is the word that the texts stand under; `lists` says whether there are indexes that keep values.
    pub(crate) async fn write(self, connection: &mut SqliteConnection, side: Side, scope: &str, lists: bool) -> Result<()> {
        let Side { texts, values, owner } = side;
        forget(connection, &self.wordless, texts, "rowid").await?;
        for piece in powers_of_two(self.words, TEXTS) {
            let list = placeholders("(?,?,?)", piece.len());
            let mut args = Args::default();
            for (key, words) in piece {
                args.push(key);
                args.push(scope);
                args.push(words);
            }
            let sql = format!("INSERT OR REPLACE INTO {texts} (rowid, scope, body) VALUES {list}");
            sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(&mut *connection).await.mapped()?;
        }
        if lists {
            forget(connection, &self.rewritten, values, owner).await?;
        }
        for piece in powers_of_two(self.values, VALUES) {
            let list = placeholders("(?,?,?)", piece.len());
            let mut args = Args::default();
            for (key, FieldValue { field, value }) in piece {
                args.push(field);
                value.push(&mut args);
                args.push(key);
            }
            let sql = format!("INSERT OR IGNORE INTO {values} (field, value, {owner}) VALUES {list}");
            sqlx::query_with(AssertSqlSafe(sql), args.finish()?).execute(&mut *connection).await.mapped()?;
        }
        Ok(())
    }
}

/// Takes records out of full-text search.
pub(crate) async fn forget_words(connection: &mut SqliteConnection, keys: &[i64]) -> Result<()> {
    forget(connection, keys, RECORDS.texts, "rowid").await
}

/// Deletes the rows of these keys.
pub(crate) async fn forget(connection: &mut SqliteConnection, keys: &[i64], table: &str, column: &str) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = format!("DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?1))");
    sqlx::query(AssertSqlSafe(sql)).bind(format!("{keys:?}")).execute(connection).await.map(drop).mapped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mastra_core::FieldIndexKind;
    use serde_json::json;

    #[test]
    fn values_are_those_that_an_equality_meets() {
        let data = json!({ "a": [{ "b": [1, "x", [2]] }, { "b": true }, 5], "c": null });
        let of = |path: &str| {
            let index = Index { key: 1, path: path.parse().unwrap(), kind: FieldIndexKind::Multi };
            values(&[index], &data).into_iter().map(|found| found.value).collect::<Vec<_>>()
        };
        assert_eq!(of("a.b"), [Scalar::Integer(1), Scalar::Text("x".into()), Scalar::Boolean(true)]);
        assert_eq!(of("a.0.b"), [Scalar::Integer(1), Scalar::Text("x".into())]);
        assert_eq!(of("c"), []);
        assert_eq!(of("a"), [Scalar::Integer(5)]);
    }
}
