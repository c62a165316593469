//! A collection and what can be done with it. Nothing here knows of gRPC calls; the services above read the requests.

mod config;
mod facet;
mod fusion;
mod index;
mod point;
mod query;
mod scroll;
mod strict;
mod update;
mod vectors;

use std::collections::BTreeMap;

pub(crate) use index::{Index, TextIndex, check as check_index};
pub(crate) use point::{Point, WithPayload, WithVectors};
pub(crate) use query::Query;
pub(crate) use scroll::Scroll;
pub(crate) use strict::Checked;
pub(crate) use update::{Selector, UpdateMode};
pub(crate) use vectors::{NewVectors, read as read_vectors};

use super::data::Data;
use super::filter::{Candidate, Filter, matches};
use super::id::Id;
use super::path::Path;
use index::FieldIndex;
use strict::StrictMode;
use vectors::VectorSpace;

/// One collection: its configuration as it was asked for, its points by id, its payload indexes by key.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    config: config::Config,
    spaces: BTreeMap<String, VectorSpace>,
    points: BTreeMap<Id, Point>,
    fields: BTreeMap<Path, FieldIndex>,
    /// What a filter asks; the same keys as `fields`.
    indexes: BTreeMap<Path, Index>,
    /// Values of deleted points: an index remembers them, and counts none.
    outlived: BTreeMap<Path, Vec<Data>>,
    /// How many updates there were: the version of a point is the number of the last one that changed it.
    operation: u64,
}

impl Collection {
    /// The points that a filter holds for, by id. Without a filter all of them.
    fn select<'a>(&'a self, filter: Option<&'a Filter>) -> impl Iterator<Item = (Id, &'a Point)> {
        self.points.iter().map(|(id, point)| (*id, point)).filter(move |(id, point)| self.holds(filter, *id, point))
    }

    fn holds(&self, filter: Option<&Filter>, id: Id, point: &Point) -> bool {
        let candidate =
            Candidate { payload: &point.payload, point: Some((id, &point.vectors)), indexes: &self.indexes, below: None };
        filter.is_none_or(|filter| matches(filter, candidate))
    }

    /// How many points a filter holds for.
    pub(crate) fn count(&self, filter: Option<&Filter>) -> u64 {
        self.select(filter).count() as u64
    }

    /// The points of these ids, in their order, each once; those that are not there are left out.
    pub(crate) fn get(&self, ids: &[Id]) -> Vec<(Id, &Point)> {
        let mut seen = std::collections::BTreeSet::new();
        ids.iter().filter(|id| seen.insert(**id)).filter_map(|id| Some((*id, self.points.get(id)?))).collect()
    }
}
