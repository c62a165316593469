//! Ranges on fields of a document in one column, and the index that serves them.

use super::{
    columns::{ARRAY, Columns, has_array_in},
    operand::{compares, holds, text_fits},
};
use crate::query::Statement;
use mastra_core::{
    Filter, Path,
    filter::{Bound, Comparison, Predicate},
    path::array_index,
};
use serde_json::Value;

/// The most strings that a list may hold, to be looked for one by one.
const MOST: usize = 1_000;

/// The bounds that a filter sets to one field, and the lists of strings of which it has to be one: of every document that matches.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRange {
    /// The field.
    pub path: Path,
    bounds: Vec<(Comparison, Bound)>,
    lists: Vec<Vec<String>>,
}

/// The ranges in the conjunction that a filter is, field by field.
pub(crate) fn ranges(filter: &Filter) -> Vec<FieldRange> {
    let mut found = Vec::new();
    collect(filter, &mut found);
    found
}

fn collect(filter: &Filter, found: &mut Vec<FieldRange>) {
    match filter {
        Filter::And(all) => all.iter().for_each(|filter| collect(filter, found)),
        Filter::Field { path, predicate: Predicate::Compare(comparison, bound) } if is_plain(path) && holds(bound) => {
            add(path, found, |range| range.bounds.push((*comparison, bound.clone())));
        }
        Filter::Field { path, predicate: Predicate::In(items) } if is_plain(path) => {
            if let Some(list) = strings(items) {
                add(path, found, |range| range.lists.push(list));
            }
        }
        _ => {}
    }
}

/// Adds to what is known of a field.
fn add(path: &Path, found: &mut Vec<FieldRange>, what: impl FnOnce(&mut FieldRange)) {
    if let Some(range) = found.iter_mut().find(|range| range.path == *path) {
        return what(range);
    }
    let mut range = FieldRange { path: path.clone(), bounds: Vec::new(), lists: Vec::new() };
    what(&mut range);
    found.push(range);
}

/// A list of nothing but strings, none of which the columns cut. An inverted index serves such a list too, but the server chooses it only
/// where it knows the table well; this one it chooses in a table that was filled a moment ago.
fn strings(items: &[Value]) -> Option<Vec<String>> {
    let string = |item: &Value| item.as_str().filter(|text| text_fits(text)).map(str::to_owned);
    if items.is_empty() || items.len() > MOST {
        return None;
    }
    items.iter().map(string).collect()
}

/// A segment that may be an index reads in two ways.
fn is_plain(path: &Path) -> bool {
    !path.is_this() && !path.segments().iter().any(|segment| array_index(segment).is_some() || segment.contains('\0'))
}

impl FieldRange {
    /// A condition that every document which matches fulfils, and a few others may; `column` holds the documents. An index on
    /// [`range_columns`] serves it.
    pub fn condition(&self, column: &str, statement: &mut Statement) -> String {
        let columns = Columns { rank: rank(column, &self.path), ..Columns::of(column, &self.path) };
        let mut bounds: Vec<String> =
            self.bounds.iter().map(|(comparison, bound)| compares(&columns, *comparison, bound, statement)).collect();
        let Columns { rank, number, text } = &columns;
        for list in &self.lists {
            bounds.push(format!("({rank} = 1 AND {number} = 0 AND {text} = ANY({}))", statement.bind(list.clone())));
        }
        // Of an array each member is asked alone.
        format!("(({}) OR {} = {ARRAY})", bounds.join(" AND "), columns.rank)
    }
}

/// What an index is made on, so that it serves the ranges of a field of the documents in `column`; none for a field that none serves.
pub fn range_columns(column: &str, path: &Path) -> Option<String> {
    let Columns { number, text, .. } = Columns::of(column, path);
    is_plain(path).then(|| format!("{}, {number}, {text}", rank(column, path)))
}

/// The rank of the value; that of an array where one stands anywhere on the way.
fn rank(column: &str, path: &Path) -> String {
    let Columns { rank, .. } = Columns::of(column, path);
    if path.segments().len() == 1 {
        return rank;
    }
    format!("(CASE WHEN {} THEN {ARRAY} ELSE {rank} END)", has_array_in(column, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fields(filter: Value) -> Vec<(String, usize)> {
        let ranges = ranges(&Filter::from_json(&filter).unwrap());
        ranges.into_iter().map(|range| (range.path.to_string(), range.bounds.len())).collect()
    }

    #[test]
    fn lists_of_strings_are_looked_for_one_by_one() {
        let lists =
            |filter: Value| ranges(&Filter::from_json(&filter).unwrap()).into_iter().map(|range| range.lists).collect::<Vec<_>>();
        assert_eq!(lists(json!({"a": {"$in": ["x", "y"]}, "b": "x"})), [[["x", "y"]]]);
        for filter in [
            json!({"a": {"$in": ["x", 1]}}),
            json!({"a": {"$in": ["x", null]}}),
            json!({"a": {"$nin": ["x"]}}),
            json!({"a": {"$in": []}}),
        ] {
            assert!(lists(filter.clone()).is_empty(), "{filter}");
        }
    }

    #[test]
    fn bounds_of_the_conjunction_are_found_field_by_field() {
        assert_eq!(fields(json!({"a": {"$gt": 1, "$lte": 5}, "b": "x"})), [("a".into(), 2)]);
        assert_eq!(fields(json!({"$and": [{"a.b": {"$gte": "x"}}, {"c": {"$lt": 2.5}}]})), [("a.b".into(), 1), ("c".into(), 1)]);
        for filter in
            [json!({"$or": [{"a": {"$gt": 1}}, {"b": 2}]}), json!({"a": {"$not": {"$gt": 1}}}), json!({"a.0": {"$gt": 1}})]
        {
            assert_eq!(fields(filter.clone()), [], "{filter}");
        }
    }
}
