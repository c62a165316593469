//! Laws that hold of every filter, number and value.

#![allow(clippy::unwrap_used)]

use mastra_core::filter::{Bound, Comparison, Filter, FilterLimits, Members, Pattern, Predicate};
use mastra_core::number::{Number, compare_numbers, values_equal};
use mastra_core::sort::{Direction, compare};
use mastra_core::{ErrorKind, Path};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Numbers in many spellings, close to one another.
fn number_text() -> impl Strategy<Value = String> {
    let mantissa = prop_oneof![
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,3})?",
        "-?900719925474099[0-9](\\.0)?",
        "-?(9223372036854775807|9223372036854775808|18446744073709551615)",
    ];
    (mantissa, prop_oneof![3 => Just(String::new()), 1 => "[eE][+-]?[0-3]"]).prop_map(|(mantissa, exponent)| mantissa + &exponent)
}

/// Only what serde_json reads back from its own text: without `float_roundtrip` or `arbitrary_precision` it errs on some floats.
fn number() -> impl Strategy<Value = Number> {
    let read = |text: &str| serde_json::from_str::<Number>(text).unwrap();
    number_text()
        .prop_map(move |text| read(&text))
        .prop_filter("read back", move |number| read(&number.to_string()) == *number && read(&number.canonical()) == *number)
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "0", "1", "$x", "a.b", "é"]).prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (0..4_i64).prop_map(Value::from),
        number().prop_map(Value::from),
        prop::sample::select(vec!["", "a", "A", "ab", "é", "É", "1", "\u{212A}", "ſ"]).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..3).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), value()), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect()))
}

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(key(), 1..3).prop_map(|keys| Path::from_segments(keys).unwrap())
}

fn item() -> impl Strategy<Value = Value> {
    value().prop_filter("no operators inside lists", |value| {
        value.as_object().is_none_or(|map| map.keys().all(|key| !key.starts_with('$')))
    })
}

fn scalar_predicate() -> impl Strategy<Value = Predicate> {
    let comparison = prop::sample::select(vec![Comparison::Gt, Comparison::Gte, Comparison::Lt, Comparison::Lte]);
    let bound = prop_oneof![number().prop_map(Bound::Number), "[aAéz]{0,2}".prop_map(Bound::String)];
    prop_oneof![
        4 => value().prop_map(Predicate::Eq),
        2 => prop::collection::vec(item(), 0..3).prop_map(Predicate::In),
        1 => prop::collection::vec(item(), 0..3).prop_map(Predicate::All),
        2 => (comparison, bound).prop_map(|(comparison, bound)| Predicate::Compare(comparison, bound)),
        1 => (0..3_u64).prop_map(Predicate::Size),
        1 => Just(Predicate::Exists),
        1 => ("[aAé]{0,2}", "[imsx]{0,2}").prop_map(|(source, flags)| Predicate::Regex(Pattern::new(source, &flags).unwrap())),
        1 => "[aAéÉkſ]{0,2}".prop_map(Predicate::Contains),
    ]
}

fn field(path: Path, predicate: Predicate) -> Filter {
    Filter::Field { path, predicate }
}

/// What an operator object can hold: one condition on the member, or its negation.
fn member_filter() -> impl Strategy<Value = Filter> {
    (scalar_predicate(), 0..3_u8)
        .prop_map(|(predicate, negations)| (0..negations).fold(field(Path::this(), predicate), |f, _| Filter::Not(Box::new(f))))
}

/// Any tree that the parser can give.
fn filter() -> impl Strategy<Value = Filter> {
    let any_member =
        (path(), member_filter()).prop_map(|(path, inner)| field(path, Predicate::ElemMatch(Members::Any, Box::new(inner))));
    let leaf =
        prop_oneof![4 => (path(), scalar_predicate()).prop_map(|(path, predicate)| field(path, predicate)), 1 => any_member];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.clone().prop_map(|inner| Filter::Not(Box::new(inner))),
            (path(), inner).prop_map(|(path, inner)| field(path, Predicate::ElemMatch(Members::Objects, Box::new(inner)))),
        ]
    })
}

fn hash(number: &Number) -> u64 {
    let mut hasher = DefaultHasher::new();
    number.hash(&mut hasher);
    hasher.finish()
}

/// Keys in the other order and numbers in another spelling: the same value to every law.
fn respelled(value: &Value) -> Value {
    match value {
        Value::Number(number) => serde_json::from_str(&Number::from(number.clone()).canonical()).unwrap(),
        Value::Array(items) => items.iter().map(respelled).collect(),
        Value::Object(map) => map.iter().rev().map(|(key, value)| (key.clone(), respelled(value))).collect(),
        plain => plain.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn serializing_then_parsing_is_the_identity(filter in filter()) {
        let json = filter.to_json().unwrap();
        prop_assert_eq!(&Filter::from_json(&json).unwrap(), &filter);
        prop_assert_eq!(&Filter::from_json_str(&json.to_string()).unwrap(), &filter);
        prop_assert_eq!(&serde_json::from_value::<Filter>(json).unwrap(), &filter);
        prop_assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&filter).unwrap()).unwrap(), filter);
    }

    #[test]
    fn what_fits_the_limits_fits_them_again(filter in filter(), depth in 0..5_usize, nodes in 0..12_usize) {
        let limits = FilterLimits { depth, nodes };
        let json = filter.to_json().unwrap();
        if let Ok(parsed) = Filter::from_json_with_limits(&json, limits) {
            prop_assert!(Filter::from_json_with_limits(&parsed.to_json().unwrap(), limits).is_ok());
        }
    }

    #[test]
    fn negation_is_the_complement(filter in filter(), document in document()) {
        let matched = filter.matches(&document);
        prop_assert_eq!(filter.clone().matcher().matches(&document), matched);
        prop_assert_eq!(Filter::Not(Box::new(filter.clone())).matches(&document), !matched);
        prop_assert_eq!((!filter.clone()).matches(&document), !matched);
        prop_assert_eq!((filter.clone() & Filter::all()).matches(&document), matched);
        prop_assert_eq!((filter.clone() | Filter::none()).matches(&document), matched);
        prop_assert!(!(filter.clone() & !filter.clone()).matches(&document));
        prop_assert!((filter.clone() | !filter).matches(&document));
    }

    #[test]
    fn trivial_filters_are_what_they_say(filter in filter(), document in document()) {
        if filter.is_trivially_true() {
            prop_assert!(filter.matches(&document));
        }
        if filter.is_trivially_false() {
            prop_assert!(!filter.matches(&document));
        }
    }

    #[test]
    fn spelling_changes_no_answer(filter in filter(), document in document()) {
        let other = Filter::from_json(&respelled(&filter.to_json().unwrap())).unwrap();
        prop_assert_eq!(&other, &filter);
        prop_assert_eq!(other.matches(&respelled(&document)), filter.matches(&document));
        prop_assert_eq!(other.fingerprint(), filter.fingerprint());
    }

    #[test]
    fn lists_are_what_single_equalities_add_up_to(path in path(), items in prop::collection::vec(item(), 0..3), document in document()) {
        let each: Vec<Filter> = items.iter().map(|item| field(path.clone(), Predicate::Eq(item.clone()))).collect();
        prop_assert_eq!(Filter::is_in(&path, items.clone()).unwrap().matches(&document), Filter::or(each.clone()).matches(&document));
        let every = !items.is_empty() && Filter::and(each).matches(&document);
        prop_assert_eq!(Filter::all_of(&path, items).unwrap().matches(&document), every);
    }

    #[test]
    fn a_fingerprint_ignores_the_order_of_conditions(first in filter(), second in filter()) {
        let (forward, backward) = (Filter::And(vec![first.clone(), second.clone()]), Filter::And(vec![second.clone(), first.clone()]));
        prop_assert_eq!(forward.fingerprint(), backward.fingerprint());
        prop_assert_ne!(Filter::Or(vec![first.clone(), second.clone()]).fingerprint(), forward.fingerprint());
        prop_assert_ne!(Filter::Not(Box::new(first.clone())).fingerprint(), first.fingerprint());
    }

    #[test]
    fn equality_of_values_is_an_equivalence(a in value(), b in value(), c in value()) {
        let same = respelled(&a);
        prop_assert!(values_equal(&a, &a));
        prop_assert!(values_equal(&a, &same) && values_equal(&same, &a));
        prop_assert_eq!(values_equal(&a, &b), values_equal(&b, &a));
        prop_assert_eq!(values_equal(&a, &b), values_equal(&same, &b));
        if values_equal(&a, &b) && values_equal(&b, &c) {
            prop_assert!(values_equal(&a, &c));
        }
    }

    #[test]
    fn numbers_are_totally_ordered(a in number(), b in number(), c in number()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b), compare_numbers(a.as_json_number(), b.as_json_number()));
        prop_assert_eq!(a == b, a.canonical() == b.canonical());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        if a == b {
            prop_assert_eq!(hash(&a), hash(&b));
            prop_assert_eq!(a.cmp(&c), b.cmp(&c));
            prop_assert_eq!((a.as_i64(), a.as_u64(), a.to_plain()), (b.as_i64(), b.as_u64(), b.to_plain()));
        }
    }

    #[test]
    fn spellings_of_a_number_read_back_as_it(number in number()) {
        let reads = |text: &str| serde_json::from_str::<Number>(text).unwrap() == number;
        prop_assert!(reads(&number.canonical()));
        prop_assert!(reads(&number.to_string()));
        prop_assert!(reads(&serde_json::to_string(&number).unwrap()));
        if let Some(integer) = number.as_i64() {
            prop_assert_eq!(Number::from(integer), number.clone());
        }
        let plain = number.to_plain().unwrap();
        prop_assert!(!plain.contains(['e', 'E']));
        if cfg!(feature = "arbitrary-precision") {
            prop_assert!(reads(&plain));
        }
    }

    #[test]
    fn the_sort_order_is_total(a in prop::option::of(value()), b in prop::option::of(value()), c in prop::option::of(value())) {
        for direction in [Direction::Ascending, Direction::Descending] {
            let order = |left: &Option<Value>, right: &Option<Value>| compare(left.as_ref(), right.as_ref(), direction);
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert!(order(&a, &a).is_eq());
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
            if a.is_none() && b.is_some() {
                prop_assert!(order(&a, &b).is_gt());
            }
        }
    }

    #[test]
    fn the_parser_never_panics(filter in value(), operator in "\\$(eq|ne|gt|in|nin|all|size|exists|regex|options|contains|elemMatch|and|or|nor|not|x)") {
        for json in [filter.clone(), json!({operator.clone(): filter.clone()}), json!({"a": {operator.clone(): filter.clone()}}),
            json!({"a": {"$elemMatch": {operator.clone(): filter.clone()}}}), json!({"a": {"$not": {operator: filter}}})]
        {
            match Filter::from_json(&json) {
                Ok(filter) => prop_assert_eq!(Filter::from_json(&filter.to_json().unwrap()).unwrap(), filter),
                Err(error) => prop_assert_eq!(error.kind(), ErrorKind::InvalidInput),
            }
        }
    }
}

#[test]
fn trees_without_a_form_of_their_own_have_an_equivalent_or_are_refused() {
    let this = |predicate| field(Path::this(), predicate);
    let greater = || this(Predicate::Compare(Comparison::Gt, 5.into()));
    let less = || this(Predicate::Compare(Comparison::Lt, 2.into()));
    let any = |inner| Filter::elem_match("a", Members::Any, inner).unwrap();
    let dollar = || vec![json!({"$x": 1}), json!(2)];
    let documents = [
        json!({}),
        json!({"a": 3}),
        json!({"a": [3]}),
        json!({"a": [9]}),
        json!({"a": []}),
        json!({"a": [{"$x": 1}, 2]}),
        json!({"a": {"$x": 1}}),
    ];
    for tree in [
        any(Filter::Or(vec![greater(), less()])),
        !any(Filter::Or(vec![greater(), less()])),
        any(Filter::all()),
        any(Filter::none()),
        any(Filter::And(vec![Filter::And(vec![greater()]), this(Predicate::Exists)])),
        Filter::is_in("a", dollar()).unwrap(),
        Filter::not_in("a", dollar()).unwrap(),
        Filter::all_of("a", dollar()).unwrap(),
        Filter::elem_match("a", Members::Objects, Filter::all()).unwrap(),
        Filter::elem_match("a", Members::Objects, !Filter::all()).unwrap(),
    ] {
        let json = tree.to_json().unwrap();
        let back = Filter::from_json(&json).unwrap();
        for document in &documents {
            assert_eq!(back.matches(document), tree.matches(document), "{json} on {document}");
        }
    }
    for tree in [any(!greater() & !less()), any(greater() & greater()), any((greater() | less()) & greater()), greater()] {
        assert_eq!(tree.to_json().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(serde_json::to_value(&tree).is_err());
        assert_eq!(tree.fingerprint().len(), 16);
    }
}
