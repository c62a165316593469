//! A short name for what a filter asks.

use super::ast::{Bound, Filter, Predicate};
use crate::number::canonical_number;
use serde_json::Value;

impl Filter {
    /// A short hex string that cursors and plan caches are bound to.
    ///
    /// The same for filters that differ only in the order of conditions, list items and object keys, or in the spelling of
    /// numbers; other filters have others. Stable across builds and machines.
    ///
    /// ```
    /// use mastra_core::Filter;
    /// use serde_json::json;
    ///
    /// let first = Filter::from_json(&json!({"$and": [{"a": 1}, {"b": {"$in": ["x", "y"]}}]}))?;
    /// let second = Filter::from_json(&json!({"$and": [{"b": {"$in": ["y", "x"]}}, {"a": 1.0}]}))?;
    /// assert_eq!(first.fingerprint(), second.fingerprint());
    /// assert_ne!(first.fingerprint(), Filter::all().fingerprint());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn fingerprint(&self) -> String {
        crate::hash::short(&canonical(self).to_string())
    }
}

/// The tree as nested lists, each node led by its name, in one order and one spelling.
///
/// Not the Mongo-style form: a tree put together by hand may have none.
fn canonical(filter: &Filter) -> Value {
    match filter {
        Filter::And(filters) => node("and", sorted(filters.iter().map(canonical))),
        Filter::Or(filters) => node("or", sorted(filters.iter().map(canonical))),
        Filter::Not(inner) => node("not", vec![canonical(inner)]),
        Filter::Field { path, predicate } => {
            let mut parts = vec![Value::from(path.segments())];
            parts.push(canonical_predicate(predicate));
            node("field", parts)
        }
    }
}

fn canonical_predicate(predicate: &Predicate) -> Value {
    match predicate {
        Predicate::Eq(value) => node("eq", vec![canonical_value(value)]),
        Predicate::In(items) => node("in", sorted(items.iter().map(canonical_value))),
        Predicate::All(items) => node("all", sorted(items.iter().map(canonical_value))),
        Predicate::Compare(comparison, bound) => {
            let bound = match bound {
                Bound::Number(number) => node("number", vec![number.canonical().into()]),
                Bound::String(text) => node("string", vec![text.as_str().into()]),
            };
            node("compare", vec![format!("{comparison:?}").into(), bound])
        }
        Predicate::Size(size) => node("size", vec![(*size).into()]),
        Predicate::Exists => node("exists", Vec::new()),
        Predicate::Regex(pattern) => node("regex", vec![pattern.source().into(), pattern.options().into()]),
        Predicate::Contains(text) => node("contains", vec![text.as_str().into()]),
        Predicate::ElemMatch(members, inner) => node("elem_match", vec![format!("{members:?}").into(), canonical(inner)]),
    }
}

/// Numbers in canonical spelling and objects as sorted pairs, whatever serde_json's features.
fn canonical_value(value: &Value) -> Value {
    match value {
        Value::Number(number) => node("number", vec![canonical_number(number).into()]),
        Value::Array(items) => node("array", items.iter().map(canonical_value).collect()),
        Value::Object(map) => {
            let pair = |(key, value): (&String, &Value)| node(key, vec![canonical_value(value)]);
            node("object", sorted(map.iter().map(pair)))
        }
        plain => plain.clone(),
    }
}

fn node(name: &str, parts: Vec<Value>) -> Value {
    let mut list = vec![Value::from(name)];
    list.extend(parts);
    Value::Array(list)
}

fn sorted(parts: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut parts: Vec<Value> = parts.collect();
    parts.sort_by_cached_key(Value::to_string);
    parts
}
