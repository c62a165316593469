//! From text to tokens.

use crate::path::{Path, array_index};
use serde_json::Value;
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// Longer tokens are cut to this many characters, in texts and queries alike.
pub const MAX_TOKEN_CHARS: usize = 64;

/// Of each record at most this much normalised text is indexed, in bytes; what lies behind is not found by search.
pub const MAX_INDEX_BYTES: usize = 512 * 1024;

/// The tokens of a text, in order: words by Unicode's rules, split at punctuation inside them, compatibility-decomposed,
/// without Latin-style accents, lower case. Ideographs stand alone.
///
/// ```
/// use mastra_core::text::tokens;
///
/// let found: Vec<_> = tokens("Café-Größe, user@x.example").collect();
/// assert_eq!(found, ["cafe", "große", "user", "x", "example"]);
/// ```
pub fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.unicode_words().flat_map(normalise)
}

/// The tokens of one word of the original text.
pub(super) fn normalise(word: &str) -> Vec<String> {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return vec![word.chars().take(MAX_TOKEN_CHARS).map(|c| c.to_ascii_lowercase()).collect()];
    }
    let mut tokens = vec![String::new()];
    let mut length = 0;
    for c in word.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).flat_map(char::to_lowercase) {
        // Lower case does not know where a word ends, where Greek writes another sigma.
        let c = if c == 'ς' { 'σ' } else { c };
        // Marks such as a virama are no letters, yet belong to their word; all that is ASCII or space and no letter splits.
        let inside = c.is_alphanumeric() || !(c.is_ascii() || c.is_whitespace() || c.is_control() || c == '\u{2019}');
        match tokens.last_mut() {
            Some(token) if inside && length < MAX_TOKEN_CHARS => {
                token.push(c);
                length += 1;
            }
            Some(_) if inside => {}
            Some(token) if !token.is_empty() => {
                tokens.push(String::new());
                length = 0;
            }
            _ => {}
        }
    }
    tokens.retain(|token| !token.is_empty());
    // Composed again, so that a Hangul syllable is one character.
    tokens.into_iter().map(|token| token.nfc().collect()).collect()
}

/// The strings that the fields of a document hold, in order: a field's own, or those of the array it holds, objects inside
/// arrays walked as the filter language walks them.
pub(super) fn texts<'a>(data: &'a Value, fields: &[Path]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for field in fields {
        collect(data, field.segments(), &mut found);
    }
    found
}

fn collect<'a>(value: &'a Value, segments: &[String], found: &mut Vec<&'a str>) {
    match (segments.split_first(), value) {
        (None, Value::String(text)) => found.push(text),
        (None, Value::Array(members)) => found.extend(members.iter().filter_map(Value::as_str)),
        (Some((key, rest)), Value::Object(map)) => {
            if let Some(child) = map.get(key) {
                collect(child, rest, found);
            }
        }
        (Some((key, rest)), Value::Array(members)) => {
            if let Some(member) = array_index(key).and_then(|index| members.get(index)) {
                collect(member, rest, found);
            }
            for member in members.iter().filter(|member| member.is_object()) {
                collect(member, segments, found);
            }
        }
        _ => {}
    }
}

/// What a backend stores of a record for search: the tokens of its text fields, spaces between them, and a line feed between
/// texts, which no phrase crosses. At most [`MAX_INDEX_BYTES`] long; empty where the fields hold no words.
pub fn index_text(data: &Value, fields: &[Path]) -> String {
    let mut indexed = String::new();
    texts(data, fields).into_iter().all(|text| append(&mut indexed, text));
    indexed
}

/// What a vector store keeps of a point's text for search: the same of one text that [`index_text`] gives of several.
///
/// ```
/// assert_eq!(mastra_core::text::index_string("Can't STOP"), "can t stop");
/// ```
pub fn index_string(text: &str) -> String {
    let mut indexed = String::new();
    append(&mut indexed, text);
    indexed
}

/// Appends the tokens of one more text; false where it is full.
fn append(indexed: &mut String, text: &str) -> bool {
    let mut separator = "\n";
    for token in tokens(text) {
        if indexed.len() + token.len() + 1 > MAX_INDEX_BYTES {
            return false;
        }
        if !indexed.is_empty() {
            indexed.push_str(separator);
        }
        separator = " ";
        indexed.push_str(&token);
    }
    true
}

/// The distinct tokens of an [`index_text`], sorted.
pub fn terms(index_text: &str) -> BTreeSet<&str> {
    index_text.split([' ', '\n']).filter(|token| !token.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all(text: &str) -> Vec<String> {
        tokens(text).collect()
    }

    #[test]
    fn words_are_folded_and_split() {
        assert_eq!(all("Can't STOP bar.example 3.14"), ["can", "t", "stop", "bar", "example", "3", "14"]);
        assert_eq!(all("ﬁne ① Ａ"), ["fine", "1", "a"]);
        assert_eq!(all("東京 です"), ["東", "京", "で", "す"]);
        assert_eq!(all("한국어"), ["한국어"]);
        assert_eq!(all("ΟΔΟΣ"), all("οδός"));
        assert!(all(" \u{0}\n—…🎉").is_empty());
    }

    #[test]
    fn a_token_never_holds_a_separator_and_is_its_own_token() {
        for text in ["ﷺ ½ a\u{a0}b", "हिन्दी", "ß İ ŉ", &"x".repeat(1000)] {
            for token in all(text) {
                assert!(!token.contains([' ', '\n']) && token.chars().count() <= MAX_TOKEN_CHARS, "{token:?}");
            }
        }
    }

    #[test]
    fn fields_are_walked_like_filters() {
        let data = json!({ "a": [{ "b": "one two" }, { "b": ["three"] }, "no"], "c": 5 });
        let fields = ["a.b".parse().unwrap(), "c".parse().unwrap()];
        assert_eq!(index_text(&data, &fields), "one two\nthree");
    }

    #[test]
    fn the_index_is_bounded() {
        let data = json!({ "a": "word ".repeat(400_000) });
        assert!(index_text(&data, &["a".parse().unwrap()]).len() <= MAX_INDEX_BYTES);
    }
}
