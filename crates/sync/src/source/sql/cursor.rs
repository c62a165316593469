//! Where a reader of rows stands, as text.

use super::source::SqlSource;
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A value that rows are ordered by: its type, and its text, which keeps every digit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Key(pub(super) String, pub(super) String);

/// A place in the order of mark and id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) at: Key,
    /// Behind this row; before all rows of the mark where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Key>,
}

/// How far reading has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Nothing is read, or all: the next run begins anew.
    Beginning,
    /// Amid all rows, by id; `mark` is the highest that stood there when they were begun.
    All { after: Key, mark: Option<Key> },
    /// The rows from a mark on.
    Since(Mark),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    source: String,
    /// What tells this query from another.
    query: String,
    stage: Stage,
}

pub(super) fn write(source: &SqlSource, stage: &Stage) -> Result<String> {
    let cursor = Cursor { source: kind(source).to_owned(), query: fingerprint(source), stage: stage.clone() };
    serde_json::to_string(&cursor).map_err(|error| Error::internal("a cursor could not be written").with_source(error))
}

/// The stage of a cursor: the beginning where the query is another by now. `InvalidInput` where it is no cursor of such a source.
pub(super) fn read(source: &SqlSource, text: &str) -> Result<Stage> {
    let foreign = || {
        Error::invalid_input("the cursor is not one of this source; clear it to read everything again")
            .with("source", kind(source))
    };
    let cursor: Cursor = serde_json::from_str(text).map_err(|_| foreign())?;
    if cursor.source != kind(source) {
        return Err(foreign());
    }
    if cursor.query != fingerprint(source) {
        tracing::info!(source = kind(source), "the query is another than the cursor's; beginning anew");
        return Ok(Stage::Beginning);
    }
    Ok(cursor.stage)
}

fn kind(source: &SqlSource) -> &'static str {
    use crate::source::Source as _;
    source.kind()
}

fn fingerprint(source: &SqlSource) -> String {
    let digest = Sha256::digest(format!("{:?}", (&source.query, &source.id, &source.high_water)));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
