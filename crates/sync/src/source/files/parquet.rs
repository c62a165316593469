//! Parquet: rows of columns.

use super::{
    blocking, cursor, identify,
    listing::Listing,
    options::FileOptions,
    parquet_value::object,
    state::{self, Hash, State},
};
use crate::source::{Item, Page, Pages, Position, Source};
use mastra_core::{Error, Result};
use parquet::{
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
    record::reader::{ReaderIter, TreeBuilder},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

/// Files of rows in columns (Parquet); in a folder, those that end in `.parquet`. Needs the feature `parquet`.
///
/// A row becomes an object: groups objects, lists arrays, maps objects where their keys are texts. Decimals and integers are numbers with all
/// their digits (a decimal that would be rounded is a text), times are RFC 3339 in UTC, dates `2026-01-31`; times in nanoseconds and `INT96`
/// come as Parquet's record reader gives them, the first as a whole number. A row is [`Item::Failed`], with its number, where it holds binary
/// data, or a number that JSON has none for.
///
/// Compression: none, Snappy, gzip, LZ4 (raw) and Zstandard; another is `Unsupported`. The cursor is file and row, and begins anew where size,
/// time or footer of a file is another. A damaged file is `Corrupt`; one that changes while it is read is `Conflict`, retryable. Memory: a
/// page, and what the columns of a row group need to be decoded.
#[derive(Debug, Clone)]
pub struct Parquet {
    options: FileOptions,
}

/// What it is called in traces and cursors.
const KIND: &str = "parquet";
/// The two last words of a file: the length of what describes it, and what tells the format.
const TAIL: u64 = 8;

impl Parquet {
    /// The files of these options, or at this path.
    pub fn new(options: impl Into<FileOptions>) -> Self {
        Self { options: options.into() }
    }
}

impl Source for Parquet {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let options = self.options.clone();
        blocking::pages(move || Reader::open(options, from.cursor.as_deref()))
    }
}

/// A row of a file, and what tells that it is still that file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    format: String,
    file: String,
    row: u64,
    fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

struct Reader {
    options: FileOptions,
    listing: Listing,
    index: usize,
    table: Option<Table>,
}

/// An open file.
struct Table {
    path: PathBuf,
    opened: State,
    fingerprint: String,
    reader: SerializedFileReader<File>,
    group: usize,
    rows: Option<ReaderIter>,
    /// How many rows were read.
    row: u64,
    /// Bytes of the present group, as they are stored, by row.
    row_bytes: u64,
}

impl Reader {
    fn open(options: FileOptions, from: Option<&str>) -> Result<Self> {
        options.check()?;
        let place = from.map(|text| cursor::read::<Place>(text, KIND)).transpose()?;
        if place.as_ref().is_some_and(|place| place.format != KIND) {
            return Err(cursor::foreign(KIND));
        }
        let listing = Listing::of(&options.path, &[KIND])?;
        let mut reader = Self { options, listing, index: 0, table: None };
        if let Some(place) = place
            && !reader.resume(&place)?
        {
            tracing::info!(source = KIND, file = place.file, "what was read before has changed; beginning anew");
        }
        Ok(reader)
    }

    fn resume(&mut self, place: &Place) -> Result<bool> {
        let Some(index) = self.listing.files.iter().position(|file| file.name == place.file) else { return Ok(false) };
        if self.listing.before(index) != place.before {
            return Ok(false);
        }
        let mut table = self.begin(index)?;
        if table.fingerprint != place.fingerprint {
            return Ok(false);
        }
        table.skip(place.row)?;
        (self.index, self.table) = (index, Some(table));
        Ok(true)
    }

    fn begin(&self, index: usize) -> Result<Table> {
        let Some(file) = self.listing.files.get(index) else {
            return Err(Error::internal("a file is missing from its own listing"));
        };
        let table = Table::open(&file.path)?;
        if table.opened != file.state {
            return Err(state::changed(&file.path));
        }
        Ok(table)
    }

    fn cursor(&self, table: &Table) -> Result<String> {
        cursor::write(&Place {
            format: KIND.to_owned(),
            file: self.name(),
            row: table.row,
            fingerprint: table.fingerprint.clone(),
            before: self.listing.before(self.index),
        })
    }

    fn name(&self) -> String {
        self.listing.files.get(self.index).map(|file| file.name.clone()).unwrap_or_default()
    }
}

impl blocking::Reader for Reader {
    fn next_page(&mut self) -> Result<Option<Page>> {
        let mut page = Page::default();
        while self.index < self.listing.files.len() {
            let mut table = match self.table.take() {
                Some(table) => table,
                None => self.begin(self.index)?,
            };
            let name = self.name();
            while page.items.len() < self.options.page_items && page.bytes < self.options.page_bytes {
                let number = table.row + 1;
                let Some(row) = table.next()? else { break };
                page.bytes += table.row_bytes;
                let place = |error: Error| error.with("file", &name).with("row", number);
                page.items.push(match object(&row) {
                    Ok(object) => identify::item(object, self.options.id_field.as_deref(), place),
                    Err(error) => Item::failed(None, Value::Null, place(error)),
                });
            }
            page.cursor = Some(self.cursor(&table)?);
            if page.items.len() >= self.options.page_items || page.bytes >= self.options.page_bytes {
                self.table = Some(table);
                return Ok(Some(page));
            }
            table.verify()?;
            self.index += 1;
        }
        // Each file has to be as it was when the run began, before they are said to be all.
        self.listing.verify()?;
        Ok((!page.items.is_empty()).then_some(page))
    }
}

impl Table {
    fn open(path: &Path) -> Result<Self> {
        let unreadable = |source| state::unreadable(source, path);
        let mut file = File::open(path).map_err(unreadable)?;
        let opened = State::of(&file.metadata().map_err(unreadable)?);
        let footer = footer(&mut file, opened.bytes).map_err(unreadable)?;
        let fingerprint =
            format!("{}/{}/{}", opened.bytes, opened.nanoseconds(), state::hex(footer.get(..16).unwrap_or_default()));
        let reader = SerializedFileReader::new(file).map_err(|error| damaged(&error, path))?;
        Ok(Self { path: path.to_owned(), opened, fingerprint, reader, group: 0, rows: None, row: 0, row_bytes: 0 })
    }

    /// The next row; none at the end.
    fn next(&mut self) -> Result<Option<parquet::record::Row>> {
        loop {
            if let Some(row) = self.rows.as_mut().and_then(Iterator::next) {
                self.row += 1;
                return row.map(Some).map_err(|error| damaged(&error, &self.path));
            }
            if !self.next_group()? {
                return Ok(None);
            }
        }
    }

    fn next_group(&mut self) -> Result<bool> {
        if self.group >= self.reader.num_row_groups() {
            return Ok(false);
        }
        let group = self.reader.get_row_group(self.group).map_err(|error| damaged(&error, &self.path))?;
        let about = group.metadata();
        let rows = u64::try_from(about.num_rows()).unwrap_or_default().max(1);
        self.row_bytes = u64::try_from(about.compressed_size()).unwrap_or_default() / rows;
        let schema = self.reader.metadata().file_metadata().schema_descr_ptr();
        let rows = TreeBuilder::new().as_iter(schema, group.as_ref()).map_err(|error| damaged(&error, &self.path))?;
        (self.rows, self.group) = (Some(rows), self.group + 1);
        Ok(true)
    }

    /// Passes rows: whole groups without looking at them.
    fn skip(&mut self, rows: u64) -> Result<()> {
        while let Some(group) = self.reader.metadata().row_groups().get(self.group) {
            let count = u64::try_from(group.num_rows()).unwrap_or_default();
            if self.row + count > rows {
                break;
            }
            self.row += count;
            self.group += 1;
        }
        while self.row < rows && self.next()?.is_some() {}
        Ok(())
    }

    /// Errors where the file is not the one that was opened.
    fn verify(&self) -> Result<()> {
        match State::at(&self.path) {
            Ok(now) if now == self.opened => Ok(()),
            _ => Err(state::changed(&self.path)),
        }
    }
}

/// The hash of what describes the file: its columns, and where and how large every part of them is.
fn footer(file: &mut File, bytes: u64) -> io::Result<Hash> {
    let mut hasher = Sha256::new();
    if bytes >= TAIL {
        let mut tail = [0; 8];
        file.seek(SeekFrom::Start(bytes - TAIL))?;
        file.read_exact(&mut tail)?;
        let length = tail.first_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
        file.seek(SeekFrom::Start((bytes - TAIL).saturating_sub(length)))?;
        state::hash_into(&mut hasher, file.take(length + TAIL))?;
        file.seek(SeekFrom::Start(0))?;
    }
    Ok(hasher.finalize().into())
}

/// The error for what cannot be decoded. The library's own words can quote names of columns, and no data; they are left out all the same.
fn damaged(error: &ParquetError, path: &Path) -> Error {
    let error = match error {
        ParquetError::NYI(_) => Error::unsupported("the file uses a part of Parquet that cannot be read"),
        // The library reports a codec that was not compiled in as any other fault.
        ParquetError::General(message) if message.contains("Disabled feature") => {
            Error::unsupported("the file is compressed in a way that cannot be read")
        }
        ParquetError::External(_) => Error::unavailable("the file could not be read").retryable(false),
        _ => Error::corrupt("the file is no Parquet, or is damaged"),
    };
    error.with("path", path.display())
}
