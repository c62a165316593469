//! The sort key of a field: one SQL value whose order is the order of values.
//!
//! SQLite sorts numbers before texts before blobs, and NULL apart. Numbers and strings are their own keys, every other type is a
//! blob of one byte, and a missing field is NULL, which `NULLS LAST` puts behind the rest in both directions. Where a row is one
//! that SQL can judge, keys compare exactly as core's sort points do.

use crate::{
    args::Args,
    filter::{document_path, number, operator, prefixes},
    finish::is_exact,
};
use mastra_core::{
    Path, SortPoint,
    filter::{Bound, Comparison, Predicate},
    path::array_index,
};
use serde_json::Value;

const FALSE: &str = "x'00'";
const TRUE: &str = "x'01'";
const NULL: &str = "x'02'";
const ARRAY: &str = "x'03'";
const OBJECT: &str = "x'04'";

/// The key of a field of `data`, as an expression; none where SQL cannot find what core finds there.
///
/// An index's expression has to be spelled as a query spells it, so both are written here.
pub(crate) fn expression(data: &str, path: &Path) -> Option<String> {
    // A position in an array is a key in an object: core decides by what it meets.
    if path.segments().iter().any(|segment| array_index(segment).is_some()) {
        return None;
    }
    let literal = document_path(path.segments())?;
    let value = format!("json_extract({data}, {literal})");
    Some(format!(
        "CASE json_type({data}, {literal}) WHEN 'integer' THEN {value} WHEN 'real' THEN {value} WHEN 'text' THEN {value} \
         WHEN 'false' THEN {FALSE} WHEN 'true' THEN {TRUE} WHEN 'null' THEN {NULL} WHEN 'array' THEN {ARRAY} WHEN 'object' THEN {OBJECT} END"
    ))
}

/// A condition that a filter's walk along the path meets an array, so that the key does not tell what the filter asks.
pub(crate) fn branches(data: &str, path: &Path) -> Option<String> {
    let leaf = document_path(path.segments())?;
    let all = prefixes(path)?.into_iter().chain([leaf]).map(|literal| format!("json_type({data}, {literal}) = 'array'"));
    Some(format!("({})", all.collect::<Vec<_>>().join(" OR ")))
}

/// The key of a sort point, bound; none for a missing one, whose key is NULL, or for one that SQL cannot hold.
pub(crate) fn point(point: &SortPoint, args: &mut Args) -> Option<String> {
    Some(match point {
        SortPoint::Number(value) if is_exact(value.as_json_number()) => number(value.as_json_number(), args),
        SortPoint::Number(_) | SortPoint::Missing => return None,
        SortPoint::String(text) => args.bind(text.as_str()),
        SortPoint::Boolean(false) => FALSE.to_owned(),
        SortPoint::Boolean(true) => TRUE.to_owned(),
        SortPoint::Null => NULL.to_owned(),
        SortPoint::Array => ARRAY.to_owned(),
        SortPoint::Object => OBJECT.to_owned(),
    })
}

/// How many values an index is asked for one by one; more are looked for row by row. A batch of derived data asks for some hundreds.
const MOST_VALUES: usize = 1_000;

/// What a predicate asks of a key that no array stands before, as a condition that an index on the key serves, and how narrow it
/// is. NULL counts as false, so it stands in a WHERE clause only.
pub(crate) fn condition(key: &str, predicate: &Predicate, args: &mut Args) -> Option<(Narrow, String)> {
    let single = |value: &Value, args: &mut Args| {
        Some(match value {
            Value::String(text) => args.bind(text.as_str()),
            Value::Number(value) if is_exact(value) => number(value, args),
            Value::Bool(true) => TRUE.to_owned(),
            Value::Bool(false) => FALSE.to_owned(),
            _ => return None,
        })
    };
    match predicate {
        Predicate::Eq(value) => Some((Narrow::One, format!("{key} = {}", single(value, args)?))),
        Predicate::In(values) if !values.is_empty() && values.len() <= MOST_VALUES => {
            let all = values.iter().map(|value| single(value, args)).collect::<Option<Vec<_>>>()?;
            Some((Narrow::Several, format!("{key} IN ({})", all.join(", "))))
        }
        Predicate::Compare(comparison, bound) => {
            let operator = operator(*comparison);
            let upward = matches!(comparison, Comparison::Gt | Comparison::Gte);
            let condition = match bound {
                Bound::Number(bound) if !is_exact(bound.as_json_number()) => return None,
                Bound::Number(bound) => {
                    let bound = number(bound.as_json_number(), args);
                    if upward { format!("{key} {operator} {bound} AND {key} < ''") } else { format!("{key} {operator} {bound}") }
                }
                Bound::String(text) => {
                    let bound = args.bind(text.as_str());
                    if upward {
                        format!("{key} {operator} {bound} AND {key} < x''")
                    } else {
                        format!("{key} >= '' AND {key} {operator} {bound}")
                    }
                }
            };
            Some((Narrow::Range, condition))
        }
        _ => None,
    }
}

/// How much of an index a condition reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Narrow {
    /// One value.
    One,
    /// A few values.
    Several,
    /// A range of values.
    Range,
}
