//! Whether a filter holds for a point.

use std::collections::BTreeMap;

use super::ast::{Condition, Field, Filter};
use super::{indexed, value};
use crate::qdrant::collection::Index;
use crate::qdrant::data::{Data, Object};
use crate::qdrant::id::Id;
use crate::qdrant::path::Path;

/// What a filter looks at.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) payload: &'a Object,
    /// None inside of a nested filter, where ids and vectors match nothing.
    pub(crate) point: Option<(Id, &'a BTreeMap<String, Vec<f32>>)>,
    pub(crate) indexes: &'a BTreeMap<Path, Index>,
    /// The key of the nested filter that this is inside of.
    pub(crate) below: Option<&'a Path>,
}

/// Whether the filter holds: all of `must`, one of `should`, none of `must_not`, enough of `min_should`.
pub(crate) fn matches(filter: &Filter, candidate: Candidate<'_>) -> bool {
    let holds = |condition: &Condition| condition_holds(condition, candidate);
    filter.must.iter().all(holds)
        && !filter.must_not.iter().any(holds)
        && (filter.should.is_empty() || filter.should.iter().any(holds))
        && filter.min_should.as_ref().is_none_or(|clause| {
            clause.conditions.iter().filter(|condition| holds(condition)).take(clause.min_count).count() == clause.min_count
        })
}

fn condition_holds(condition: &Condition, candidate: Candidate<'_>) -> bool {
    match condition {
        Condition::Field(field) => field_holds(field, candidate),
        Condition::IsEmpty(key) | Condition::IsNull(key) => {
            let values = key.find(candidate.payload);
            match (candidate.index(key), condition) {
                (Some(_), condition) => indexed::state_holds(condition, &values),
                (None, Condition::IsEmpty(_)) => values.iter().all(|value| empty(value)),
                // A list with a null in it is no null; the index, which looks into lists, sees that otherwise.
                (None, _) => values.contains(&&Data::Null),
            }
        }
        Condition::HasId(ids) => candidate.point.is_some_and(|(id, _)| ids.contains(&id)),
        Condition::HasVector(name) => candidate.point.is_some_and(|(_, vectors)| vectors.contains_key(name)),
        Condition::Filter(filter) => matches(filter, candidate),
        Condition::Nested(key, filter) => {
            let below = candidate.below.map_or_else(|| key.clone(), |outer| outer.join(key));
            key.find(candidate.payload).into_iter().any(|value| match value {
                Data::Object(payload) => {
                    let inside = Candidate { payload, point: None, indexes: candidate.indexes, below: Some(&below) };
                    matches(filter, inside)
                }
                _ => false,
            })
        }
    }
}

fn field_holds(field: &Field, candidate: Candidate<'_>) -> bool {
    let values = field.key.find(candidate.payload);
    if let Some(answer) = candidate.index(&field.key).and_then(|index| indexed::holds(index, field, &values)) {
        return answer;
    }
    if values.is_empty() {
        return value::holds_for_nothing(field);
    }
    let text_index = candidate.index_inside(&field.key);
    values.iter().any(|value| {
        let words = text_index.zip(field.matching.as_ref());
        let answer = words.and_then(|(index, matching)| indexed::text_holds(index, matching, value));
        answer.unwrap_or_else(|| value::holds(field, value))
    })
}

fn empty(value: &Data) -> bool {
    match value {
        Data::Null => true,
        Data::List(values) => values.is_empty(),
        _ => false,
    }
}

impl<'a> Candidate<'a> {
    /// The index that answers instead of the payload: there is none inside of a nested filter.
    fn index(self, key: &Path) -> Option<&'a Index> {
        if self.below.is_some() { None } else { self.indexes.get(key) }
    }

    /// The index of a key inside of a nested filter.
    fn index_inside(self, key: &Path) -> Option<&'a Index> {
        self.indexes.get(&self.below?.join(key))
    }
}
