//! Vector stores: points in named indexes, found again by nearness, by words and by filters.
//!
//! [`VectorOperations`] is everything that can be done with the points of an index, on a store or inside a transaction;
//! [`VectorStore`] adds the administration of indexes. Backends hand themselves out as [`CheckedVectors`], which refuses
//! malformed arguments before any I/O. A [`NamespaceHandle`] narrows a store to one tenant.
//!
//! ```text
//! store ── index "docs" ── namespace "tenant-a" ── point "intro.md#3": vector, metadata, text
//! ```

mod answer;
mod capabilities;
mod checked;
mod cursor;
mod flat;
mod fusion;
mod index;
mod namespace;
mod point;
mod pointers;
mod query;
mod ranking;
pub mod score;
mod store;
mod validate;

pub use answer::{Exactness, Shortfall, VectorAnswer, VectorHit};
pub use capabilities::{
    KindCapabilities, MetricCapabilities, SearchCapabilities, VectorAdminCapabilities, VectorCapabilities,
    VectorDataCapabilities, VectorLimits, VectorWriteCapabilities,
};
pub use checked::CheckedVectors;
pub use flat::{FlatIndex, FlatNamespace, FlatPoints, PointChanges, StoredPoint};
pub use fusion::{RRF_K, fuse, leg_depth};
pub use index::{Element, IndexDescription, IndexField, IndexKind, IndexSpec, Metric, NamespaceInfo, Provenance};
pub use namespace::{NamespaceHandle, NamespaceIndex, VectorOperationsExt};
pub use point::{
    Include, MetadataChange, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, Vector,
};
pub use query::{PointCountQuery, ScrollQuery, VectorQuery, VectorSearch, Weights};
pub use ranking::{Placed, VectorRanking};
pub use store::{VectorOperations, VectorStore};
pub use validate::{MAX_DIMENSION, MAX_EF, MAX_PROBES};
