//! One record of a file, before anybody has looked at what it says.

use std::io;

/// The longest record that is read, in bytes; a longer one is put aside, so that memory stays flat.
pub(crate) const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// A record as it stands in a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Where reading goes on behind it.
    pub(crate) behind: Place,
    /// What it holds, or why it cannot be read.
    pub(crate) content: Result<Content, Unreadable>,
}

/// What a record's text was cut into.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    /// The text of one JSON value.
    Json(Vec<u8>),
    /// The fields of one CSV row.
    Row(Vec<Vec<u8>>),
}

/// A record that cannot be read.
#[derive(Debug, PartialEq)]
pub(crate) struct Unreadable {
    pub(crate) reason: String,
    /// The beginning of its text.
    pub(crate) text: Vec<u8>,
}

/// A place between two records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The bytes before it.
    pub(crate) offset: u64,
    /// The line on which it stands, from 1.
    pub(crate) line: u64,
}

impl Place {
    /// The beginning of a file.
    pub(crate) const START: Self = Self { offset: 0, line: 1 };
}

/// Cuts a file into records, with memory that does not grow with the file.
pub(crate) trait Pieces: Send {
    /// The next record; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Piece>>;
}

pub(crate) fn too_long(text: Vec<u8>) -> Unreadable {
    Unreadable { reason: format!("longer than {} MiB", MAX_RECORD_BYTES >> 20), text }
}
