//! What is chunked and embedded: a text with its metadata.
//!
//! A [`Document`] is made from text, Markdown, HTML or JSON. Its [`text`](Document::text) is what chunks are cut from, and what their
//! byte spans count in: Markdown and text as they were given (without a byte order mark), HTML as a text in the manner of Markdown,
//! JSON as lines of `path: value`. Nothing here does I/O.

mod format;
mod html;
mod json;
mod markdown;
pub(crate) mod structure;

use mastra_core::{Error, Result};
use serde_json::{Map, Value, json};

pub use self::format::Format;
pub use self::structure::Heading;
pub(crate) use self::structure::Structure;
use crate::chunk::Chunk;

/// The key of a chunk's metadata below which its place is kept.
pub const CHUNK_KEY: &str = "_chunk";

/// A text with its metadata.
///
/// ```
/// use mastra_rag::{chunk::Chunker, document::Document};
/// use serde_json::json;
///
/// let document = Document::from_markdown("# Tea\n\nGreen tea is steeped at 75 °C.\n")
///     .with_id("tea")
///     .with_source("notes/tea.md")
///     .with_metadata(json!({ "lang": "en" }))?;
/// assert_eq!(document.title(), Some("Tea"));
///
/// let chunks = Chunker::default().chunk(&document)?;
/// let metadata = document.metadata_of(&chunks[0]);
/// assert_eq!(metadata["lang"], "en");
/// assert_eq!(metadata["_chunk"]["headings"], json!(["Tea"]));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    id: Option<String>,
    source: Option<String>,
    title: Option<String>,
    format: Format,
    text: String,
    metadata: Map<String, Value>,
    structure: Structure,
}

impl Document {
    /// A document of plain text.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self::new(Format::Text, without_mark(text.into()))
    }

    /// A document in Markdown. Its title is that of the front matter, else the first heading of the highest level. Linear time.
    pub fn from_markdown(text: impl Into<String>) -> Self {
        let mut document = Self::new(Format::Markdown, without_mark(text.into()));
        let (structure, title) = markdown::structure(&document.text);
        document.title = title.map(|title| structure::one_line(&title)).or_else(|| first_heading(&structure));
        document.structure = structure;
        document
    }

    /// A page of HTML, whole or a part of one, however broken. Its text keeps headings, lists, tables and code in the manner of
    /// Markdown, and leaves out scripts, styles and comments. Its title is that of the page, else its first heading. Linear time.
    ///
    /// ```
    /// use mastra_rag::document::Document;
    ///
    /// let document = Document::from_html("<title>Tea</title><h2>Kinds</h2><ul><li>green<li>black</ul>");
    /// assert_eq!(document.title(), Some("Tea"));
    /// assert_eq!(document.text(), "## Kinds\n\n- green\n- black\n");
    /// ```
    pub fn from_html(html: &str) -> Self {
        let page = html::read(html.strip_prefix('\u{feff}').unwrap_or(html));
        let mut document = Self::new(Format::Html, page.text);
        document.title = page.title.or_else(|| first_heading(&page.structure));
        document.structure = page.structure;
        document
    }

    /// A JSON value as lines of `path: value`, a list of scalars on one line; a blank line parts the objects and lists of the first
    /// two levels. Paths past 120 bytes lose their beginning.
    ///
    /// ```
    /// use mastra_rag::document::Document;
    /// use serde_json::json;
    ///
    /// let document = Document::from_json(&json!({ "name": "Oolong", "origin": { "country": "CN" } }));
    /// assert_eq!(document.text(), "name: Oolong\n\norigin.country: CN\n");
    /// ```
    pub fn from_json(value: &Value) -> Self {
        Self::new(Format::Json, json::text(value))
    }

    /// A document of any format; `InvalidInput` for JSON that is malformed, with line and column.
    pub fn from_format(format: Format, text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        Ok(match format {
            Format::Text => Self::from_text(text),
            Format::Markdown => Self::from_markdown(text),
            Format::Html => Self::from_html(&text),
            Format::Json => {
                let value: Value = serde_json::from_str(&without_mark(text)).map_err(|error| {
                    // The parser's message can quote the document: its place is enough.
                    Error::invalid_input("the document is not JSON").with("line", error.line()).with("column", error.column())
                })?;
                Self::from_json(&value)
            }
        })
    }

    fn new(format: Format, text: String) -> Self {
        Self { id: None, source: None, title: None, format, text, metadata: Map::new(), structure: Structure::default() }
    }

    /// Names the document.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Says where the document comes from: a path or an address.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Sets the title, in place of the one that was found.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the metadata that each chunk inherits. `InvalidInput` for what is no object, or has the key [`CHUNK_KEY`].
    pub fn with_metadata(mut self, metadata: Value) -> Result<Self> {
        let Value::Object(metadata) = metadata else {
            return Err(Error::invalid_input("the metadata of a document is a JSON object"));
        };
        if metadata.contains_key(CHUNK_KEY) {
            return Err(Error::invalid_input("this key of the metadata is kept for the place of a chunk").with("key", CHUNK_KEY));
        }
        self.metadata = metadata;
        Ok(self)
    }

    /// The document's name, where it was given one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Where the document comes from, where that was said.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The title that was set, or that the text has.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// What the document was written in.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The text that chunks are cut from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The metadata that each chunk inherits.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// The headings, in order; none in plain text and JSON.
    pub fn headings(&self) -> &[Heading] {
        &self.structure.headings
    }

    pub(crate) fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The metadata of one of the document's chunks: the document's own and, below [`CHUNK_KEY`], `order`, `start` and `end` (bytes
    /// into [`Document::text`]), `headings` where there are some, and the document's `id`, `source` and `title` where it has them.
    pub fn metadata_of(&self, chunk: &Chunk) -> Map<String, Value> {
        let mut place = Map::new();
        place.insert("order".to_owned(), json!(chunk.order));
        place.insert("start".to_owned(), json!(chunk.span.start));
        place.insert("end".to_owned(), json!(chunk.span.end));
        if !chunk.headings.is_empty() {
            place.insert("headings".to_owned(), json!(chunk.headings));
        }
        for (key, value) in [("id", &self.id), ("source", &self.source), ("title", &self.title)] {
            if let Some(value) = value {
                place.insert(key.to_owned(), json!(value));
            }
        }
        let mut metadata = self.metadata.clone();
        metadata.insert(CHUNK_KEY.to_owned(), Value::Object(place));
        metadata
    }
}

/// The first of the highest headings.
fn first_heading(structure: &Structure) -> Option<String> {
    let titled = structure.headings.iter().filter(|heading| !heading.title.is_empty());
    titled.min_by_key(|heading| heading.level).map(|heading| heading.title.clone())
}

/// Spans count from behind a byte order mark, which is no part of the text.
fn without_mark(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_come_from_the_text_unless_set() {
        assert_eq!(Document::from_markdown("## B\n# A\n# C").title(), Some("A"));
        assert_eq!(Document::from_markdown("---\ntitle: T\n---\n# A").title(), Some("T"));
        assert_eq!(Document::from_html("<h1>A</h1>").title(), Some("A"));
        assert_eq!(Document::from_text("# A").title(), None);
        assert_eq!(Document::from_text("a").with_title("T").title(), Some("T"));
        let long = Document::from_markdown(format!("# {}", "x".repeat(1_000_000)));
        assert!(long.title().is_some_and(|title| title.len() < 300 && title.ends_with('…')));
    }

    #[test]
    fn formats_are_read() {
        assert_eq!(Document::from_format(Format::Json, "\u{feff}{\"a\":1}").unwrap().text(), "a: 1\n");
        let error = Document::from_format(Format::Json, "{\"secret\": \n secret}").unwrap_err();
        assert_eq!(error.get("line"), Some("2"));
        assert!(!error.to_string().contains("secret"));
        assert_eq!(Document::from_format(Format::Text, "\u{feff}a").unwrap().text(), "a");
        let format: Format = serde_json::from_value(json!("md")).unwrap();
        assert_eq!(serde_json::to_value(format).unwrap(), json!("markdown"));
        assert!(serde_json::from_value::<Format>(json!("htlm")).unwrap_err().to_string().contains("did you mean html?"));
    }

    #[test]
    fn metadata_is_an_object_without_our_key() {
        assert!(Document::from_text("a").with_metadata(json!([])).is_err());
        assert!(Document::from_text("a").with_metadata(json!({"_chunk": 1})).is_err());
    }
}
