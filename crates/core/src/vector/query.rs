//! Queries.

use super::{
    fusion,
    point::{Include, Vector},
};
use crate::{cursor::Cursor, filter::Filter};

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum VectorSearch {
    /// The nearest points.
    Vector(Vector),
    /// The points whose text holds these words, in the language of [`TextQuery`](crate::text::TextQuery).
    Text(String),
    /// Both, fused by reciprocal rank: see [`fuse`](super::fuse).
    Hybrid {
        /// For the dense leg.
        vector: Vector,
        /// For the text leg.
        text: String,
        /// What each leg counts.
        weights: Weights,
    },
}

impl VectorSearch {
    /// The vector of the dense leg.
    pub fn vector(&self) -> Option<&Vector> {
        match self {
            Self::Vector(vector) | Self::Hybrid { vector, .. } => Some(vector),
            Self::Text(_) => None,
        }
    }

    /// The words of the text leg.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Hybrid { text, .. } => Some(text),
            Self::Vector(_) => None,
        }
    }
}

/// What the legs of a hybrid query count: finite, not negative, not both zero. One each by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// The dense leg.
    pub vector: f64,
    /// The text leg.
    pub text: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { vector: 1.0, text: 1.0 }
    }
}

/// A search among the points of a namespace.
///
/// ```
/// use mastra_core::{Filter, vector::VectorQuery};
///
/// let query = VectorQuery::vector([0.1, 0.9]).top_k(5).filter(Filter::eq("lang", "en")?).min_score(0.5);
/// assert_eq!(query.top_k, 5);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VectorQuery {
    /// What is looked for.
    pub search: VectorSearch,
    /// How many hits at most; 10 by default, at least 1.
    pub top_k: usize,
    /// Only points whose metadata matches.
    pub filter: Filter,
    /// Only hits of the dense leg that score this much or more; refused on pure text.
    pub min_score: Option<f64>,
    /// Which parts of a hit to read.
    pub include: Include,
    /// How many candidates a graph search keeps: more finds more, and takes longer. The store's own default where it is absent;
    /// without meaning for other kinds.
    pub ef: Option<u32>,
    /// How many clusters are looked at; the store's own default where it is absent, without meaning for other kinds.
    pub probes: Option<u32>,
    /// Looks at every point that matches, whatever index there is.
    pub exact: bool,
    /// What made the vector: refused where the index names another model.
    pub model: Option<String>,
}

impl VectorQuery {
    /// A search of any form.
    pub fn new(search: VectorSearch) -> Self {
        Self {
            search,
            top_k: 10,
            filter: Filter::all(),
            min_score: None,
            include: Include::default(),
            ef: None,
            probes: None,
            exact: false,
            model: None,
        }
    }

    /// The nearest points.
    pub fn vector(vector: impl Into<Vector>) -> Self {
        Self::new(VectorSearch::Vector(vector.into()))
    }

    /// The points that hold these words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(VectorSearch::Text(text.into()))
    }

    /// Both, counted alike.
    pub fn hybrid(vector: impl Into<Vector>, text: impl Into<String>) -> Self {
        Self::new(VectorSearch::Hybrid { vector: vector.into(), text: text.into(), weights: Weights::default() })
    }

    /// What the legs of a hybrid query count; nothing to any other.
    #[must_use]
    pub fn weights(mut self, vector: f64, text: f64) -> Self {
        if let VectorSearch::Hybrid { weights, .. } = &mut self.search {
            *weights = Weights { vector, text };
        }
        self
    }

    /// How many hits at most.
    #[must_use]
    pub fn top_k(mut self, top_k: usize) -> Self {
        self.top_k = top_k;
        self
    }

    /// Only points whose metadata matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Only hits of the dense leg that score this much or more.
    #[must_use]
    pub fn min_score(mut self, min_score: f64) -> Self {
        self.min_score = Some(min_score);
        self
    }

    /// Which parts of a hit to read.
    #[must_use]
    pub fn include(mut self, include: Include) -> Self {
        self.include = include;
        self
    }

    /// How many candidates a graph search keeps.
    #[must_use]
    pub fn ef(mut self, ef: u32) -> Self {
        self.ef = Some(ef);
        self
    }

    /// How many clusters are looked at.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = Some(probes);
        self
    }

    /// Looks at every point that matches.
    #[must_use]
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// What made the vector.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// How many hits each leg has to give: `top_k`, or [`leg_depth`](super::leg_depth) of it where two legs are fused.
    pub fn depth(&self) -> usize {
        match self.search {
            VectorSearch::Hybrid { .. } => fusion::leg_depth(self.top_k),
            _ => self.top_k,
        }
    }
}

/// A walk over the points of a namespace, in order of their ids (by code point).
///
/// ```
/// use mastra_core::{Filter, vector::{Scope, ScrollQuery}};
///
/// let (docs, walk) = (Scope::index("docs"), ScrollQuery::new().filter(Filter::exists("lang")?).limit(2));
/// // What a store gives with a page that ends with this id, and where it goes on.
/// let next = walk.cursor_after(&docs, "intro#1")?;
/// assert_eq!(walk.clone().cursor(Some(next.clone())).position(&docs)?.as_deref(), Some("intro#1"));
/// assert!(walk.cursor(Some(next)).position(&docs.in_namespace("tenant-a")).is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ScrollQuery {
    /// Only points whose metadata matches.
    pub filter: Filter,
    /// How many points a page holds; 100 by default, at least 1.
    pub limit: usize,
    /// Behind the page that gave this cursor.
    pub cursor: Option<Cursor>,
    /// Which parts to read; metadata and text by default.
    pub include: Include,
}

impl Default for ScrollQuery {
    fn default() -> Self {
        Self { filter: Filter::all(), limit: 100, cursor: None, include: Include::default() }
    }
}

impl ScrollQuery {
    /// From the beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only points whose metadata matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// How many points a page holds.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Behind the page that gave this cursor.
    #[must_use]
    pub fn cursor(mut self, cursor: Option<Cursor>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Which parts to read.
    #[must_use]
    pub fn include(mut self, include: Include) -> Self {
        self.include = include;
        self
    }
}

/// Which points to count.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct PointCountQuery {
    /// Only points whose metadata matches.
    pub filter: Filter,
    /// Stop counting here; `None` counts all.
    pub cap: Option<u64>,
}

impl PointCountQuery {
    /// All of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only points whose metadata matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Stop counting here.
    #[must_use]
    pub fn cap(mut self, cap: u64) -> Self {
        self.cap = Some(cap);
        self
    }
}
