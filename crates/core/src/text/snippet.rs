//! The piece of a record's text that shows a hit.

use super::{
    query::TextQuery,
    tokenize::{normalise, texts},
};
use crate::path::Path;
use serde::Serialize;
use serde_json::Value;
use std::ops::Range;
use unicode_segmentation::UnicodeSegmentation as _;

/// About how many characters a snippet shows.
const WIDTH: usize = 160;

/// A piece of text around the words that matched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Snippet {
    /// The original text, cut at words, with an ellipsis where it goes on.
    pub text: String,
    /// The byte ranges of `text` that matched, in order, none overlapping another.
    pub highlights: Vec<Range<usize>>,
}

/// The piece of the record's text fields with the most matching words, whole words only.
pub fn snippet(data: &Value, fields: &[Path], query: &TextQuery) -> Snippet {
    let best = texts(data, fields).into_iter().map(|text| window(text, query)).max_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    best.map(|(_, _, snippet)| snippet).unwrap_or_default()
}

/// The window of one text that holds the most distinct clauses: how many, where it begins, and its snippet.
fn window(text: &str, query: &TextQuery) -> (usize, usize, Snippet) {
    let matches: Vec<(Range<usize>, usize)> = text
        .unicode_word_indices()
        .filter_map(|(start, word)| {
            let tokens = normalise(word);
            let clause = query.clauses().iter().position(|clause| {
                tokens.iter().any(|token| (0..clause.tokens.len()).any(|position| clause.accepts(position, token)))
            })?;
            Some((start..start + word.len(), clause))
        })
        .collect();
    let inside = |from: usize| matches.iter().filter(move |(range, _)| range.start >= from && range.end <= from + WIDTH);
    let distinct = |from: usize| {
        let mut clauses: Vec<usize> = inside(from).map(|(_, clause)| *clause).collect();
        clauses.sort_unstable();
        clauses.dedup();
        clauses.len()
    };
    // A text of a single giant match still deserves a window: the bound keeps the search for the best one cheap.
    let best =
        matches.iter().take(256).map(|(range, _)| range.start).max_by(|a, b| distinct(*a).cmp(&distinct(*b)).then(b.cmp(a)));
    let found = best.map_or(0, |from| distinct(from).max(1));
    let from = best.unwrap_or(0);
    let start = boundary_before(text, from.saturating_sub(WIDTH / 4));
    let end = boundary_after(text, start.saturating_add(WIDTH).max(from + 1));
    let lead = if start > 0 { "…" } else { "" };
    let tail = if end < text.len() { "…" } else { "" };
    let body = text.get(start..end).unwrap_or_default();
    let highlights = matches
        .iter()
        .filter(|(range, _)| range.start >= start && range.end <= end)
        .map(|(range, _)| range.start - start + lead.len()..range.end - start + lead.len())
        .collect();
    (found, from, Snippet { text: format!("{lead}{body}{tail}"), highlights })
}

/// The nearest beginning of a word at or before a position.
fn boundary_before(text: &str, at: usize) -> usize {
    text.split_word_bound_indices().map(|(index, _)| index).take_while(|index| *index <= at).last().unwrap_or(0)
}

/// The nearest end of a word at or behind a position.
fn boundary_after(text: &str, at: usize) -> usize {
    text.split_word_bound_indices().map(|(index, word)| index + word.len()).find(|end| *end >= at).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cut(text: &str, query: &str) -> Snippet {
        snippet(&json!({ "t": text }), &["t".parse().unwrap()], &TextQuery::parse(query).unwrap())
    }

    #[test]
    fn highlights_point_at_the_words() {
        let shown = cut(&format!("{} Das Café öffnet früh. {}", "vorher ".repeat(60), "nachher ".repeat(60)), "cafe fruh");
        let words: Vec<_> = shown.highlights.iter().map(|range| &shown.text[range.clone()]).collect();
        assert_eq!(words, ["Café", "früh"]);
        assert!(shown.text.starts_with('…') && shown.text.ends_with('…'));
    }

    #[test]
    fn short_texts_are_shown_whole() {
        let shown = cut("just this", "this");
        assert_eq!((shown.text.as_str(), shown.highlights.first()), ("just this", Some(&(5..9))));
    }
}
