//! What a run found.

use super::truth::Among;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use std::fmt;

/// A piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Work {
    /// Writing all points, in batches, into the index that serves searches.
    Upsert,
    /// Searching for ten neighbours, so many searches at once.
    Query(Among, Concurrency),
}

/// How many searches are under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Concurrency {
    /// One after the other.
    One,
    /// Sixteen tasks.
    Sixteen,
}

impl Concurrency {
    /// The number of tasks.
    pub const fn tasks(self) -> usize {
        match self {
            Self::One => 1,
            Self::Sixteen => 16,
        }
    }
}

impl Work {
    /// All of it, in the order in which it is done.
    pub const ALL: [Self; 5] = [
        Self::Upsert,
        Self::Query(Among::All, Concurrency::One),
        Self::Query(Among::All, Concurrency::Sixteen),
        Self::Query(Among::Matching, Concurrency::One),
        Self::Query(Among::Matching, Concurrency::Sixteen),
    ];

    /// The name of its figure.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upsert => "vector_upsert_hnsw",
            Self::Query(Among::All, Concurrency::One) => "query_top10_c1",
            Self::Query(Among::All, Concurrency::Sixteen) => "query_top10_c16",
            Self::Query(Among::Matching, Concurrency::One) => "query_filtered_c1",
            Self::Query(Among::Matching, Concurrency::Sixteen) => "query_filtered_c16",
        }
    }

    /// What is counted.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Upsert => "points",
            Self::Query(..) => "queries",
        }
    }
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct VectorFigure {
    /// Its name.
    #[serde(skip)]
    pub name: &'static str,
    /// Seconds that all of it took.
    pub s: f64,
    /// How many points or queries a second that is.
    pub per_s: f64,
    /// How many points or queries there were.
    pub count: usize,
    /// What is counted: `points` or `queries`.
    pub unit: &'static str,
    /// The share of the ten true neighbours that was found, over all questions; `None` of an upsert.
    #[serde(rename = "recall@10", skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Whether the store said of every answer that it is exact; `None` of an upsert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<bool>,
}

/// All figures of a store. As JSON an object with a member a figure.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VectorFigures {
    /// How neighbours were found: `hnsw`, or `flat` of a store without graphs.
    pub kind: &'static str,
    /// The figures, in order.
    pub figures: Vec<VectorFigure>,
    /// Microseconds that a call takes longer through `Arc<dyn VectorStore>` and the checks than on the store itself.
    pub arc_dyn_call_us: f64,
}

impl VectorFigures {
    /// The figure of that name.
    pub fn get(&self, name: &str) -> Option<&VectorFigure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

impl Serialize for VectorFigures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", self.kind)?;
        for figure in &self.figures {
            map.serialize_entry(figure.name, figure)?;
        }
        map.serialize_entry("arc_dyn_call", &serde_json::json!({ "us": self.arc_dyn_call_us }))?;
        map.end()
    }
}

impl fmt::Display for VectorFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for VectorFigure { name, s, per_s, unit, recall, exact, .. } in &self.figures {
            write!(f, "{name:<20} {per_s:>10.1} {unit}/s  ({s:.2} s)")?;
            if let Some(recall) = recall {
                let how = if *exact == Some(true) { ", exact" } else { "" };
                write!(f, "  recall@10 {recall:.3}{how}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "{:<20} {:>10.2} µs a call", "arc_dyn_call", self.arc_dyn_call_us)
    }
}
