//! Where a reader of files stands, as text.

use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A place in a file, and what tells that everything in front of it is still the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The format, so that no source takes another's cursor.
    pub(super) format: String,
    /// What tells these options from others under which the same bytes are other items.
    pub(super) options: String,
    /// The file's name.
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) line: u64,
    /// The hash of the file up to the offset.
    pub(super) sha256: String,
    /// What tells the files in front of this one from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
}

/// Compact JSON.
pub(super) fn write(cursor: &impl Serialize) -> Result<String> {
    serde_json::to_string(cursor).map_err(|source| Error::internal("a cursor could not be written").with_source(source))
}

/// `InvalidInput` where it is no cursor of this kind.
pub(super) fn read<T: DeserializeOwned>(text: &str, kind: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| foreign(kind))
}

/// The error for a cursor of another source.
pub(super) fn foreign(kind: &'static str) -> Error {
    Error::invalid_input("the cursor is not one of this source; clear it to read everything again").with("source", kind)
}
