//! What is searched for, and how.

use super::candidates::MOST;
use crate::knowledge::KnowledgeBase;
use async_trait::async_trait;
use mastra_core::{Error, Filter, Path, Result, vector::Weights};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// What a query is compared with; in files and documents by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
pub enum SearchMode {
    /// Meanings.
    Vector,
    /// Words.
    Text,
    /// Both, by reciprocal rank.
    #[default]
    Hybrid,
}

impl SearchMode {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::Text => "text",
            Self::Hybrid => "hybrid",
        }
    }
}

impl fmt::Display for SearchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SearchMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Vector, Self::Text, Self::Hybrid]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| Error::invalid_input("a search is by vector, text or hybrid").with("mode", text))
    }
}

impl TryFrom<String> for SearchMode {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<SearchMode> for &'static str {
    fn from(mode: SearchMode) -> Self {
        mode.as_str()
    }
}

/// Judges how well texts answer a query, such as a cross-encoder or a language model.
#[async_trait]
pub trait Reranker: fmt::Debug + Send + Sync {
    /// A number between 0 and 1 for each text, in order; higher is better.
    async fn score(&self, query: &str, texts: &[&str]) -> Result<Vec<f64>>;
}

/// A search; [`KnowledgeBase::search`](super::super::KnowledgeBase::search).
///
/// ```
/// use mastra_core::Filter;
/// use mastra_rag::knowledge::{Retrieval, SearchMode};
///
/// let search = Retrieval::new("how long is tea steeped?").top_k(3).filter(Filter::eq("lang", "en")?).mode(SearchMode::Hybrid);
/// assert_eq!((search.top_k, search.overfetch), (3, 20));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Retrieval {
    /// What is asked, in words.
    pub query: String,
    /// What it is compared with; both by default.
    pub mode: SearchMode,
    /// The most passages; 5 by default, 1,000 at most.
    pub top_k: usize,
    /// How many candidates are ordered; 20 by default, never fewer than `top_k` nor more than 1,000.
    pub overfetch: usize,
    /// On the records' data, by their filter fields; everything by default.
    pub filter: Filter,
    /// Nothing whose vector score is lower; no bound by default. Not of a search by text alone.
    pub min_score: Option<f64>,
    /// How much vector and words weigh where both are searched; alike by default.
    pub weights: Weights,
    /// What orders the candidates; without one, maximal marginal relevance.
    pub reranker: Option<Arc<dyn Reranker>>,
    /// How much relevance counts beside variety without a reranker, from 0 to 1; 0.7 by default, 1 for relevance alone.
    pub relevance: f64,
    /// Chunks before and behind each that are shown with it; none by default.
    pub neighbours: u32,
    /// Whether each record gives its best passage only.
    pub one_per_record: bool,
    /// The most tokens of all passages together, about four characters each; no bound by default. The first passage is always given.
    pub max_tokens: Option<usize>,
    /// Whether the answer tells what was done.
    pub explain: bool,
}

impl Retrieval {
    /// A search for this.
    pub fn new(query: impl Into<String>) -> Self {
        Self {
            query: query.into(),
            mode: SearchMode::default(),
            top_k: 5,
            overfetch: 20,
            filter: Filter::And(Vec::new()),
            min_score: None,
            weights: Weights::default(),
            reranker: None,
            relevance: 0.7,
            neighbours: 0,
            one_per_record: false,
            max_tokens: None,
            explain: false,
        }
    }

    /// What the query is compared with.
    #[must_use]
    pub fn mode(mut self, mode: SearchMode) -> Self {
        self.mode = mode;
        self
    }

    /// The most passages.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = top_k;
        self
    }

    /// A condition on the records' data.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Orders the candidates.
    #[must_use]
    pub fn reranker(mut self, reranker: Arc<dyn Reranker>) -> Self {
        self.reranker = Some(reranker);
        self
    }

    /// Tells what was done.
    #[must_use]
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// How many candidates are ordered.
    pub(super) fn depth(&self) -> usize {
        self.overfetch.max(self.top_k)
    }

    pub(super) fn check(&self, base: &KnowledgeBase) -> Result<()> {
        if self.query.trim().is_empty() {
            return Err(Error::invalid_input("the query is blank"));
        }
        if self.top_k == 0 {
            return Err(Error::invalid_input("top_k is 0"));
        }
        if self.top_k > MOST {
            return Err(Error::invalid_input(format!("top_k is at most {MOST}")).with("top_k", self.top_k));
        }
        if !(0.0..=1.0).contains(&self.relevance) {
            return Err(Error::invalid_input("relevance lies between 0 and 1").with("relevance", self.relevance));
        }
        if self.min_score.is_some() && self.mode == SearchMode::Text {
            return Err(Error::invalid_input("min_score bounds the vector score, which a search by text does not have"));
        }
        let known = &base.parts.source.filters;
        match unknown(&self.filter, known) {
            None => Ok(()),
            Some(path) => {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                Err(Error::invalid_input("the knowledge base has no such filter field: name it as one, and reindex")
                    .with("field", path)
                    .with("filter_fields", names.join(", ")))
            }
        }
    }
}

/// A path that is none of the fields, nor below one.
fn unknown<'f>(filter: &'f Filter, known: &[Path]) -> Option<&'f Path> {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().find_map(|filter| unknown(filter, known)),
        Filter::Not(inner) => unknown(inner, known),
        Filter::Field { path, .. } => {
            let below = |field: &Path| path.segments().starts_with(field.segments());
            (!known.iter().any(below)).then_some(path)
        }
    }
}
