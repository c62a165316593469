//! Tests of one value.

use super::node::Node;
use crate::quote::jsonpath_string;
use mastra_core::{
    filter::{Bound, Comparison},
    number::Number,
};
use serde_json::Value;

/// The most values inside one that are compared by jsonpath.
const MOST_VALUES: usize = 2_000;

/// Whether the value at `at`, a path that leads to one value at most, equals `expected`.
pub(super) fn equals(at: &str, expected: &Value) -> Node {
    if count(expected, MOST_VALUES) == 0 {
        return typed(at, type_name(expected)).too_wide();
    }
    equal(at, expected)
}

fn equal(at: &str, expected: &Value) -> Node {
    let is_type = typed(at, type_name(expected));
    match expected {
        Value::Null => is_type,
        Value::Bool(value) => Node::and([Node::when(format!("{at} == {value}")), is_type]),
        Value::Number(number) => match Number::from(number.clone()).to_plain() {
            Some(plain) => Node::and([Node::when(format!("{at} == {plain}")), is_type]),
            None => is_type.too_wide(),
        },
        Value::String(text) if text.contains('\0') => Node::NEVER,
        Value::String(text) => Node::and([Node::when(format!("{at} == {}", jsonpath_string(text))), is_type]),
        Value::Array(items) => {
            let size = Node::when(format!("{at}.size() == {}", items.len()));
            let items = items.iter().enumerate().map(|(index, item)| equal(&format!("{at}[{index}]"), item));
            Node::and([is_type, size].into_iter().chain(items))
        }
        Value::Object(map) => {
            if map.keys().any(|key| key.contains('\0')) {
                return Node::NEVER;
            }
            let other_key = Node::and(map.keys().map(|key| Node::when(format!("@.key != {}", jsonpath_string(key)))));
            let no_other_key = other_key.of_some(&format!("{at}.keyvalue()")).negate();
            let members = map.iter().map(|(key, value)| equal(&format!("{at}.{}", jsonpath_string(key)), value));
            Node::and([is_type, no_other_key].into_iter().chain(members))
        }
    }
}

/// Whether the value at `at` is of the bound's type and stands so to it.
pub(super) fn compares(at: &str, comparison: Comparison, bound: &Bound) -> Node {
    match bound {
        Bound::Number(number) => {
            let is_number = typed(at, "number");
            match number.to_plain() {
                Some(plain) => Node::and([Node::when(format!("{at} {} {plain}", operator(comparison))), is_number]),
                None => is_number.too_wide(),
            }
        }
        Bound::String(text) => {
            // Stored strings hold no U+0000: what lies between the text before it and the whole is empty but for that text.
            let (text, comparison) = match (text.split_once('\0'), comparison) {
                (None, _) => (text.as_str(), comparison),
                (Some((before, _)), Comparison::Gt | Comparison::Gte) => (before, Comparison::Gt),
                (Some((before, _)), Comparison::Lt | Comparison::Lte) => (before, Comparison::Lte),
            };
            let compare = Node::when(format!("{at} {} {}", operator(comparison), jsonpath_string(text)));
            Node::and([compare, typed(at, "string")])
        }
    }
}

/// Whether the value at `at` is of that type. Beside a comparison it keeps jsonpath from answering for the members of an array;
/// it stands behind it, since it costs twice as much, and most rows are through with the comparison.
pub(super) fn typed(at: &str, type_name: &str) -> Node {
    Node::when(format!("{at}.type() == \"{type_name}\""))
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

const fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Gt => ">",
        Comparison::Gte => ">=",
        Comparison::Lt => "<",
        Comparison::Lte => "<=",
    }
}

/// What is left of `budget` after each value inside took one.
fn count(value: &Value, budget: usize) -> usize {
    let budget = budget.saturating_sub(1);
    match value {
        Value::Array(items) => items.iter().fold(budget, |budget, item| count(item, budget)),
        Value::Object(map) => map.values().fold(budget, |budget, item| count(item, budget)),
        _ => budget,
    }
}
