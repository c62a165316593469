//! JSON objects, one a line.

use super::{
    identify,
    options::FileOptions,
    read::{self, Format, Items},
    window::{self, Line, Window},
};
use crate::source::{Item, Pages, Position, Source};
use mastra_core::{Error, Result};
use serde_json::Value;

/// Files of JSON objects, one a line (JSONL, NDJSON); in a folder, those that end in `.jsonl` or `.ndjson`.
///
/// Lines that are no JSON object, not UTF-8 or longer than allowed are [`Item::Failed`], with the line's beginning and its place; blank lines
/// are passed, and so is a byte order mark. A last line without a line break counts, and is read again by the next run unless it is whole.
///
/// The cursor goes on behind what was read where the file still begins with it, by its hash, so that what was appended is read alone; a file
/// that was rewritten or cut is read anew. Comparing reads what is in front of the place once, without parsing it. A file that changes while it is read ends the pages with `Conflict`, retryable; what is appended
/// meanwhile is left to the next run. `NotFound` where there is no file, or the folder has none. Memory: a page, and a line.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// # let folder = tempfile::tempdir().map_err(|source| mastra_core::Error::io("no folder", source))?;
/// # let path = folder.path().join("contacts.jsonl");
/// # std::fs::write(&path, "{\"id\":7,\"name\":\"Ada\"}\nnot JSON\n").map_err(|source| mastra_core::Error::io("no file", source))?;
/// use futures::TryStreamExt as _;
/// use mastra_sync::source::{Item, Position, Source as _, files::{FileOptions, JsonLines}};
///
/// let source = JsonLines::new(FileOptions::new(path).id_field("id"));
/// let pages: Vec<_> = source.pages(Position::start()).try_collect().await?;
/// assert!(matches!(&pages[0].items[0], Item::Record { external_id, .. } if external_id == "7"));
/// assert!(matches!(&pages[0].items[1], Item::Failed { error, .. } if error.get("line") == Some("2")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct JsonLines {
    options: FileOptions,
}

impl JsonLines {
    /// The files of these options, or at this path.
    pub fn new(options: impl Into<FileOptions>) -> Self {
        Self { options: options.into() }
    }
}

impl Source for JsonLines {
    fn kind(&self) -> &'static str {
        JsonLinesFormat::KIND
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        read::pages(JsonLinesFormat, self.options.clone(), from)
    }
}

#[derive(Debug, Clone)]
struct JsonLinesFormat;

impl Format for JsonLinesFormat {
    const KIND: &'static str = "jsonl";
    const EXTENSIONS: &'static [&'static str] = &["jsonl", "ndjson"];
    type Items = Objects;

    fn begin(&self, mut window: Window, name: &str, options: &FileOptions) -> Result<Objects> {
        window.skip_mark()?;
        Ok(Objects { window, file: name.to_owned(), id_field: options.id_field.clone(), most: options.line_bytes })
    }
}

#[derive(Debug)]
struct Objects {
    window: Window,
    file: String,
    id_field: Option<String>,
    most: usize,
}

impl Objects {
    fn item(&mut self, line: &Line, number: u64) -> Item {
        let place = |error: Error| error.with("file", &self.file).with("line", number);
        let failed = |error: Error| Item::failed(None, Value::String(window::excerpt(&line.bytes)), place(error));
        if line.too_long {
            return failed(Error::invalid_input("the line is too long").with("most_bytes", self.most));
        }
        match serde_json::from_slice(&line.bytes) {
            Ok(object @ Value::Object(_)) => {
                self.window.settle();
                identify::item(object, self.id_field.as_deref(), place)
            }
            Ok(_) => failed(Error::invalid_input("the line is no JSON object")),
            // The parser's own words can quote the data.
            Err(_) if std::str::from_utf8(&line.bytes).is_err() => failed(Error::invalid_input("the line is not UTF-8")),
            Err(error) => failed(Error::invalid_input("the line is not valid JSON").with("column", error.column())),
        }
    }
}

impl Items for Objects {
    fn next(&mut self) -> Result<Option<Item>> {
        loop {
            let number = self.window.line;
            let Some(line) = self.window.take_line(self.most)? else { return Ok(None) };
            if !line.bytes.trim_ascii().is_empty() || line.too_long {
                return Ok(Some(self.item(&line, number)));
            }
        }
    }

    fn window(&mut self) -> &mut Window {
        &mut self.window
    }
}
