//! The evaluator against a second one, written from the law's words with lists of branches and no short cuts.

#![allow(clippy::unwrap_used)]

use mastra_core::Filter;
use mastra_core::filter::{Bound, Members, Predicate};
use mastra_core::number::{Number, values_equal};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Every branch, a missing one as `None`.
fn branches<'v>(value: &'v Value, path: &[String]) -> Vec<Option<&'v Value>> {
    let [key, rest @ ..] = path else { return vec![Some(value)] };
    let mut out = Vec::new();
    if let Value::Object(map) = value {
        return map.get(key).map_or(vec![None], |inner| branches(inner, rest));
    }
    if let Value::Array(items) = value {
        let at = items.iter().enumerate().find(|(at, _)| at.to_string() == *key);
        if let Some((_, member)) = at {
            out.extend(branches(member, rest));
        }
        for member in items.iter().filter(|member| member.is_object()) {
            match member.get(key) {
                Some(inner) => out.extend(branches(inner, rest)),
                None if at.is_none() => out.push(None),
                None => {}
            }
        }
    }
    if out.is_empty() { vec![None] } else { out }
}

/// The leaves, then their members where these count.
fn candidates<'v>(branches: &[Option<&'v Value>], member: bool) -> Vec<&'v Value> {
    let leaves: Vec<&Value> = branches.iter().flatten().copied().collect();
    let inside = leaves.iter().filter_map(|leaf| leaf.as_array()).flatten();
    if member { leaves.clone() } else { leaves.iter().copied().chain(inside).collect() }
}

fn naive(filter: &Filter, value: &Value, member: bool) -> bool {
    let (path, predicate) = match filter {
        Filter::And(filters) => return filters.iter().filter(|filter| !naive(filter, value, member)).count() == 0,
        Filter::Or(filters) => return filters.iter().filter(|filter| naive(filter, value, member)).count() > 0,
        Filter::Not(inner) => return !naive(inner, value, member),
        Filter::Field { path, predicate } => (path, predicate),
    };
    let branches = branches(value, path.segments());
    let tried = candidates(&branches, member);
    let equals = |expected: &Value| {
        tried.iter().any(|one| values_equal(one, expected)) || (expected.is_null() && branches.contains(&None))
    };
    let arrays: Vec<&Vec<Value>> = branches.iter().flatten().filter_map(|leaf| leaf.as_array()).collect();
    match predicate {
        Predicate::Eq(expected) => equals(expected),
        Predicate::In(items) => items.iter().any(equals),
        Predicate::All(items) => !items.is_empty() && items.iter().all(equals),
        Predicate::Compare(order, bound) => tried.iter().any(|one| match (one, bound) {
            (Value::Number(number), Bound::Number(bound)) => order.accepts(Number::from(number.clone()).cmp(bound)),
            (Value::String(text), Bound::String(bound)) => order.accepts(text.chars().cmp(bound.chars())),
            _ => false,
        }),
        Predicate::Size(size) => arrays.iter().any(|array| array.len() as u64 == *size),
        Predicate::Exists => branches.iter().any(Option::is_some),
        Predicate::Regex(pattern) => tried.iter().any(|one| one.as_str().is_some_and(|text| pattern.is_match(text))),
        Predicate::Contains(needle) => {
            let regex = regex::Regex::new(&format!("(?i){}", regex::escape(needle))).unwrap();
            tried.iter().any(|one| one.as_str().is_some_and(|text| regex.is_match(text)))
        }
        Predicate::ElemMatch(members, inner) => arrays.iter().copied().flatten().any(|one| match members {
            Members::Any => naive(inner, one, true),
            Members::Objects => one.is_object() && naive(inner, one, false),
        }),
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(1.0),
        json!(2.5),
        json!("1"),
        json!("a"),
        json!("Ab"),
        json!("é"),
    ])
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 3, |inner| {
        let key = prop::sample::select(vec!["a", "b", "0", "1"]).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key, inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn operators(path_like: bool) -> impl Strategy<Value = Value> {
    let list = || prop::collection::vec(value(), 0..3);
    let text = || prop::sample::select(vec!["", "a", "A", "b", "É", "1"]);
    let compare = prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]);
    let bound = prop::sample::select(vec![json!(0), json!(1), json!(2), json!("1"), json!("a")]);
    prop_oneof![
        2 => value().prop_map(|value| json!({"$eq": value})),
        1 => value().prop_map(|value| json!({"$ne": value})),
        1 => Just(json!({"$eq": null})),
        1 => list().prop_map(|items| json!({"$in": items})),
        1 => list().prop_map(|items| json!({"$nin": items})),
        1 => list().prop_map(|items| json!({"$all": items})),
        2 => (compare, bound).prop_map(|(operator, bound)| json!({operator: bound})),
        1 => (0..3).prop_map(|size| json!({"$size": size})),
        1 => any::<bool>().prop_map(|present| json!({"$exists": present})),
        1 => text().prop_map(|text| json!({"$contains": text})),
        1 => text().prop_map(|text| json!({"$regex": format!("^{text}"), "$options": "i"})),
    ]
    .prop_recursive(2, 4, 1, move |inner| {
        let field = prop::sample::select(vec!["a", "b", "0"]);
        prop_oneof![
            inner.clone().prop_map(|inner| json!({"$not": inner})),
            inner.clone().prop_map(|inner| json!({"$elemMatch": inner})),
            (field, inner).prop_map(move |(field, inner)| if path_like { json!({"$elemMatch": {field: inner}}) } else { inner }),
        ]
    })
}

fn condition() -> impl Strategy<Value = Value> {
    let path = prop::sample::select(vec!["a", "b", "a.b", "a.0", "a.1", "a.b.0", "a.0.b", "0", "a.a.a"]);
    (path, operators(true)).prop_map(|(path, operators)| json!({path: operators})).prop_recursive(2, 6, 3, |inner| {
        let logical = prop::sample::select(vec!["$and", "$or", "$nor"]);
        (logical, prop::collection::vec(inner, 0..3)).prop_map(|(operator, members)| json!({operator: members}))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_096, ..ProptestConfig::default() })]

    #[test]
    fn two_readings_of_the_law_agree(json in condition(), document in value()) {
        let filter = Filter::from_json(&json).unwrap();
        prop_assert_eq!(filter.matches(&document), naive(&filter, &document, false), "{} on {}", json, document);
        let under_a = json!({"a": document});
        prop_assert_eq!(filter.matches(&under_a), naive(&filter, &under_a, false), "{} on {}", json, under_a);
    }
}
