//! Words, as an index on text cuts them.

use crate::qdrant::collection::TextIndex;

/// Between the members of a list, so that no phrase reaches over.
const BOUNDARY: &str = "\0";

/// What a text condition asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// Every word.
    All,
    /// One of the words.
    Any,
    /// The words one after the other.
    Phrase,
}

/// Whether the words of these texts together are what is wanted.
pub(super) fn hold(index: &TextIndex, wanted: Wanted, query: &str, texts: &[&str]) -> bool {
    if texts.is_empty() {
        return false;
    }
    let mut words: Vec<String> = Vec::new();
    for text in texts {
        if !words.is_empty() {
            words.push(BOUNDARY.to_owned());
        }
        words.extend(cut(index, text, false));
    }
    let query = cut(index, query, true);
    match wanted {
        Wanted::All => query.iter().all(|word| words.contains(word)),
        Wanted::Any => query.iter().any(|word| words.contains(word)),
        // Without `phrase_matching` the index does not keep the order of words, and no phrase matches.
        Wanted::Phrase => {
            index.phrases && !query.is_empty() && words.windows(query.len()).any(|window| window == query.as_slice())
        }
    }
}

fn cut(index: &TextIndex, text: &str, query: bool) -> Vec<String> {
    let separates: fn(char) -> bool =
        if index.whitespace { char::is_whitespace } else { |character| !character.is_alphanumeric() };
    let words = text.split(separates).filter(|word| !word.is_empty());
    let words = words.map(|word| if index.lowercase { word.to_lowercase() } else { word.to_owned() });
    let long_enough = |word: &String| word.chars().count() >= index.min_length;
    if index.prefixes {
        let words = words.filter(long_enough);
        return words.flat_map(|word| prefixes(index, &word, query)).collect();
    }
    words.filter(|word| long_enough(word) && word.chars().count() <= index.max_length).collect()
}

/// All beginnings of a word that is stored; the longest alone of one that is asked for.
fn prefixes(index: &TextIndex, word: &str, query: bool) -> Vec<String> {
    let length = word.chars().count();
    let longest = length.min(index.max_length);
    let shortest = if query { longest } else { index.min_length.max(1).min(longest) };
    (shortest..=longest).map(|length| word.chars().take(length).collect()).collect()
}
