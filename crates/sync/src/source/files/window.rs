//! A file, through a window that moves over it and never grows past a line.

use super::state::{self, Hash, State};
use mastra_core::Result;
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::PathBuf,
};

/// How much is read at once.
const CHUNK: usize = 256 * 1024;
/// How much of a line that cannot be read is kept.
const KEPT: usize = 16 * 1024;

/// What was read and is not used yet, and where it stands.
#[derive(Debug)]
pub(super) struct Window {
    path: PathBuf,
    file: File,
    /// The file as it was opened. What is behind its end then is the next run's.
    pub(super) opened: State,
    buffer: Vec<u8>,
    start: usize,
    /// How much of the file is still to be read into the buffer.
    left: u64,
    /// Where the first byte in the window stands in the file.
    pub(super) offset: u64,
    /// The number of the line that it stands on, from 1.
    pub(super) line: u64,
    hasher: Sha256,
    /// Where what may still read otherwise begins, once the file has grown.
    unsettled: Option<Place>,
}

/// A point in a file, and the hash of what stands in front of it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) line: u64,
    hasher: Sha256,
}

impl Place {
    pub(super) fn hash(&self) -> Hash {
        self.hasher.clone().finalize().into()
    }
}

/// A line without its end.
#[derive(Debug)]
pub(super) struct Line {
    /// The line; its beginning only where it is too long.
    pub(super) bytes: Vec<u8>,
    /// Whether it is longer than allowed.
    pub(super) too_long: bool,
}

impl Window {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).map_err(|source| state::unreadable(source, &path))?;
        let opened = State::of(&file.metadata().map_err(|source| state::unreadable(source, &path))?);
        let left = opened.bytes;
        Ok(Self {
            path,
            file,
            opened,
            buffer: Vec::new(),
            start: 0,
            left,
            offset: 0,
            line: 1,
            hasher: Sha256::new(),
            unsettled: None,
        })
    }

    /// What is in it.
    pub(super) fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Reads more into it; false at the file's end. `Conflict` where the file became shorter.
    pub(super) fn more(&mut self) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let filled = self.buffer.len();
        let wanted = CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK));
        self.buffer.resize(filled + wanted, 0);
        let read = loop {
            match self.file.read(self.buffer.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(state::unreadable(source, &self.path)),
                Ok(0) => return Err(state::changed(&self.path)),
                Ok(read) => break read,
            }
        };
        self.buffer.truncate(filled + read);
        self.left -= read as u64;
        Ok(true)
    }

    /// Moves on.
    pub(super) fn consume(&mut self, bytes: usize) {
        let end = (self.start + bytes).min(self.buffer.len());
        let used = self.buffer.get(self.start..end).unwrap_or_default();
        self.hasher.update(used);
        self.line += memchr::memchr_iter(b'\n', used).count() as u64;
        self.offset += used.len() as u64;
        self.start = end;
        if self.pending().is_empty() && self.buffer.capacity() > 4 * CHUNK {
            // One giant line should not be paid for until the end.
            (self.buffer, self.start) = (Vec::new(), 0);
        }
    }

    /// Passes a byte order mark, which only the file's beginning can have.
    pub(super) fn skip_mark(&mut self) -> Result<()> {
        while self.offset == 0 && self.pending().len() < 3 && self.more()? {}
        if self.offset == 0 && self.pending().starts_with(b"\xef\xbb\xbf") {
            self.consume(3);
        }
        Ok(())
    }

    /// Goes to an offset that was read before; false where the file is shorter, or another one up to there.
    pub(super) fn skip_to(&mut self, offset: u64, line: u64, hash: &str) -> Result<bool> {
        if offset > self.opened.bytes || offset < self.offset {
            return Ok(false);
        }
        while self.offset < offset {
            if self.pending().is_empty() && !self.more()? {
                return Ok(false);
            }
            let rest = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
            self.consume(rest.min(self.pending().len()));
        }
        self.line = line;
        Ok(state::hex(&self.here().hash()) == hash)
    }

    /// Where it stands.
    pub(super) fn here(&self) -> Place {
        Place { offset: self.offset, line: self.line, hasher: self.hasher.clone() }
    }

    /// Where a later run can go on: in front of what may still read otherwise.
    pub(super) fn resumable(&self) -> Place {
        self.unsettled.clone().unwrap_or_else(|| self.here())
    }

    /// Says that what begins here may read otherwise once the file has grown, and with it all behind it.
    pub(super) fn unsettle(&mut self) {
        if self.unsettled.is_none() {
            self.unsettled = Some(self.here());
        }
    }

    /// Says that the last line is whole, though no line break ends it.
    pub(super) fn settle(&mut self) {
        self.unsettled = None;
    }

    /// Takes the next line; none at the file's end. A line past `most` bytes is passed without being held. One that no line break ends is
    /// unsettled.
    pub(super) fn take_line(&mut self, most: usize) -> Result<Option<Line>> {
        let mut searched = 0;
        loop {
            let pending = self.pending();
            let found = memchr::memchr(b'\n', pending.get(searched..).unwrap_or_default()).map(|at| searched + at);
            match found {
                Some(at) if at <= most => {
                    let bytes = pending.get(..at).unwrap_or_default().to_vec();
                    self.consume(at + 1);
                    return Ok(Some(Line { bytes, too_long: false }));
                }
                None if pending.len() <= most => {
                    searched = pending.len();
                    if self.more()? {
                        continue;
                    }
                    let bytes = self.pending().to_vec();
                    self.unsettle();
                    self.consume(bytes.len());
                    return Ok((!bytes.is_empty()).then_some(Line { bytes, too_long: false }));
                }
                _ => return self.pass_line().map(Some),
            }
        }
    }

    fn pass_line(&mut self) -> Result<Line> {
        let bytes = self.pending().get(..KEPT.min(self.pending().len())).unwrap_or_default().to_vec();
        let begin = self.here();
        loop {
            let found = memchr::memchr(b'\n', self.pending());
            self.consume(found.map_or(self.pending().len(), |at| at + 1));
            if found.is_some() || !self.more()? {
                if found.is_none() && self.unsettled.is_none() {
                    self.unsettled = Some(begin);
                }
                return Ok(Line { bytes, too_long: true });
            }
        }
    }
}

/// What is kept of a line that cannot be read: its beginning, as text.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..KEPT).unwrap_or(bytes)).into_owned()
}
