//! From a record to the pieces of text that are embedded.

use crate::{
    chunk::Chunker,
    document::{Document, Format},
};
use mastra_core::{Path, Record, Result, path::array_index, projection::project};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Which fields of a record are indexed, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    pub(super) fields: Vec<Path>,
    pub(super) filters: Vec<Path>,
    pub(super) format: Format,
    pub(super) chunker: Chunker,
}

/// A chunk of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    pub(super) order: u32,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) headings: Vec<String>,
    pub(super) text: String,
    /// A digest of [`Piece::embedded`].
    pub(super) hash: String,
}

impl Piece {
    /// What is embedded: the text below its headings, which say what it is about.
    pub(super) fn embedded(&self) -> String {
        embedded(&self.headings, &self.text)
    }
}

fn embedded(headings: &[String], text: &str) -> String {
    if headings.is_empty() { text.to_owned() } else { format!("{}\n{text}", headings.join(" > ")) }
}

impl Source {
    /// A digest of everything that decides what points a record has.
    pub(super) fn fingerprint(&self) -> String {
        let paths = |paths: &[Path]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        let recipe = json!({
            "fields": paths(&self.fields),
            "filters": paths(&self.filters),
            "format": self.format,
            "chunker": self.chunker.fingerprint(),
        });
        digest(&recipe.to_string(), 12)
    }

    /// The text of a record: its fields, one below the other.
    pub(super) fn text(&self, data: &Value) -> String {
        let mut texts = Vec::new();
        for field in &self.fields {
            collect(data, field.segments(), &mut texts);
        }
        texts.join("\n\n")
    }

    /// What a record's chunks are cut from.
    pub(super) fn document(&self, data: &Value) -> Result<Document> {
        let text = self.text(data);
        // Nothing is no document of some formats.
        let format = if text.trim().is_empty() { Format::Text } else { self.format };
        Document::from_format(format, text)
    }

    /// The pieces of a record, in order; none where its fields hold no text.
    pub(super) fn pieces(&self, record: &Record) -> Result<Vec<Piece>> {
        let document = self.document(&record.data)?;
        if document.text().trim().is_empty() {
            return Ok(Vec::new());
        }
        let chunks = self.chunker.chunk(&document)?;
        let piece = |(order, chunk): (u32, crate::chunk::Chunk)| {
            let hash = digest(&embedded(&chunk.headings, &chunk.text), 32);
            Piece { order, start: chunk.span.start, end: chunk.span.end, headings: chunk.headings, text: chunk.text, hash }
        };
        Ok((0..).zip(chunks).map(piece).collect())
    }

    /// What of a record's data searches can filter by.
    pub(super) fn data(&self, record: &Record) -> Value {
        if self.filters.is_empty() {
            return json!({});
        }
        let kept: Vec<Path> = self.filters.iter().map(before_index).collect();
        project(&record.data, &kept)
    }
}

/// A path up to what a number in it counts in: members keep their places only in a list that is kept whole.
fn before_index(path: &Path) -> Path {
    let segments = path.segments();
    let index = segments.iter().skip(1).position(|segment| array_index(segment).is_some());
    index.and_then(|at| Path::from_segments(segments.iter().take(at + 1)).ok()).unwrap_or_else(|| path.clone())
}

/// The strings that a path leads to, through objects and the members of arrays; numbers and booleans as they are written.
fn collect(value: &Value, path: &[String], texts: &mut Vec<String>) {
    match (value, path.split_first()) {
        (Value::Array(members), _) => members.iter().for_each(|member| collect(member, path, texts)),
        (Value::Object(object), Some((key, rest))) => {
            if let Some(value) = object.get(key) {
                collect(value, rest, texts);
            }
        }
        (Value::String(text), None) if !text.trim().is_empty() => texts.push(text.clone()),
        (Value::Number(_) | Value::Bool(_), None) => texts.push(value.to_string()),
        _ => {}
    }
}

/// The first hexadecimal digits of a text's SHA-256.
pub(super) fn digest(text: &str, digits: usize) -> String {
    let mut hex = String::with_capacity(digits + 1);
    for byte in Sha256::digest(text.as_bytes()).iter().take(digits.div_ceil(2)) {
        for nibble in [byte >> 4, byte & 15] {
            hex.extend(char::from_digit(nibble.into(), 16));
        }
    }
    hex.truncate(digits);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_through_objects_and_lists() {
        let source = Source {
            fields: ["title", "parts.text", "n"].iter().map(|path| path.parse().unwrap()).collect(),
            ..Source::default()
        };
        let data =
            json!({"title": "T", "parts": [{"text": "a"}, {"text": ["b", " "]}, {"other": 1}], "n": 7, "x": "not asked for"});
        assert_eq!(source.text(&data), "T\n\na\n\nb\n\n7");
        assert_eq!(source.text(&json!({})), "");
    }

    #[test]
    fn a_list_that_is_counted_in_is_kept_whole() {
        let kept = |path: &str| before_index(&path.parse().unwrap()).to_string();
        assert_eq!([kept("tags.2"), kept("a.b.0.c.1"), kept("tags.name"), kept("0")], ["tags", "a.b", "tags.name", "0"]);
    }

    #[test]
    fn another_recipe_has_another_fingerprint() {
        let one = Source { fields: vec!["a".parse().unwrap()], ..Source::default() };
        let two = Source { fields: vec!["b".parse().unwrap()], ..Source::default() };
        assert_eq!(one.fingerprint(), one.clone().fingerprint());
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_eq!(one.fingerprint().len(), 12);
    }
}
