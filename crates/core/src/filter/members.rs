//! Large lists of `$in`, sorted once and searched by halves.

use super::ast::{Filter, Predicate};
use crate::{number::compare_numbers, sort::Rank};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// The longest list that is as soon read through.
const SHORT: usize = 16;

/// Sorts every long list of the filter, which asks the same afterwards.
pub(super) fn sort(filter: &mut Filter) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter_mut().for_each(sort),
        Filter::Not(inner) | Filter::Field { predicate: Predicate::ElemMatch(_, inner), .. } => sort(inner),
        Filter::Field { predicate: Predicate::In(items), .. } if items.len() > SHORT => items.sort_by(compare),
        Filter::Field { .. } => {}
    }
}

/// Whether a list that [`sort`] has seen holds the value.
pub(super) fn holds(items: &[Value], value: &Value) -> bool {
    if items.len() > SHORT {
        items.binary_search_by(|item| compare(item, value)).is_ok()
    } else {
        items.iter().any(|item| compare(item, value).is_eq())
    }
}

/// A total order in which exactly the equal are equal, whatever the order of keys and the spelling of numbers.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Array(left), Value::Array(right)) => {
            let members = left.iter().zip(right).map(|(left, right)| compare(left, right));
            first_difference(members).then(left.len().cmp(&right.len()))
        }
        (Value::Object(left), Value::Object(right)) => {
            let pairs = pairs(left).into_iter().zip(pairs(right));
            let members = pairs.map(|((key, value), (other, at_other))| key.cmp(other).then_with(|| compare(value, at_other)));
            first_difference(members).then(left.len().cmp(&right.len()))
        }
        _ => Rank::of(Some(left)).cmp(&Rank::of(Some(right))),
    }
}

/// By key: serde_json may keep the order in which they were read.
fn pairs(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut pairs: Vec<_> = map.iter().collect();
    pairs.sort_by_key(|(key, _)| *key);
    pairs
}

fn first_difference(mut members: impl Iterator<Item = Ordering>) -> Ordering {
    members.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::values_equal;
    use serde_json::json;
    use std::time::{Duration, Instant};

    #[test]
    fn the_order_is_total_and_equal_means_equal() {
        let values = [
            json!(0),
            json!(-0.0),
            json!(1),
            json!(1.0),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_992.0),
            json!(""),
            json!("1"),
            json!("é"),
            json!(false),
            json!(true),
            json!(null),
            json!([]),
            json!([1]),
            json!([1.0]),
            json!([1, null]),
            json!([[]]),
            json!({}),
            json!({"a": 1}),
            json!({"a": 1.0}),
            json!({"b": 1}),
            json!({"a": 1, "b": 2}),
            json!({"b": 2, "a": 1}),
        ];
        for a in &values {
            for b in &values {
                assert_eq!(compare(a, b), compare(b, a).reverse(), "{a} {b}");
                assert_eq!(compare(a, b).is_eq(), values_equal(a, b), "{a} {b}");
                for c in &values {
                    assert!(compare(a, b).is_gt() || compare(b, c).is_gt() || compare(a, c).is_le(), "{a} {b} {c}");
                }
            }
        }
    }

    #[test]
    fn many_documents_meet_many_items_soon() {
        let mut items: Vec<Value> = (0..100_000).map(|at| json!(format!("id-{at}"))).collect();
        items.extend([json!([1, 2]), json!({"x": 1}), json!(7)]);
        let filter = Filter::is_in("a", items).unwrap();
        let found = |data: Value| (filter.matches(&data), data);
        let cases = [
            json!({"a": "id-99999"}),
            json!({"a": ["no", 7.0]}),
            json!({"a": [1, 2]}),
            json!({"a": {"x": 1}}),
            json!({}),
            json!({"a": "no"}),
        ];
        let expected: Vec<(bool, Value)> = cases.into_iter().map(found).collect();
        assert_eq!(expected.iter().filter(|(matches, _)| *matches).count(), 4);
        let began = Instant::now();
        let matcher = filter.matcher();
        for _ in 0..20_000 {
            assert!(expected.iter().all(|(matches, data)| matcher.matches(data) == *matches));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
