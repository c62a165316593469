//! CSV: rows under a header.

use super::{
    options::FileOptions,
    read::{self, Format, Items},
    rows::{Row, Rows},
    value,
    window::{self, Window},
};
use crate::source::{Item, Pages, Position, Source};
use mastra_core::{Error, Result, validate};
use serde_json::{Map, Value};

/// Files of rows under a header (CSV); in a folder, those that end in `.csv`, each with a header of its own.
///
/// A row becomes an object of the header's names; every value is a text unless [`Csv::infer`] is asked for. A column without a name is
/// `column_1` and so on, by its position from 1. Rows of another length than the header, not UTF-8 or longer than allowed are
/// [`Item::Failed`], with the row's beginning and its line; empty lines are passed, and so is a byte order mark. A quote that nothing closes
/// fails its line alone, and reading goes on below it. A last row without a line break counts, and the next run reads it again.
///
/// Cursors, changes and memory are as with [`JsonLines`](super::JsonLines). `InvalidInput` where a header names a column twice, or lacks the
/// id field.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// # let folder = tempfile::tempdir().map_err(|source| mastra_core::Error::io("no folder", source))?;
/// # let path = folder.path().join("prices.csv");
/// # std::fs::write(&path, "sku;price\n007;1.50\n").map_err(|source| mastra_core::Error::io("no file", source))?;
/// use futures::TryStreamExt as _;
/// use mastra_sync::source::{Item, Position, Source as _, files::{Csv, FileOptions}};
///
/// let source = Csv::new(FileOptions::new(path).id_field("sku")).delimiter(b';').infer();
/// let pages: Vec<_> = source.pages(Position::start()).try_collect().await?;
/// let Item::Record { external_id, data, .. } = &pages[0].items[0] else { panic!("no record") };
/// assert_eq!((external_id.as_str(), data["price"].as_f64()), ("007", Some(1.5)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Csv {
    options: FileOptions,
    format: CsvFormat,
}

impl Csv {
    /// The files of these options, or at this path, with commas between the fields.
    pub fn new(options: impl Into<FileOptions>) -> Self {
        Self { options: options.into(), format: CsvFormat { infer: false, delimiter: b',' } }
    }

    /// Takes a field that is spelled as JSON spells it for a number, `true` or `false`, and an empty one for null. `007` stays a text, and so
    /// does a number whose digits would not all be kept. The id is the text as it stands.
    #[must_use]
    pub fn infer(mut self) -> Self {
        self.format.infer = true;
        self
    }

    /// What stands between the fields, as `b';'` or `b'\t'`; a comma by default.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.format.delimiter = delimiter;
        self
    }
}

impl Source for Csv {
    fn kind(&self) -> &'static str {
        CsvFormat::KIND
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        read::pages(self.format.clone(), self.options.clone(), from)
    }
}

#[derive(Debug, Clone)]
struct CsvFormat {
    infer: bool,
    delimiter: u8,
}

impl Format for CsvFormat {
    const KIND: &'static str = "csv";
    const EXTENSIONS: &'static [&'static str] = &["csv"];
    type Items = Records;

    fn begin(&self, mut window: Window, name: &str, options: &FileOptions) -> Result<Records> {
        if matches!(self.delimiter, b'"' | b'\r' | b'\n') || !self.delimiter.is_ascii() {
            return Err(Error::invalid_input("the delimiter must be an ASCII character other than a quote or a line break"));
        }
        window.skip_mark()?;
        let mut rows = Rows::new(window, self.delimiter, options.line_bytes);
        let header = header(rows.next()?).map_err(|error| error.with("file", name))?;
        let id = match &options.id_field {
            Some(field) if !header.is_empty() => match header.iter().position(|column| column == field) {
                Some(index) => Some(index),
                None => {
                    let error = Error::invalid_input("the header has no column of the id field's name");
                    return Err(error.with("field", field).with("file", name));
                }
            },
            _ => None,
        };
        Ok(Records { rows, file: name.to_owned(), header, id, infer: self.infer })
    }
}

/// The names of the columns; none in an empty file.
fn header(row: Option<Row>) -> Result<Vec<String>> {
    let Some(row) = row else { return Ok(Vec::new()) };
    let fields = row.fields.map_err(|what| Error::invalid_input(format!("the header cannot be read: {what}")))?;
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.into_iter().enumerate() {
        let name = String::from_utf8(field).map_err(|_| Error::invalid_input("the header is not UTF-8"))?;
        let name = if name.trim().is_empty() { format!("column_{}", index + 1) } else { name };
        if names.contains(&name) {
            return Err(Error::invalid_input("the header names a column twice").with("column", name));
        }
        names.push(name);
    }
    Ok(names)
}

#[derive(Debug)]
struct Records {
    rows: Rows,
    file: String,
    header: Vec<String>,
    id: Option<usize>,
    infer: bool,
}

impl Records {
    fn item(&self, row: Row) -> Item {
        let place = |error: Error| error.with("file", &self.file).with("line", row.line);
        let raw = || Value::String(window::excerpt(&row.raw));
        let fields = match row.fields {
            Ok(fields) => fields,
            Err(what) => return Item::failed(None, raw(), place(Error::invalid_input(what))),
        };
        let text = |field: Option<&Vec<u8>>| field.and_then(|field| String::from_utf8(field.clone()).ok());
        let id = self.id.map(|index| text(fields.get(index)).unwrap_or_default());
        let named = id.clone().filter(|id| validate::name("id", id).is_ok());
        if fields.len() != self.header.len() {
            let error = Error::invalid_input("the row has another number of fields than the header");
            let error = error.with("fields", fields.len()).with("columns", self.header.len());
            return Item::failed(named, raw(), place(error));
        }
        let mut object = Map::with_capacity(fields.len());
        for (name, field) in self.header.iter().zip(fields) {
            let Ok(field) = String::from_utf8(field) else {
                return Item::failed(named, raw(), place(Error::invalid_input("the row is not UTF-8").with("column", name)));
            };
            object.insert(name.clone(), if self.infer { value::infer(&field) } else { Value::String(field) });
        }
        let object = Value::Object(object);
        match id {
            None => Item::Raw(object),
            Some(id) => match validate::name("id", &id) {
                Ok(()) => Item::record(id, object),
                Err(error) => Item::failed(None, object, place(error)),
            },
        }
    }
}

impl Items for Records {
    fn next(&mut self) -> Result<Option<Item>> {
        Ok(self.rows.next()?.map(|row| self.item(row)))
    }

    fn window(&mut self) -> &mut Window {
        &mut self.rows.window
    }
}
