//! What a store does that looks at every point: reading and planning over points that are at hand in memory.
//!
//! A backend says where the points of a namespace are ([`FlatPoints`]) and is given every operation on them, under all the laws. What writes
//! is planned as [`PointChanges`], which the backend stores and applies in one step.

mod changes;
mod index;
mod read;
mod stored;

pub use changes::PointChanges;
pub use index::{FlatIndex, FlatNamespace};
pub use stored::StoredPoint;

use super::{
    answer::VectorAnswer,
    index::IndexSpec,
    point::{Include, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
    query::{PointCountQuery, ScrollQuery, VectorQuery},
};
use crate::{
    error::Result,
    filter::Filter,
    query::{Count, Page},
};

/// The points of one namespace of one index, at hand in memory: those of a [`FlatIndex`], or what a backend has of its own.
///
/// Four methods say where they are; all others follow from these.
pub trait FlatPoints {
    /// How the index was made.
    fn spec(&self) -> &IndexSpec;

    /// The namespace; empty for the default one.
    fn namespace(&self) -> &str;

    /// The point of an id.
    fn point(&self, id: &str) -> Option<&StoredPoint>;

    /// The points behind an id, in order of ids by code point. Behind `""` are all of them.
    fn points_after(&self, id: &str) -> impl Iterator<Item = (&str, &StoredPoint)>;

    /// As [`VectorOperations::query`](super::VectorOperations::query): always exact. Costs a look at every point, for either leg.
    ///
    /// Errors: `SchemaMismatch` where the index does not take the query's vector or model, as [`IndexSpec::still_takes`] says;
    /// `InvalidInput` for words that are none.
    fn search(&self, query: &VectorQuery) -> Result<VectorAnswer> {
        read::search(self, query)
    }

    /// As [`VectorOperations::get`](super::VectorOperations::get).
    fn read(&self, ids: &[String], include: Include) -> Vec<Point> {
        read::read(self, ids, include)
    }

    /// As [`VectorOperations::scroll`](super::VectorOperations::scroll); `InvalidInput` where the cursor belongs to another walk.
    fn page(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        read::page(self, scope, query)
    }

    /// As [`VectorOperations::count`](super::VectorOperations::count).
    fn count(&self, query: &PointCountQuery) -> Count {
        read::count(self, query)
    }

    /// The ids of the points that match, in order.
    fn matching(&self, filter: &Filter) -> Vec<String> {
        read::matching(self, filter)
    }

    /// What [`VectorOperations::upsert`](super::VectorOperations::upsert) writes and removes. Points without an id are given one (UUIDv7).
    ///
    /// Errors: `SchemaMismatch` where the index does not take a vector or the model.
    fn plan_upsert(&self, points: &[NewPoint], options: &PointUpsertOptions) -> Result<(PointChanges, PointUpsertReport)> {
        changes::upsert(self, points, options)
    }

    /// What [`VectorOperations::update`](super::VectorOperations::update) writes: one entry a point that is changed.
    ///
    /// Errors: `SchemaMismatch` where the index does not take the vector or the model.
    fn plan_update(&self, selector: &PointSelector, update: &PointUpdate) -> Result<PointChanges> {
        changes::update(self, selector, update)
    }

    /// What [`VectorOperations::delete`](super::VectorOperations::delete) removes: points that are there, each once. An empty filter stands
    /// for [`delete_all`](super::VectorOperations::delete_all).
    fn plan_delete(&self, selector: &PointSelector) -> PointChanges {
        changes::delete(self, selector)
    }
}
