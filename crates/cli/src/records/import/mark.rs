//! How far an import has come, kept as the entity's sync cursor: it commits with each batch, so it is true after any crash.

use super::piece::Place;
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The version of this form.
const VERSION: u32 = 1;

/// How far an import has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Mark {
    mastra_import: u32,
    /// Which files, read in which way.
    pub(crate) source: String,
    /// The file that is being read, by position.
    pub(crate) file: usize,
    /// The bytes of it that are stored.
    offset: u64,
    /// The line on which the rest begins.
    line: u64,
    /// How many records were stored so far.
    pub(crate) records: u64,
    /// How many were put aside so far.
    pub(crate) rejected: u64,
    /// How long the rejects file was then.
    pub(crate) rejects_bytes: u64,
    /// The sync cursor that the entity had before, which comes back at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<String>,
}

impl Mark {
    /// The beginning of an import.
    pub(crate) fn start(source: String, previous: Option<String>) -> Self {
        Self { mastra_import: VERSION, source, file: 0, offset: 0, line: 1, records: 0, rejected: 0, rejects_bytes: 0, previous }
    }

    /// Reads a sync cursor; `None` where it is somebody else's.
    pub(crate) fn read(cursor: &str) -> Option<Self> {
        serde_json::from_str(cursor).ok().filter(|mark: &Self| mark.mastra_import == VERSION)
    }

    pub(crate) fn write(&self) -> Result<String> {
        serde_json::to_string(self)
            .map_err(|source| Error::internal("the import's cursor could not be written").with_source(source))
    }

    pub(crate) fn place(&self) -> Place {
        Place { offset: self.offset, line: self.line }
    }

    pub(crate) fn move_to(&mut self, file: usize, place: Place) {
        (self.file, self.offset, self.line) = (file, place.offset, place.line);
    }
}

/// Where an import begins: behind what an earlier run of the same import stored, else at the start.
///
/// Whatever is there, the cursor that the entity had before any import is kept.
pub(crate) fn begin(source: String, stored: Option<&str>, restart: bool) -> (Mark, bool) {
    match stored.map(|cursor| Mark::read(cursor).ok_or(cursor)) {
        None => (Mark::start(source, None), false),
        Some(Err(foreign)) => (Mark::start(source, Some(foreign.to_owned())), false),
        Some(Ok(mark)) if mark.source == source && !restart => (mark, true),
        Some(Ok(mark)) => (Mark::start(source, mark.previous), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_import_goes_on_and_any_other_begins() {
        let (mut mark, resumed) = begin("a".into(), Some("page-7"), false);
        assert!(!resumed);
        mark.move_to(1, Place { offset: 10, line: 3 });
        let cursor = mark.write().unwrap();
        assert_eq!(begin("a".into(), Some(&cursor), false), (mark, true));
        for (source, restart) in [("b", false), ("a", true)] {
            let (other, resumed) = begin(source.into(), Some(&cursor), restart);
            assert_eq!((other.file, other.place(), resumed), (0, Place::START, false));
            assert_eq!(other.previous.as_deref(), Some("page-7"), "a cursor of somebody else survives");
        }
    }

    #[test]
    fn cursors_of_others_are_not_marks() {
        for cursor in ["", "page-1", "{}", "{\"source\":\"a\"}", "12"] {
            assert_eq!(Mark::read(cursor), None);
        }
    }
}
