//! Indexes: what a vector index is made of.

use crate::{engine::FieldIndexKind, path::Path};
use serde::{Deserialize, Serialize};

/// How nearness is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Metric {
    /// The angle between two vectors, whatever their length.
    Cosine,
    /// The inner product.
    Dot,
    /// The straight line between two points.
    Euclidean,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 3] = [Self::Cosine, Self::Dot, Self::Euclidean];

    /// The name in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
            Self::Euclidean => "euclidean",
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How neighbours are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
#[non_exhaustive]
pub enum IndexKind {
    /// By looking at every point: exact, and slower the more there are.
    #[default]
    Flat,
    /// By a graph of neighbours: fast and approximate.
    Hnsw {
        /// Neighbours of a point; 16 is usual.
        m: u32,
        /// Candidates looked at while building; 64 is usual.
        ef_construction: u32,
    },
    /// By clusters, found when the index is built: points should be there before.
    IvfFlat {
        /// The number of clusters.
        lists: u32,
    },
}

impl IndexKind {
    /// A graph of the usual density: m 16, ef_construction 64.
    pub const fn hnsw() -> Self {
        Self::Hnsw { m: 16, ef_construction: 64 }
    }

    /// The name in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Hnsw { .. } => "hnsw",
            Self::IvfFlat { .. } => "ivfFlat",
        }
    }
}

/// What the numbers of a vector are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Element {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: half the room, about three digits.
    F16,
}

/// A metadata field that filters are served on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexField {
    /// Where it stands in the metadata.
    pub path: Path,
    /// Whether it holds one value or a list of them.
    pub kind: FieldIndexKind,
}

/// What made the vectors of an index. A query that names another model is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Provenance {
    /// The embedding model, as `provider/model`.
    pub model: String,
    /// Its revision, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// How texts were cut into pieces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunker: Option<String>,
}

impl Provenance {
    /// Vectors of this model.
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), revision: None, chunker: None }
    }

    /// The model's revision.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = Some(revision.into());
        self
    }

    /// The name of what cut the texts.
    #[must_use]
    pub fn chunker(mut self, chunker: impl Into<String>) -> Self {
        self.chunker = Some(chunker.into());
        self
    }
}

/// An index, as it is asked for and as it is kept.
///
/// ```
/// use mastra_core::vector::{IndexKind, IndexSpec, Metric, Provenance};
///
/// let spec = IndexSpec::new("docs", 384)
///     .metric(Metric::Cosine)
///     .kind(IndexKind::hnsw())
///     .field("lang".parse()?)
///     .provenance(Provenance::new("local/all-minilm-l6-v2"));
/// assert_eq!((spec.dimension, spec.fields.len()), (384, 1));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IndexSpec {
    /// Its name, of the store's own kind: see [`VectorLimits`](super::VectorLimits).
    pub name: String,
    /// The length of its vectors.
    pub dimension: usize,
    /// How nearness is measured; cosine by default.
    pub metric: Metric,
    /// How neighbours are found; flat by default.
    pub kind: IndexKind,
    /// What numbers are stored as; 32 bits by default.
    pub element: Element,
    /// Metadata fields that filters are served on. Filters on others are right too, and slower.
    #[serde(default)]
    pub fields: Vec<IndexField>,
    /// What made the vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl IndexSpec {
    /// A flat index of 32-bit vectors under cosine.
    pub fn new(name: impl Into<String>, dimension: usize) -> Self {
        Self {
            name: name.into(),
            dimension,
            metric: Metric::Cosine,
            kind: IndexKind::default(),
            element: Element::default(),
            fields: Vec::new(),
            provenance: None,
        }
    }

    /// How nearness is measured.
    #[must_use]
    pub fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// How neighbours are found.
    #[must_use]
    pub fn kind(mut self, kind: IndexKind) -> Self {
        self.kind = kind;
        self
    }

    /// What numbers are stored as.
    #[must_use]
    pub fn element(mut self, element: Element) -> Self {
        self.element = element;
        self
    }

    /// Serves filters on a field of one value.
    #[must_use]
    pub fn field(mut self, path: Path) -> Self {
        self.fields.push(IndexField { path, kind: FieldIndexKind::Scalar });
        self
    }

    /// Serves filters on a field that holds lists.
    #[must_use]
    pub fn list_field(mut self, path: Path) -> Self {
        self.fields.push(IndexField { path, kind: FieldIndexKind::Multi });
        self
    }

    /// What makes the vectors.
    #[must_use]
    pub fn provenance(mut self, provenance: Provenance) -> Self {
        self.provenance = Some(provenance);
        self
    }
}

/// What a store knows of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct IndexDescription {
    /// How it was made.
    #[serde(flatten)]
    pub spec: IndexSpec,
    /// How many points it holds, in all namespaces.
    pub count: u64,
}

impl IndexDescription {
    /// An index with so many points.
    pub fn new(spec: IndexSpec, count: u64) -> Self {
        Self { spec, count }
    }
}

/// A namespace that holds points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceInfo {
    /// Its name; empty for the default one.
    pub name: String,
    /// How many points it holds.
    pub count: u64,
}
