//! What a document was written in.

use std::fmt;
use std::str::FromStr;

use mastra_core::Error;
use serde::{Deserialize, Serialize};

use crate::names::unknown;

/// What a document was written in.
///
/// ```
/// use mastra_rag::document::Format;
///
/// assert_eq!("md".parse::<Format>()?, Format::Markdown);
/// assert_eq!(Format::from_extension("HTML"), Some(Format::Html));
/// let error = "markdwn".parse::<Format>().unwrap_err();
/// assert!(error.to_string().contains("did you mean markdown?"));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Format {
    /// Plain text: blank lines part its paragraphs, and it has no headings.
    #[default]
    Text,
    /// Markdown, as GitHub writes it, with front matter.
    Markdown,
    /// A page of HTML, whole or a part of one.
    Html,
    /// A JSON value.
    Json,
}

impl Format {
    /// The stable name: `text`, `markdown`, `html` or `json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Json => "json",
        }
    }

    /// The format that files of this extension have (no dot, any case); none where it is not known.
    pub fn from_extension(extension: &str) -> Option<Self> {
        match extension.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(Self::Text),
            "md" | "markdown" | "mdx" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    /// By its name or by an extension; `InvalidInput`, with the likeliest name, for others.
    fn from_str(name: &str) -> Result<Self, Error> {
        Self::from_extension(name.trim()).ok_or_else(|| unknown("format", name, &["text", "markdown", "html", "json"]))
    }
}

impl TryFrom<String> for Format {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Format> for &'static str {
    fn from(format: Format) -> Self {
        format.as_str()
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
