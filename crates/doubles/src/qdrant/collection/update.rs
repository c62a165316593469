//! Changes to points.
//!
//! A change of several points that fails has still changed those that it could, as on the server.

use std::collections::BTreeMap;

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;

use super::vectors::NewVectors;
use super::{Collection, Point};
use crate::qdrant::data::{Object, merge};
use crate::qdrant::filter::Filter;
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;
use crate::qdrant::status::{Result, bad_input, bad_request, malformed, no_point};

/// Which points a change is for.
#[derive(Debug, Clone)]
pub(crate) enum Selector {
    Ids(Vec<Id>),
    /// An empty filter holds for every point.
    Filter(Filter),
}

/// What an upsert may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateMode {
    Upsert,
    InsertOnly,
    UpdateOnly,
}

impl Selector {
    pub(crate) fn read(selector: Option<wire::PointsSelector>) -> Result<Self> {
        let selector = selector.ok_or_else(|| malformed("PointSelector is missing"))?;
        match selector.points_selector_one_of.ok_or_else(|| malformed("Malformed PointsSelector type"))? {
            PointsSelectorOneOf::Points(list) => Ok(Self::Ids(list.ids.into_iter().map(Id::from_wire).collect::<Result<_>>()?)),
            PointsSelectorOneOf::Filter(filter) => Filter::read(filter).map(Self::Filter),
        }
    }

    /// A list of no ids. An empty filter is not nothing: it is everything.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Ids(ids) if ids.is_empty())
    }

    /// A list of no ids is refused wherever something is changed.
    fn check(&self) -> Result<()> {
        if self.is_empty() { Err(empty()) } else { Ok(()) }
    }

    pub(crate) fn filter(&self) -> Option<&Filter> {
        match self {
            Self::Ids(_) => None,
            Self::Filter(filter) => Some(filter),
        }
    }
}

/// An update of nothing.
fn empty() -> tonic::Status {
    bad_request("Empty update request")
}

impl Collection {
    /// What an upsert checks before it is taken, so that it is told even to a caller that does not wait.
    pub(crate) fn check_dimensions(&self, points: &[(Id, NewVectors, Object)]) -> Result<()> {
        if points.is_empty() {
            return Err(empty());
        }
        let vectors = points.iter().flat_map(|(_, vectors, _)| vectors);
        vectors
            .filter_map(|(name, vector)| Some((self.spaces.get(name)?, vector)))
            .try_for_each(|(space, vector)| space.check(vector))
    }

    /// Puts points in place of those of the same ids: vectors and payload as given, nothing of the old ones stays. Of an id that
    /// stands twice, the last counts. `condition` is asked of the points that are there; new ones it does not concern.
    pub(crate) fn upsert(
        &mut self,
        points: Vec<(Id, NewVectors, Object)>,
        condition: Option<&Filter>,
        mode: UpdateMode,
    ) -> Result<()> {
        self.check_dimensions(&points)?;
        let mut latest = BTreeMap::new();
        for (id, vectors, payload) in points {
            latest.insert(id, (self.prepare(vectors)?, payload));
        }
        self.operation += 1;
        for (id, (vectors, payload)) in latest {
            let wanted = match self.points.get(&id) {
                Some(old) => mode != UpdateMode::InsertOnly && self.holds(condition, id, old),
                None => mode != UpdateMode::UpdateOnly,
            };
            if wanted {
                self.points.insert(id, Point { vectors, payload, version: self.operation });
            }
        }
        Ok(())
    }

    /// Replaces the named vectors of points that are there; their others, and the payload, stay.
    pub(crate) fn update_vectors(&mut self, points: Vec<(Id, NewVectors)>, condition: Option<&Filter>) -> Result<()> {
        if points.is_empty() {
            return Err(empty());
        }
        let mut prepared = Vec::with_capacity(points.len());
        for (id, vectors) in points {
            prepared.push((id, self.prepare(vectors)?));
        }
        let excluded = |id: &Id| self.points.get(id).is_some_and(|point| !self.holds(condition, *id, point));
        prepared.retain(|(id, _)| !excluded(id));
        let ids: Vec<Id> = prepared.iter().map(|(id, _)| *id).collect();
        let mut by_id: BTreeMap<Id, NewVectors> = BTreeMap::new();
        for (id, vectors) in prepared {
            by_id.entry(id).or_default().extend(vectors);
        }
        self.change_points(ids, |id, point| point.vectors.extend(by_id.get(&id).cloned().unwrap_or_default()))
    }

    /// Deletes points. An id that is not there is no error.
    pub(crate) fn delete(&mut self, selector: &Selector) -> Result<()> {
        selector.check()?;
        for id in self.chosen(selector) {
            if let Some(point) = self.points.remove(&id) {
                self.outlive(&point);
            }
        }
        self.operation += 1;
        Ok(())
    }

    /// Merges keys into payloads, at the top or at `key`; a null removes its key.
    pub(crate) fn set_payload(&mut self, selector: &Selector, payload: &Object, key: Option<&Path>) -> Result<()> {
        self.change(selector, |point| match key {
            Some(key) => key.merge(&mut point.payload, payload),
            None => merge(&mut point.payload, payload),
        })
    }

    /// Puts the payload in place of the old one.
    pub(crate) fn overwrite_payload(&mut self, selector: &Selector, payload: &Object) -> Result<()> {
        self.change(selector, |point| point.payload.clone_from(payload))
    }

    pub(crate) fn delete_payload(&mut self, selector: &Selector, keys: &[Path]) -> Result<()> {
        self.change(selector, |point| keys.iter().for_each(|key| key.remove(&mut point.payload)))
    }

    pub(crate) fn clear_payload(&mut self, selector: &Selector) -> Result<()> {
        self.change(selector, |point| point.payload.clear())
    }

    fn change(&mut self, selector: &Selector, change: impl Fn(&mut Point)) -> Result<()> {
        selector.check()?;
        self.change_points(self.chosen(selector), |_, point| change(point))
    }

    /// Changes the points that are there, then tells of the first that is not.
    fn change_points(&mut self, ids: Vec<Id>, change: impl Fn(Id, &mut Point)) -> Result<()> {
        self.operation += 1;
        let mut missing = None;
        for id in ids {
            match self.points.get_mut(&id) {
                Some(point) => {
                    change(id, point);
                    point.version = self.operation;
                }
                None => missing = missing.or(Some(id)),
            }
        }
        missing.map_or(Ok(()), |id| Err(no_point(id)))
    }

    fn chosen(&self, selector: &Selector) -> Vec<Id> {
        match selector {
            Selector::Ids(ids) => ids.clone(),
            Selector::Filter(filter) => self.select(Some(filter)).map(|(id, _)| id).collect(),
        }
    }

    /// The vectors as they are kept. A point needs not have all of the collection's, but no others.
    fn prepare(&self, vectors: NewVectors) -> Result<NewVectors> {
        let prepare = |(name, vector): (String, Vec<f32>)| {
            let space = self.space(&name)?;
            space.check(&vector)?;
            Ok((name, space.prepare(vector)))
        };
        vectors.into_iter().map(prepare).collect()
    }

    pub(super) fn space(&self, name: &str) -> Result<super::VectorSpace> {
        self.spaces.get(name).copied().ok_or_else(|| bad_input(format!("Not existing vector name error: {name}")))
    }

    /// The number that an answer to an update carries.
    pub(crate) fn operation(&self) -> u64 {
        self.operation
    }
}
