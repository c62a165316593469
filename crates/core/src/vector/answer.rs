//! What a query found, and how sure it is.

use super::point::{Include, Point, Vector};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A point that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VectorHit {
    /// Its id.
    pub id: String,
    /// How well it fits, higher is better: under the [score law](super::score) for a vector, the words' weight for a text, the
    /// fused ranks for both.
    pub score: f64,
    /// The distance that the metric measured; `None` for a hit of the text leg alone.
    pub distance: Option<f64>,
    /// Where it lies, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<Vector>,
    /// Its metadata, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Its text, where that was asked for and it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl VectorHit {
    /// A point with its score, reduced to what was asked for.
    pub fn new(point: Point, score: f64, distance: Option<f64>, include: Include) -> Self {
        let Point { id, vector, metadata, text } = point.only(include);
        Self { id, score, distance, vector, metadata, text }
    }
}

/// Whether every point that matches was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Exactness {
    /// The hits are the best there are.
    Exact,
    /// An index chose candidates: a better hit can be missing.
    Approximate,
}

/// Why there are fewer hits than `top_k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shortfall {
    /// No more points match.
    NoMoreRows,
    /// The index stopped looking before it had enough.
    IndexGaveUp,
    /// The store does not say.
    Unknown,
}

/// The hits, best first, ties by id ascending (by code point).
///
/// ```
/// use mastra_core::vector::{Exactness, Shortfall, VectorAnswer};
///
/// let none = VectorAnswer::exact(Vec::new(), 10);
/// assert_eq!((none.exactness, none.shortfall), (Exactness::Exact, Some(Shortfall::NoMoreRows)));
/// let few = VectorAnswer::approximate(Vec::new(), 10, Shortfall::IndexGaveUp);
/// assert_eq!(few.shortfall, Some(Shortfall::IndexGaveUp), "there may be more");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VectorAnswer {
    /// What was found.
    pub hits: Vec<VectorHit>,
    /// Whether every point that matches was looked at.
    pub exactness: Exactness,
    /// Why there are fewer hits than asked for; `None` where there are as many.
    pub shortfall: Option<Shortfall>,
}

impl VectorAnswer {
    /// The hits of an exact search: fewer than asked for means that no more match.
    pub fn exact(hits: Vec<VectorHit>, top_k: usize) -> Self {
        let shortfall = (hits.len() < top_k).then_some(Shortfall::NoMoreRows);
        Self { hits, exactness: Exactness::Exact, shortfall }
    }

    /// The hits of an approximate search, and why they may be few.
    pub fn approximate(hits: Vec<VectorHit>, top_k: usize, shortfall: Shortfall) -> Self {
        let shortfall = (hits.len() < top_k).then_some(shortfall);
        Self { hits, exactness: Exactness::Approximate, shortfall }
    }
}
