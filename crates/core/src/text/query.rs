//! The query language of text search, and what matches it.

use super::tokenize::tokens;
use crate::error::{Error, Result};

/// How soon more mentions of a word stop counting, as in BM25.
const SATURATION: f64 = 1.2;
/// How much long texts are held back, as in BM25.
const LENGTH_WEIGHT: f64 = 0.75;
/// The length, in tokens, that counts as neither long nor short. Fixed, so that a score never depends on other records.
const USUAL_LENGTH: f64 = 64.0;
/// More clauses than anyone types; a bound on work.
const MAX_CLAUSES: usize = 64;
/// More tokens than anyone types, in all clauses together: a long phrase is compared at every word of a text.
const MAX_TOKENS: usize = 512;

/// A parsed query: every clause has to occur.
///
/// ```
/// use mastra_core::text::TextQuery;
///
/// let query = TextQuery::parse(r#"ada "first program*" "#)?;
/// assert!(query.score("ada wrote the first programs").is_some());
/// assert!(query.score("ada first wrote programs").is_none());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextQuery {
    clauses: Vec<Clause>,
}

/// Tokens that follow one another in one text; a plain word is a clause of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// At least one token.
    pub tokens: Vec<String>,
    /// Whether the last token is the beginning of one.
    pub prefix: bool,
}

impl TextQuery {
    /// Reads words, `"phrases"` and `prefix*`. A word that tokenises to several is a phrase of them. A query without any
    /// letter or digit, with a quote left open, or of more than 64 words and phrases or 512 tokens, is `InvalidInput`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut clauses = Vec::new();
        for (index, part) in text.split('"').enumerate() {
            if index % 2 == 1 {
                clauses.extend(Clause::parse(part));
            } else {
                clauses.extend(part.split_whitespace().filter_map(Clause::parse));
            }
        }
        if text.matches('"').count() % 2 == 1 {
            return Err(Error::invalid_input("the search text opens a quote and does not close it"));
        }
        if clauses.is_empty() {
            return Err(Error::invalid_input("the search text holds no word; give words, \"phrases\" or prefix*"));
        }
        if clauses.len() > MAX_CLAUSES {
            return Err(Error::invalid_input(format!("the search text holds more than {MAX_CLAUSES} words and phrases")));
        }
        if clauses.iter().map(|clause: &Clause| clause.tokens.len()).sum::<usize>() > MAX_TOKENS {
            return Err(Error::invalid_input(format!("the search text holds more than {MAX_TOKENS} words")));
        }
        Ok(Self { clauses })
    }

    /// The clauses; at least one.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// How well an [`index_text`](super::index_text) matches, above 0; `None` where a clause does not occur.
    pub fn score(&self, index_text: &str) -> Option<f64> {
        let mut counts = vec![0_u32; self.clauses.len()];
        let mut length = 0_usize;
        for line in index_text.split('\n') {
            let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
            length += words.len();
            for (clause, count) in self.clauses.iter().zip(&mut counts) {
                *count += clause.count(&words);
            }
        }
        let norm = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length as f64 / USUAL_LENGTH);
        let mut score = 0.0;
        for (clause, count) in self.clauses.iter().zip(&counts) {
            if *count == 0 {
                return None;
            }
            let frequency = f64::from(*count);
            score += clause.tokens.len() as f64 * frequency * (SATURATION + 1.0) / (frequency + norm);
        }
        Some(score)
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        // A star that stands alone asks for nothing: `"one *"` is no beginning of `once`.
        let stem = text.trim_end().strip_suffix('*').map(|stem| stem.trim_end_matches('*'));
        let prefix = stem.is_some_and(|stem| !stem.ends_with(char::is_whitespace));
        let tokens: Vec<String> = tokens(text).collect();
        (!tokens.is_empty()).then_some(Self { tokens, prefix })
    }

    /// Whether the token at `position` of the clause accepts this word.
    pub(super) fn accepts(&self, position: usize, word: &str) -> bool {
        let last = position + 1 == self.tokens.len();
        self.tokens
            .get(position)
            .is_some_and(|token| if last && self.prefix { word.starts_with(token.as_str()) } else { word == token })
    }

    fn count(&self, words: &[&str]) -> u32 {
        let occurrences = words
            .windows(self.tokens.len())
            .filter(|window| window.iter().enumerate().all(|(position, word)| self.accepts(position, word)));
        u32::try_from(occurrences.count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(query: &str, text: &str) -> bool {
        TextQuery::parse(query).unwrap().score(text).is_some()
    }

    #[test]
    fn words_phrases_and_prefixes() {
        assert!(matches("two one", "one two"));
        assert!(!matches("\"two one\"", "one two"));
        assert!(matches("\"one two\"", "zero one two"));
        assert!(!matches("\"one two\"", "one\ntwo"), "no phrase crosses two texts");
        assert!(matches("tw*", "one two"));
        assert!(!matches("tw", "one two"));
        assert!(matches("bar.example", "foo bar example"), "a word of several tokens is a phrase");
        assert!(matches("bar.ex*", "foo bar example"));
        assert!(matches("\"one tw*\"", "one two") && matches("tw**", "two") && matches("tw:*", "two"));
        for detached in ["tw *", "\"tw *\"", "*tw"] {
            assert!(!matches(detached, "one two") && matches(detached, "one tw"), "{detached}");
        }
    }

    #[test]
    fn malformed_queries_are_refused() {
        for text in ["", "  ", "*", "\"\"", "\"open", "—", &"a ".repeat(65), &"a.".repeat(513)] {
            assert!(TextQuery::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn more_mentions_and_shorter_texts_rank_higher() {
        let query = TextQuery::parse("one").unwrap();
        assert!(query.score("one one two") > query.score("one two two"));
        assert!(query.score("one two") > query.score(&format!("one{}", " two".repeat(50))));
    }
}
