//! From a page of the site to items.

use super::{content, decode};
use crate::source::web::Answer;
use crate::source::{Item, Page, Scope};
use mastra_core::{Error, Result};
use mastra_rag::chunk::Chunker;
use mastra_rag::document::Document;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use url::Url;

/// The media types that are read.
pub(super) const TYPES: [&str; 5] = ["text/html", "application/xhtml+xml", "text/markdown", "text/x-markdown", "text/plain"];

/// Another number where another version finds other text in the same page.
const READER: u32 = 1;

/// A page that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) url: Url,
    pub(super) links: Vec<Url>,
    pub(super) etag: Option<String>,
    /// What tells its text from another, and how it is cut.
    pub(super) version: String,
    pub(super) bytes: u64,
    title: Option<String>,
    texts: Vec<String>,
}

/// Reads a page. `Unsupported` for a character set that is not known.
pub(super) fn read(answer: Answer, url: Url, chunker: Option<&Chunker>) -> Result<Read> {
    let body = answer.body.clone().unwrap_or_default();
    let text = decode::text(&body, answer.charset().as_deref())?;
    let mut links = Vec::new();
    let document = match answer.media_type().as_str() {
        "text/markdown" | "text/x-markdown" => Document::from_markdown(text),
        "text/plain" => Document::from_text(text),
        _ => {
            let content = content::read(&text);
            links = content.links(&answer.url);
            let main = Document::from_html(&content.html);
            // A page that says nothing in its main part says it elsewhere.
            if main.text().trim().is_empty() { Document::from_html(&text) } else { main }
        }
    };
    let texts = match chunker {
        None => vec![document.text().to_owned()],
        Some(chunker) => chunker.chunk(&document)?.into_iter().map(|chunk| chunk.text).collect(),
    };
    let title = document.title().map(str::to_owned);
    let version = version(title.as_deref(), document.text(), chunker);
    Ok(Read { url, links, etag: answer.etag().map(str::to_owned), version, bytes: body.len() as u64, title, texts })
}

fn version(title: Option<&str>, text: &str, chunker: Option<&Chunker>) -> String {
    let cut = chunker.map(Chunker::fingerprint).unwrap_or_default();
    let digest = Sha256::digest(format!("{READER}\n{cut}\n{}\n{text}", title.unwrap_or_default()));
    digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// The external ids of a page: its URL, or one a chunk.
pub(super) fn ids(url: &Url, chunks: Option<usize>) -> Vec<String> {
    match chunks {
        None => vec![url.to_string()],
        Some(chunks) => (0..chunks).map(|chunk| format!("{url}#{chunk}")).collect(),
    }
}

/// The page of the source that a page of the site is.
fn wrap(url: &Url, chunked: bool, items: impl Iterator<Item = Item>) -> Page {
    let page = Page::new(items);
    if chunked { page.scope(Scope::new("url", url.as_str())) } else { page }
}

impl Read {
    /// How many chunks it has; `None` where it is whole.
    pub(super) fn chunks(&self, chunked: bool) -> Option<usize> {
        chunked.then_some(self.texts.len())
    }

    /// Its records. Those that are stored with the same version are passed over.
    pub(super) fn into_page(self, chunked: bool, stored: &HashMap<String, String>) -> Page {
        let ids = ids(&self.url, self.chunks(chunked));
        let Self { url, version, title, texts, bytes, .. } = self;
        let items = ids.into_iter().zip(texts).enumerate().map(|(place, (external_id, text))| {
            if stored.get(&external_id) == Some(&version) {
                return Item::Unchanged { external_id };
            }
            let mut data = Map::new();
            data.insert("url".to_owned(), json!(url.as_str()));
            data.extend(title.as_ref().map(|title| ("title".to_owned(), json!(title))));
            data.insert("text".to_owned(), json!(text));
            if chunked {
                data.insert("chunk".to_owned(), json!(place));
            }
            Item::record(external_id, Value::Object(data)).version(version.clone())
        });
        wrap(&url, chunked, items).bytes(bytes)
    }
}

/// A page that is as it was.
pub(super) fn unchanged(url: &Url, chunks: Option<usize>) -> Page {
    let items = ids(url, chunks).into_iter().map(|external_id| Item::Unchanged { external_id });
    wrap(url, chunks.is_some(), items)
}

/// A page that cannot be read, under the id of what is read of it once it can be: its first chunk, where it is cut.
pub(super) fn failed(url: &Url, chunked: bool, error: Error) -> Page {
    let raw = json!({ "url": url.as_str() });
    let external_id = ids(url, chunked.then_some(1)).pop();
    Page::new([Item::failed(external_id, raw, error)]).incomplete("a page of the site could not be read")
}
