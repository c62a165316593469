//! What a connection to a database does for the reader.

use super::{
    cursor::{Key, Mark},
    source::{Database, Overlap, SqlSource},
    statement::Range,
};
use async_trait::async_trait;
use mastra_core::{Error, Result};
use serde_json::Value;

/// A row, as the database gave it.
#[derive(Debug)]
pub(super) struct Row {
    /// The key of its id; none where that is NULL.
    pub(super) id: Option<Key>,
    /// The key of its mark; none where there is no such column.
    pub(super) mark: Option<Key>,
    /// The row as an object, or why it cannot be one.
    pub(super) data: Result<Value>,
    /// About as many bytes as came from the database.
    pub(super) bytes: u64,
}

/// What is asked at the beginning of a run.
#[derive(Debug)]
pub(super) struct Survey {
    /// The types of id and mark.
    pub(super) id_kind: String,
    pub(super) mark_kind: Option<String>,
    /// The highest mark; none without rows.
    pub(super) highest: Option<Key>,
    /// Whether a row has no mark.
    pub(super) unmarked: bool,
}

/// A connection, and the query's table on it. Each call is a transaction.
#[async_trait]
pub(super) trait Session: Send {
    /// Looks at the columns, which all else needs, and at the marks.
    async fn survey(&mut self) -> Result<Survey>;

    /// Rows that have an id.
    async fn rows(&mut self, range: &Range, most: usize) -> Result<Vec<Row>>;

    /// Rows without an id.
    async fn without_id(&mut self, from: Option<&Mark>, most: usize) -> Result<Vec<Row>>;

    /// What is so far behind a mark.
    async fn behind(&mut self, mark: &Key, overlap: Overlap) -> Result<Key>;
}

/// Connects.
pub(super) async fn connect(source: &SqlSource) -> Result<Box<dyn Session>> {
    match source.database {
        #[cfg(feature = "postgres")]
        Database::Postgres => Ok(Box::new(super::postgres::PostgresSession::connect(source).await?)),
        #[cfg(feature = "sqlite")]
        Database::Sqlite => Ok(Box::new(super::sqlite::SqliteSession::connect(source).await?)),
        #[allow(unreachable_patterns, reason = "each database is behind a feature of its own")]
        database => {
            Err(Error::unsupported("this build cannot read from this database").with("database", format!("{database:?}")))
        }
    }
}

/// The position of a column, by its exact name.
pub(super) fn position(columns: &[String], name: &str, what: &'static str) -> Result<usize> {
    columns.iter().position(|column| column == name).ok_or_else(|| {
        let error = Error::invalid_input(format!("the query gives no column of the {what} column's name"));
        error.with("column", name).with("columns", columns.join(", "))
    })
}

/// Refuses an overlap that a mark's type cannot be moved by.
pub(super) fn no_overlap(kind: &str, overlap: Overlap) -> Error {
    let message = match overlap {
        Overlap::Time(_) => "an overlap in time needs a mark that is a time; give a number instead",
        Overlap::Number(_) => "an overlap by a number needs a mark that is a number; give a duration instead",
    };
    Error::invalid_input(message).with("type", kind)
}
