//! What a source of files can be told.

use mastra_core::{Error, Result};
use std::path::PathBuf;

/// Items of a page, by default.
const PAGE_ITEMS: usize = 500;
/// Bytes of a page, by default.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of a line, by default.
const LINE_BYTES: usize = 16 * 1024 * 1024;

/// Which files to read, and in pages of what size.
///
/// A path alone is enough: wherever options are taken, a path can be given.
///
/// ```
/// use mastra_sync::source::files::{FileOptions, JsonLines};
///
/// let source = JsonLines::new(FileOptions::new("contacts.jsonl").id_field("id").page_items(1_000));
/// let plain = JsonLines::new("contacts.jsonl");
/// # let _ = (source, plain);
/// ```
#[derive(Debug, Clone)]
pub struct FileOptions {
    pub(super) path: PathBuf,
    pub(super) id_field: Option<String>,
    pub(super) page_items: usize,
    pub(super) page_bytes: u64,
    pub(super) line_bytes: usize,
}

impl FileOptions {
    /// The one file at `path`, whatever its name ends in; or the files of the folder at `path` whose names end in what the format is
    /// known by, in the order of their names. Hidden files and folders below it are left out.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), id_field: None, page_items: PAGE_ITEMS, page_bytes: PAGE_BYTES, line_bytes: LINE_BYTES }
    }

    /// The top-level field that holds a record's id: a text, or a number, which becomes its decimal digits. Items are then
    /// [`Item::Record`](crate::source::Item::Record); without it they are [`Item::Raw`](crate::source::Item::Raw), and the sync's mapping
    /// gives them an id.
    #[must_use]
    pub fn id_field(mut self, field: impl Into<String>) -> Self {
        self.id_field = Some(field.into());
        self
    }

    /// The most items of a page; 500 by default. A page ends at whichever bound comes first.
    #[must_use]
    pub fn page_items(mut self, items: usize) -> Self {
        self.page_items = items;
        self
    }

    /// The bytes after which a page ends; 4 MiB by default.
    #[must_use]
    pub fn page_bytes(mut self, bytes: u64) -> Self {
        self.page_bytes = bytes;
        self
    }

    /// The longest line or row, in bytes; 16 MiB by default. A longer one fails by itself, and is not held in memory. Of no effect on
    /// Parquet.
    #[must_use]
    pub fn line_bytes(mut self, bytes: usize) -> Self {
        self.line_bytes = bytes;
        self
    }

    /// Refuses bounds that nothing fits in.
    pub(super) fn check(&self) -> Result<()> {
        if self.page_items == 0 || self.page_bytes == 0 || self.line_bytes == 0 {
            return Err(Error::invalid_input("the bounds of pages and lines of a file must be above 0"));
        }
        if self.id_field.as_ref().is_some_and(|field| field.is_empty()) {
            return Err(Error::invalid_input("the id field has no name"));
        }
        Ok(())
    }
}

impl<P: Into<PathBuf>> From<P> for FileOptions {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}
