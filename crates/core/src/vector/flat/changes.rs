//! What a write comes to, decided before anything is touched.

use super::{FlatPoints, StoredPoint};
use crate::{
    error::Result,
    vector::point::{NewPoint, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What one call writes and removes: no id stands in both. As JSON it is `{"namespace": "…", "put": {"id": {…}}, "removed": ["id"]}`, less
/// what is empty, which a store can keep as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PointChanges {
    /// The namespace; empty for the default one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The points that stand at their ids from now on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub put: BTreeMap<String, StoredPoint>,
    /// The ids of the points that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
}

impl PointChanges {
    /// How many points they touch.
    pub fn len(&self) -> usize {
        self.put.len() + self.removed.len()
    }

    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }
}

pub(super) fn upsert(
    points: &(impl FlatPoints + ?Sized),
    new: &[NewPoint],
    options: &PointUpsertOptions,
) -> Result<(PointChanges, PointUpsertReport)> {
    let spec = points.spec();
    spec.still_takes(None, options.model.as_deref())?;
    new.iter().try_for_each(|point| spec.still_takes(Some(&point.vector), None))?;
    let id = |point: &NewPoint| point.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
    let ids: Vec<String> = new.iter().map(id).collect();
    let put: BTreeMap<_, _> = ids.iter().cloned().zip(new.iter().map(|point| StoredPoint::new(spec, point))).collect();
    let matching = options.replace_where.as_ref().map(|filter| points.matching(filter)).unwrap_or_default();
    let removed: Vec<String> = matching.into_iter().filter(|id| !put.contains_key(id)).collect();
    let report = PointUpsertReport::new(ids, Some(removed.len() as u64));
    Ok((PointChanges { namespace: points.namespace().to_owned(), put, removed }, report))
}

pub(super) fn update(
    points: &(impl FlatPoints + ?Sized),
    selector: &PointSelector,
    update: &PointUpdate,
) -> Result<PointChanges> {
    let spec = points.spec();
    spec.still_takes(update.vector.as_ref(), update.model.as_deref())?;
    let ids = selected(points, selector).into_iter();
    let put = ids.filter_map(|id| points.point(&id).map(|point| point.changed(spec, update)).map(|point| (id, point))).collect();
    Ok(PointChanges { namespace: points.namespace().to_owned(), put, removed: Vec::new() })
}

pub(super) fn delete(points: &(impl FlatPoints + ?Sized), selector: &PointSelector) -> PointChanges {
    PointChanges { namespace: points.namespace().to_owned(), put: BTreeMap::new(), removed: selected(points, selector) }
}

/// The ids of points that are there, each once.
fn selected(points: &(impl FlatPoints + ?Sized), selector: &PointSelector) -> Vec<String> {
    match selector {
        PointSelector::Ids(ids) => {
            let ids: BTreeSet<&String> = ids.iter().filter(|id| points.point(id).is_some()).collect();
            ids.into_iter().cloned().collect()
        }
        PointSelector::Filter(filter) => points.matching(filter),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::{
        filter::Filter,
        vector::{FlatIndex, IndexSpec, VectorQuery},
    };
    use serde_json::json;

    fn three() -> FlatIndex {
        let mut index = FlatIndex::new(IndexSpec::new("docs", 2));
        let new = ["a", "b", "c"].map(|id| NewPoint::new(id, [1.0, 0.0]).metadata(json!({ "of": "one" })).text("old words"));
        index.apply(index.namespace("").plan_upsert(&new, &PointUpsertOptions::new()).unwrap().0);
        index
    }

    #[test]
    fn what_is_written_by_the_call_is_not_removed_by_it() {
        let index = three();
        let swap = PointUpsertOptions::new().replace_where(Filter::eq("of", "one").unwrap());
        let (changes, report) = index.namespace("").plan_upsert(&[NewPoint::new("b", [0.0, 1.0])], &swap).unwrap();
        assert_eq!((report.removed, changes.removed), (Some(2), vec!["a".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn a_plan_changes_nothing_until_it_is_applied() {
        let mut index = three();
        let update = PointUpdate::new().text(Some("new words".into()));
        let changes = index.namespace("").plan_update(&PointSelector::ids(["a", "absent", "a"]), &update).unwrap();
        let found = |index: &FlatIndex| index.namespace("").search(&VectorQuery::text("new")).unwrap().hits.len();
        assert_eq!((found(&index), changes.len()), (0, 1));
        index.apply(changes);
        assert_eq!(found(&index), 1);
        let gone = index.namespace("").plan_delete(&PointSelector::ids(["a", "a", "absent"]));
        assert_eq!(gone.removed, ["a"]);
        let all = index.namespace("").plan_delete(&PointSelector::Filter(Filter::all()));
        index.apply(all);
        assert!(index.namespaces().is_empty(), "a namespace exists as long as it holds points");
    }

    #[test]
    fn changes_survive_their_json() {
        let index = three();
        let new = [NewPoint::new("\n\0", [0.1, 3.4e18]).text("words")];
        let (mut changes, _) = index.namespace("").plan_upsert(&new, &PointUpsertOptions::new()).unwrap();
        changes.removed.push("a".into());
        let line = serde_json::to_string(&changes).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<PointChanges>(&line).unwrap(), changes);
    }
}
