//! What a vector store can do.

use super::index::{Element, IndexKind, Metric};
use crate::capabilities::FilterCapabilities;
use serde::Serialize;

/// What a vector store can do. Everything is false, and every limit absent, until a store claims it.
///
/// ```
/// use mastra_core::vector::{Metric, VectorCapabilities};
///
/// let mut can = VectorCapabilities::all();
/// can.metric.dot = false;
/// can.limits.top_k = Some(10_000);
/// assert!(can.metric.offers(Metric::Cosine) && !can.metric.offers(Metric::Dot));
/// assert!(!VectorCapabilities::default().search.text);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VectorCapabilities {
    /// The filter language, on metadata.
    pub filter: FilterCapabilities,
    /// Ways of searching.
    pub search: SearchCapabilities,
    /// Metrics.
    pub metric: MetricCapabilities,
    /// Kinds of index and of numbers.
    pub kind: KindCapabilities,
    /// Ways of writing.
    pub write: VectorWriteCapabilities,
    /// What is kept, and how true.
    pub data: VectorDataCapabilities,
    /// Administration.
    pub admin: VectorAdminCapabilities,
    /// How much at a time.
    pub limits: VectorLimits,
}

/// How points are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchCapabilities {
    /// By words.
    pub text: bool,
    /// By a vector and words, fused.
    pub hybrid: bool,
    /// Exactly, on request, whatever the index.
    pub exact: bool,
    /// Walking over all points in order.
    pub scroll: bool,
}

/// How nearness can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricCapabilities {
    /// By the angle.
    pub cosine: bool,
    /// By the product.
    pub dot: bool,
    /// By the straight line.
    pub euclidean: bool,
}

impl MetricCapabilities {
    /// Whether it offers this one.
    pub const fn offers(&self, metric: Metric) -> bool {
        match metric {
            Metric::Cosine => self.cosine,
            Metric::Dot => self.dot,
            Metric::Euclidean => self.euclidean,
        }
    }
}

/// What an index can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindCapabilities {
    /// Looking at every point.
    pub flat: bool,
    /// Graphs.
    pub hnsw: bool,
    /// Clusters.
    pub ivf_flat: bool,
    /// Numbers of 16 bits.
    pub f16: bool,
}

impl KindCapabilities {
    /// Whether it offers this kind.
    pub const fn offers(&self, kind: IndexKind) -> bool {
        match kind {
            IndexKind::Flat => self.flat,
            IndexKind::Hnsw { .. } => self.hnsw,
            IndexKind::IvfFlat { .. } => self.ivf_flat,
        }
    }

    /// Whether it offers numbers of this type; 32 bits every store does.
    pub const fn offers_element(&self, element: Element) -> bool {
        match element {
            Element::F32 => true,
            Element::F16 => self.f16,
        }
    }
}

/// How points can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VectorWriteCapabilities {
    /// Changing points by a filter.
    pub update_by_filter: bool,
    /// Deleting points by a filter.
    pub delete_by_filter: bool,
    /// Swapping all points that match a filter for others.
    pub replace_where: bool,
    /// Each call takes effect as a whole or not at all, also where it is cut off in the middle.
    pub atomic: bool,
    /// Points and records commit together, in a transaction of the engine.
    pub transactions: bool,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VectorDataCapabilities {
    /// Vectors come back as they were written, rounded to the element's type; else, under cosine, as a vector of the same direction.
    pub exact_vectors: bool,
    /// The character U+0000 in metadata and text.
    pub nul_characters: bool,
    /// Numbers in metadata keep their decimal value, however long.
    pub exact_numbers: bool,
}

/// What can be administered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VectorAdminCapabilities {
    /// Making and dropping indexes.
    pub indexes: bool,
    /// Namespaces beside the default one, and their list.
    pub namespaces: bool,
    /// Points outlive the store's handle.
    pub persistent: bool,
    /// Several processes share the points.
    pub multi_process: bool,
}

/// How much at a time; `None` for no bound of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VectorLimits {
    /// The longest vector of 32-bit numbers.
    pub dimension: Option<usize>,
    /// The longest vector of 16-bit numbers, where that differs.
    pub dimension_f16: Option<usize>,
    /// The longest vector in a graph or cluster index of 32-bit numbers.
    pub indexed_dimension: Option<usize>,
    /// The longest vector in a graph or cluster index of 16-bit numbers, where that differs.
    pub indexed_dimension_f16: Option<usize>,
    /// The most hits.
    pub top_k: Option<usize>,
    /// The most bytes of a point's id.
    pub id_bytes: Option<usize>,
    /// The most bytes of one point's metadata, as JSON. What a merge makes larger than that only the store can see.
    pub metadata_bytes: Option<usize>,
    /// The most bytes of an index's name.
    pub index_name_bytes: Option<usize>,
    /// Whether an index's name consists of lower-case letters, digits and dashes alone.
    pub plain_index_names: bool,
}

impl VectorCapabilities {
    /// Everything, without limits: what a store starts from, taking away what it lacks.
    pub const fn all() -> Self {
        Self {
            filter: FilterCapabilities::all(),
            search: SearchCapabilities { text: true, hybrid: true, exact: true, scroll: true },
            metric: MetricCapabilities { cosine: true, dot: true, euclidean: true },
            kind: KindCapabilities { flat: true, hnsw: true, ivf_flat: true, f16: true },
            write: VectorWriteCapabilities {
                update_by_filter: true,
                delete_by_filter: true,
                replace_where: true,
                atomic: true,
                transactions: true,
            },
            data: VectorDataCapabilities { exact_vectors: true, nul_characters: true, exact_numbers: true },
            admin: VectorAdminCapabilities { indexes: true, namespaces: true, persistent: true, multi_process: true },
            limits: VectorLimits {
                dimension: None,
                dimension_f16: None,
                indexed_dimension: None,
                indexed_dimension_f16: None,
                top_k: None,
                id_bytes: None,
                metadata_bytes: None,
                index_name_bytes: None,
                plain_index_names: false,
            },
        }
    }
}
