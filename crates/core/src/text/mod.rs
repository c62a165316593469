//! Full-text search: core tokenises, matches, ranks and cuts snippets, so that every engine gives the same hits.
//!
//! A backend stores [`index_text`] of each record of an entity with text fields, finds candidates by the distinct [`terms`]
//! with whatever inverted index it has, and lets [`TextQuery::score`] decide and rank.

mod query;
mod rank;
mod snippet;
mod tokenize;

pub use query::{Clause, TextQuery};
pub use rank::Ranking;
pub use snippet::{Snippet, snippet};
pub use tokenize::{MAX_INDEX_BYTES, MAX_TOKEN_CHARS, index_string, index_text, terms, tokens};

use crate::{filter::Filter, record::Record};
use serde::Serialize;

/// A full-text search over the declared fields of one entity's live records.
///
/// ```
/// use mastra_core::TextSearch;
///
/// let search = TextSearch::new(r#"invoice "net amount" pay*"#).limit(5);
/// assert_eq!(search.limit, 5);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TextSearch {
    /// Words, all of which have to occur; `"phrases"`; `prefix*`.
    pub query: String,
    /// At most this many hits; 10 by default.
    pub limit: u64,
    /// Skip this many hits.
    pub offset: u64,
    /// Only records whose data matches.
    pub filter: Filter,
}

impl TextSearch {
    /// A search for this text, 10 hits at most.
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), limit: 10, offset: 0, filter: Filter::default() }
    }

    /// At most this many hits.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Skips this many hits.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Only records whose data matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextResults {
    /// The best hits, best first, ties by id ascending.
    pub hits: Vec<TextHit>,
    /// How many records match in all.
    pub total: u64,
}

/// A record that matches.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextHit {
    /// The record.
    pub record: Record,
    /// How well it matches: above 0, higher is better, comparable within one query.
    pub score: f64,
    /// The place in the record's text that shows it best.
    pub snippet: Snippet,
}
