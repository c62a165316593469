//! One index as a file: how it was made in the first line, and behind it a line for every call that changed it.
//!
//! A line makes a call atomic: it is there as a whole or, after a crash, cut off and dropped.

use mastra_core::{
    Error, Result,
    vector::{FlatIndex, IndexSpec, PointChanges},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

/// An index in memory, and the file that it is read from the next time.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) points: FlatIndex,
    pub(crate) path: PathBuf,
    file: File,
    /// Whether the file may end with a call that failed.
    stale: bool,
}

impl Index {
    pub(crate) fn create(path: PathBuf, spec: IndexSpec) -> Result<Self> {
        let points = FlatIndex::new(spec);
        Ok(Self { file: write_whole(&path, &points).map_err(unwritable)?, points, path, stale: false })
    }

    /// Reads an index. Its file is written anew where it ends with what a crash cut off, or most of it is of the past.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let unreadable = |source| Error::io("the file of an index cannot be read", source);
        let mut reader = BufReader::new(File::open(&path).map_err(unreadable)?);
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).map_err(unreadable)?;
        let mut points = FlatIndex::new(parsed(&line, 1)?);
        let (mut changed, mut torn) = (0, false);
        for number in 2.. {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            // What was cut off lacks its end, or has holes of zeros, which JSON never holds. It was never acknowledged.
            torn = line.last() != Some(&b'\n') || line.contains(&0);
            if torn && reader.fill_buf().map_err(unreadable)?.is_empty() {
                break;
            }
            let changes: PointChanges = parsed(&line, number)?;
            changed += changes.len() as u64;
            points.apply(changes);
        }
        let grown = changed > 2 * points.describe().count + 100;
        let file = if torn || grown { write_whole(&path, &points) } else { File::options().append(true).open(&path) };
        Ok(Self { points, path, file: file.map_err(unwritable)?, stale: false })
    }

    /// Makes changes and keeps them: on disk when this returns. Tells how many points they touch.
    pub(crate) fn write(&mut self, changes: PointChanges) -> Result<u64> {
        let touched = changes.len() as u64;
        if touched == 0 {
            return Ok(0);
        }
        if self.stale {
            self.file = write_whole(&self.path, &self.points).map_err(unwritable)?;
        }
        let written = line(&changes).and_then(|line| self.file.write_all(&line)).and_then(|()| self.file.sync_data());
        self.stale = written.is_err();
        written.map_err(unwritable)?;
        self.points.apply(changes);
        Ok(touched)
    }

    pub(crate) fn truncate(&mut self) -> Result<()> {
        Self::create(self.path.clone(), IndexSpec::clone(self.points.spec())).map(|empty| *self = empty)
    }
}

/// Writes a file beside the one that may be there, and puts it in its place: a crash leaves one or the other.
fn write_whole(path: &Path, points: &FlatIndex) -> io::Result<File> {
    let beside = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&beside)?);
    file.write_all(&line(&**points.spec())?)?;
    for (namespace, id, point) in points.points() {
        let put = [(id.to_owned(), point.clone())].into();
        file.write_all(&line(&PointChanges { namespace: namespace.to_owned(), put, removed: Vec::new() })?)?;
    }
    file.into_inner()?.sync_all()?;
    fs::rename(&beside, path)?;
    sync_name(path)?;
    File::options().append(true).open(path)
}

/// Makes sure that the name of a file, or its absence, outlives a crash as its bytes do.
pub(crate) fn sync_name(file: &Path) -> io::Result<()> {
    // Windows opens no folders, and needs it not.
    file.parent().filter(|_| cfg!(unix)).map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// A value as a line: JSON escapes line breaks.
fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn unwritable(source: io::Error) -> Error {
    Error::io("the file of the index cannot be written", source)
}

/// What stands in a line. The parser's own message is left out, since it may quote data.
fn parsed<'l, T: Deserialize<'l>>(line: &'l [u8], number: usize) -> Result<T> {
    serde_json::from_slice(line)
        .map_err(|_| Error::corrupt("a line of an index is none that this store writes").with("line", number))
}
