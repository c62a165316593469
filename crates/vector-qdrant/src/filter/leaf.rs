//! One predicate on the keys that its path stands for.

use super::logic::{Judged, Tri, is, or};
use crate::payload::native;
use mastra_core::{
    filter::{Bound, Comparison, Predicate},
    number::Number,
};
use qdrant_client::qdrant::{
    Condition, FieldCondition, Match, Range, RepeatedIntegers, RepeatedStrings, ValuesCount, condition::ConditionOneOf,
    r#match::MatchValue, value::Kind,
};
use serde_json::Value;
use std::cmp::Ordering;

/// Whole numbers below this are floats without loss.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// `plain`: the path is one key of the metadata itself, where a value is there or is not.
pub(super) fn judge(keys: &[String], plain: bool, predicate: &Predicate) -> Judged {
    match predicate {
        Predicate::Eq(value) => equal(keys, plain, value),
        Predicate::In(items) => one_of(keys, plain, items),
        Predicate::All(items) if items.is_empty() => Judged::exact(Tri::No, false),
        Predicate::All(items) => Judged::and(items.iter().map(|item| equal(keys, plain, item)).collect()),
        Predicate::Compare(comparison, Bound::Number(bound)) => compare(keys, *comparison, bound),
        Predicate::Size(size) => sized(keys, *size),
        // An empty list is there, and Qdrant takes it for nothing.
        Predicate::Exists => Judged::between(or(vec![state(keys, State::Filled), state(keys, State::Null)]), Tri::Yes, false),
        _ => Judged::unknown(),
    }
}

fn equal(keys: &[String], plain: bool, value: &Value) -> Judged {
    match value {
        Value::String(text) => any(keys, &MatchValue::Keyword(text.clone()), false),
        Value::Bool(flag) => any(keys, &MatchValue::Boolean(*flag), false),
        Value::Number(number) => match native(number) {
            Some(Kind::IntegerValue(whole)) => any(keys, &MatchValue::Integer(whole), true),
            Some(Kind::DoubleValue(float)) => {
                let range = Range { gte: Some(float), lte: Some(float), ..Range::default() };
                Judged::exact(ranged(keys, range), true)
            }
            // No number that Qdrant has.
            _ => Judged::exact(Tri::No, true),
        },
        Value::Null => {
            let null = state(keys, State::Null);
            // Of a longer path any branch may miss.
            let upper = if plain { or(vec![null.clone(), state(keys, State::Empty)]) } else { Tri::Yes };
            Judged::between(null, upper, false)
        }
        Value::Array(_) | Value::Object(_) => Judged::unknown(),
    }
}

/// Words and whole numbers go together.
fn one_of(keys: &[String], plain: bool, items: &[Value]) -> Judged {
    let (mut strings, mut integers, mut list) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match item {
            Value::String(text) => strings.push(text.clone()),
            Value::Number(number) => match native(number) {
                Some(Kind::IntegerValue(whole)) => integers.push(whole),
                _ => list.push(equal(keys, plain, item)),
            },
            _ => list.push(equal(keys, plain, item)),
        }
    }
    if !strings.is_empty() {
        list.push(any(keys, &MatchValue::Keywords(RepeatedStrings { strings }), false));
    }
    if !integers.is_empty() {
        list.push(any(keys, &MatchValue::Integers(RepeatedIntegers { integers }), true));
    }
    Judged::or(list)
}

/// Qdrant compares as floats. A float is the decimal that is nearest to it, so between the bound and its own float there is no number.
fn compare(keys: &[String], comparison: Comparison, bound: &Number) -> Judged {
    let float = bound.as_f64().unwrap_or_else(|| if *bound < Number::from(0) { f64::MIN } else { f64::MAX });
    let (open, closed) = match comparison {
        Comparison::Gt | Comparison::Gte => {
            (Range { gt: Some(float), ..Range::default() }, Range { gte: Some(float), ..Range::default() })
        }
        Comparison::Lt | Comparison::Lte => {
            (Range { lt: Some(float), ..Range::default() }, Range { lte: Some(float), ..Range::default() })
        }
    };
    if float.abs() >= EXACT {
        // Whole numbers beyond are rounded, never past each other.
        return Judged::between(ranged(keys, open), ranged(keys, closed), true);
    }
    // Whether the number that the float stands for is in.
    let own = Number::try_from(float).map_or(Ordering::Equal, |own| own.cmp(bound));
    Judged::exact(ranged(keys, if comparison.accepts(own) { closed } else { open }), true)
}

/// A value alone counts as one, and null and what is missing as none: from two on it is a list.
fn sized(keys: &[String], size: u64) -> Judged {
    let count = ValuesCount { gte: Some(size), lte: Some(size), ..ValuesCount::default() };
    let condition = or(keys.iter().map(|key| is(field(FieldCondition { values_count: Some(count), ..on(key) }))).collect());
    if size >= 2 { Judged::exact(condition, false) } else { Judged::between(Tri::No, condition, false) }
}

fn any(keys: &[String], value: &MatchValue, numbers: bool) -> Judged {
    Judged::exact(or(keys.iter().map(|key| is(matching(key.clone(), value.clone()))).collect()), numbers)
}

fn ranged(keys: &[String], range: Range) -> Tri {
    or(keys.iter().map(|key| is(field(FieldCondition { range: Some(range), ..on(key) }))).collect())
}

#[derive(Clone, Copy)]
enum State {
    /// Missing, null, or an empty list.
    Empty,
    /// There, and none of these.
    Filled,
    /// Null, or a list with one.
    Null,
}

/// As parts of a field condition these say the same with an index and without one.
fn state(keys: &[String], state: State) -> Tri {
    let one = |key: &String| {
        let condition = match state {
            State::Empty => FieldCondition { is_empty: Some(true), ..on(key) },
            State::Filled => FieldCondition { is_empty: Some(false), ..on(key) },
            State::Null => FieldCondition { is_null: Some(true), ..on(key) },
        };
        is(field(condition))
    };
    or(keys.iter().map(one).collect())
}

fn on(key: &str) -> FieldCondition {
    FieldCondition { key: key.to_owned(), ..FieldCondition::default() }
}

fn field(condition: FieldCondition) -> Condition {
    Condition { condition_one_of: Some(ConditionOneOf::Field(condition)) }
}

pub(crate) fn matching(key: String, value: MatchValue) -> Condition {
    field(FieldCondition { r#match: Some(Match { match_value: Some(value) }), key, ..FieldCondition::default() })
}

/// There is nothing under the key.
pub(crate) fn empty(key: String) -> Condition {
    field(FieldCondition { is_empty: Some(true), key, ..FieldCondition::default() })
}
