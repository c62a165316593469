//! One file of a folder, as it stood at one moment.

use super::{
    state::{self, State},
    walk::extension,
};
use crate::source::Item;
use chrono::{DateTime, SecondsFormat, Utc};
use mastra_core::{Error, Result};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
    time::SystemTime,
};

/// How often a file is read again that changes meanwhile.
const ATTEMPTS: usize = 3;

/// What a file says, and when it was written.
#[derive(Debug)]
pub(super) struct Document {
    /// Its path below the folder.
    pub(super) name: String,
    /// The hash of its content.
    pub(super) version: String,
    pub(super) bytes: u64,
    text: String,
    modified: Option<SystemTime>,
}

impl Document {
    /// The file as a record.
    pub(super) fn into_item(self) -> Item {
        let (format, title) = match extension(&self.name).as_str() {
            "md" | "markdown" | "mdx" => ("markdown", mastra_rag::document::Document::from_markdown(self.text.as_str())),
            "html" | "htm" | "xhtml" => ("html", mastra_rag::document::Document::from_html(&self.text)),
            _ => ("text", mastra_rag::document::Document::from_text("")),
        };
        let mut data = Map::new();
        data.insert("path".to_owned(), json!(self.name));
        if let Some(title) = title.title().filter(|title| !title.trim().is_empty()) {
            data.insert("title".to_owned(), json!(title));
        }
        data.insert("text".to_owned(), json!(self.text));
        data.insert("format".to_owned(), json!(format));
        data.insert("bytes".to_owned(), json!(self.bytes));
        if let Some(modified) = self.modified {
            let text = DateTime::<Utc>::from(modified).to_rfc3339_opts(SecondsFormat::Micros, true);
            data.insert("modifiedAt".to_owned(), json!(text));
        }
        Item::record(self.name, Value::Object(data)).version(self.version)
    }
}

/// Reads a file of at most so many bytes; none where it is gone. An error is about this file alone.
pub(super) fn read(path: &Path, name: &str, most: u64) -> Result<Option<Document>> {
    stable(path, name, most, || {})
}

/// As [`read`], with something to do between reading and looking whether the file changed.
fn stable(path: &Path, name: &str, most: u64, mut meanwhile: impl FnMut()) -> Result<Option<Document>> {
    for _ in 0..ATTEMPTS {
        let Some(file) = present(File::open(path))? else { return Ok(None) };
        let metadata = file.metadata().map_err(unreadable)?;
        let before = State::of(&metadata);
        if before.bytes > most {
            return Err(Error::invalid_input("the file is too large").with("bytes", before.bytes).with("most_bytes", most));
        }
        let mut content = Vec::with_capacity(usize::try_from(before.bytes).unwrap_or_default());
        // Never more than the bound is read, whatever the file becomes meanwhile.
        file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(unreadable)?;
        meanwhile();
        let Some(after) = present(State::at(path))? else { return Ok(None) };
        if after == before && content.len() as u64 == before.bytes {
            return document(content, name, &before).map(Some);
        }
    }
    Err(Error::conflict("the file kept changing while it was read").retryable(true))
}

fn document(content: Vec<u8>, name: &str, state: &State) -> Result<Document> {
    let version = state::hex(&Sha256::digest(&content));
    let text = String::from_utf8(content).map_err(|_| Error::invalid_input("the file is not UTF-8"))?;
    if text.contains('\0') {
        return Err(Error::invalid_input("the file holds U+0000, as no text does"));
    }
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok(Document { name: name.to_owned(), version, bytes: state.bytes, text, modified: state.modified })
}

fn present<T>(found: io::Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(source: io::Error) -> Error {
    Error::io("cannot read the file", source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn texts_are_told_from_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read(&path, "file", 16).map(|document| document.unwrap().text)
        };
        assert_eq!(text("\u{feff}naïve".as_bytes()).unwrap(), "naïve");
        assert_eq!(text(b"").unwrap(), "");
        assert_eq!(text(b"caf\xe9").unwrap_err().message(), "the file is not UTF-8");
        assert_eq!(text(b"a\0b").unwrap_err().message(), "the file holds U+0000, as no text does");
        assert_eq!(text(&[b'x'; 17]).unwrap_err().message(), "the file is too large");
        assert_eq!(text(&[b'x'; 16]).unwrap().len(), 16);
        assert!(read(&folder.path().join("absent"), "absent", 16).unwrap().is_none());
    }

    #[test]
    fn a_file_is_read_as_it_stood_at_one_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let mut writes = 0;
        let found = stable(&path, "file", 100, || {
            writes += 1;
            if writes == 1 {
                fs::write(&path, "two and more").unwrap();
            }
        });
        assert_eq!((found.unwrap().unwrap().text.as_str(), writes), ("two and more", 2));
        let mut text = String::new();
        let error = stable(&path, "file", 100, || {
            text.push('x');
            fs::write(&path, &text).unwrap();
        });
        assert!(error.unwrap_err().is_retryable());
        assert!(stable(&path, "file", 100, || drop(fs::remove_file(&path))).unwrap().is_none());
    }
}
