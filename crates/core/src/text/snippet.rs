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
/// How much of that stands before the first match.
const LEAD: usize = WIDTH / 4;
/// What is left for the matches: a window of them is shown whole.
const WINDOW: usize = WIDTH - LEAD;

/// A piece of text around the words that matched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Snippet {
    /// The original text, cut at words (inside one only where it is very long), with an ellipsis where it goes on.
    pub text: String,
    /// The byte ranges of `text` that matched, in order, none overlapping another.
    pub highlights: Vec<Range<usize>>,
}

/// The piece of the record's text fields with the most matching words.
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
    let (found, from) = richest(&matches, query.clauses().len());
    let (start, end) = cut(text, from);
    let lead = if start > 0 { "…" } else { "" };
    let tail = if end < text.len() { "…" } else { "" };
    let body = text.get(start..end).unwrap_or_default();
    let highlights = matches
        .iter()
        .filter(|(range, _)| range.start >= start && range.start < end)
        .map(|(range, _)| range.start - start + lead.len()..range.end.min(end) - start + lead.len())
        .collect();
    (found, from, Snippet { text: format!("{lead}{body}{tail}"), highlights })
}

/// How many distinct clauses the best window holds and where it begins, the first of equals; one pass over the matches, which
/// are as many as the text has words.
fn richest(matches: &[(Range<usize>, usize)], clauses: usize) -> (usize, usize) {
    let mut counts = vec![0_usize; clauses];
    let (mut distinct, mut best) = (0, (0, 0));
    let mut ahead = matches.iter().peekable();
    for (range, clause) in matches {
        while let Some((_, entering)) = ahead.next_if(|(next, _)| next.end <= range.start + WINDOW) {
            if let Some(count) = counts.get_mut(*entering) {
                *count += 1;
                distinct += usize::from(*count == 1);
            }
        }
        // A match that is wider than a window never entered one, and still deserves to be shown.
        if distinct.max(1) > best.0 {
            best = (distinct.max(1), range.start);
        }
        if range.len() > WINDOW {
            ahead.next();
        } else if let Some(count) = counts.get_mut(*clause) {
            *count -= 1;
            distinct -= usize::from(*count == 0);
        }
    }
    best
}

/// Where the snippet around a match begins and ends: at words, unless one is so long that the snippet would be no snippet.
fn cut(text: &str, from: usize) -> (usize, usize) {
    let before = from.saturating_sub(LEAD);
    let start = boundary_before(text, before);
    let start = if from - start > WIDTH { text.floor_char_boundary(before) } else { start };
    let end = boundary_after(text, (start + WIDTH).max(from + WINDOW));
    let end = if end.saturating_sub(from) > 2 * WIDTH { text.floor_char_boundary(from + WINDOW) } else { end };
    (start, end)
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

    fn shown(text: &str, query: &str) -> Snippet {
        snippet(&json!({ "t": text }), &["t".parse().unwrap()], &TextQuery::parse(query).unwrap())
    }

    #[test]
    fn highlights_point_at_the_words() {
        let shown = shown(&format!("{} Das Café öffnet früh. {}", "vorher ".repeat(60), "nachher ".repeat(60)), "cafe fruh");
        let words: Vec<_> = shown.highlights.iter().map(|range| &shown.text[range.clone()]).collect();
        assert_eq!(words, ["Café", "früh"]);
        assert!(shown.text.starts_with('…') && shown.text.ends_with('…'));
    }

    #[test]
    fn a_word_without_end_is_cut() {
        let blob = "Zm9vé".repeat(100_000);
        for text in [format!("{blob} word"), format!("word {blob}"), format!("{blob} word {blob}"), blob.clone()] {
            let shown = shown(&text, "word zm9v*");
            assert!((1..=4 * WIDTH).contains(&shown.text.len()), "{}", shown.text.len());
            assert!(shown.highlights.iter().all(|range| shown.text.get(range.clone()).is_some_and(|word| !word.is_empty())));
            assert!(!shown.highlights.is_empty());
        }
        assert!(shown(&blob, "absent").text.len() <= 4 * WIDTH);
    }

    #[test]
    fn the_best_place_is_found_behind_many_others_soon() {
        let text = format!("{} two one {}", "one ".repeat(120_000), "one ".repeat(120_000));
        let began = std::time::Instant::now();
        let shown = shown(&text, "one two");
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
        assert!(shown.text.contains("two"), "{}", shown.text);
    }

    #[test]
    fn short_texts_are_shown_whole() {
        let shown = shown("just this", "this");
        assert_eq!((shown.text.as_str(), shown.highlights.first()), ("just this", Some(&(5..9))));
    }
}
