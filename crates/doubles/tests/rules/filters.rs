//! Conditions against every shape of a payload value, without an index.

use qdrant_client::qdrant::condition::ConditionOneOf;
use qdrant_client::qdrant::r#match::MatchValue;
use qdrant_client::qdrant::{
    Condition, DatetimeRange, FieldCondition, Filter, Match, NestedCondition, Range, Timestamp, ValuesCount,
};
use serde_json::{Value, json};
use tonic::Code;

use super::target::{Target, code};

/// Points 1 to 17.
pub(crate) fn shapes() -> Vec<Value> {
    vec![
        json!({ "k": "a" }),
        json!({ "k": ["a", "b"] }),
        json!({ "k": [] }),
        json!({ "k": null }),
        json!({}),
        json!({ "k": [null] }),
        json!({ "k": 1 }),
        json!({ "k": 1.0 }),
        json!({ "k": 1.5 }),
        json!({ "k": true }),
        json!({ "k": { "x": "a" } }),
        json!({ "k": [{ "x": "a" }, { "x": "b" }] }),
        json!({ "k": [["a"]] }),
        json!({ "k": "a b" }),
        json!({ "k": "2020-01-02T03:04:05Z" }),
        json!({ "k": [1, 2, 3] }),
        json!({ "k": "" }),
    ]
}

pub(crate) fn field(condition: FieldCondition) -> Filter {
    Filter::must([Condition { condition_one_of: Some(ConditionOneOf::Field(condition)) }])
}

pub(crate) fn key(key: &str) -> FieldCondition {
    FieldCondition { key: key.to_owned(), ..FieldCondition::default() }
}

pub(crate) fn must(condition: Condition) -> Filter {
    Filter::must([condition])
}

pub(crate) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

pub(crate) fn except(list: MatchValue) -> Filter {
    field(FieldCondition { r#match: Some(Match { match_value: Some(list) }), ..key("k") })
}

pub(crate) fn above(bound: f64) -> Range {
    Range { gt: Some(bound), ..Range::default() }
}

/// Seconds since 1970.
pub(crate) fn since(seconds: i64) -> DatetimeRange {
    DatetimeRange { gte: Some(Timestamp { seconds, nanos: 0 }), ..DatetimeRange::default() }
}

fn count(count: ValuesCount) -> Filter {
    must(Condition::values_count("k", count))
}

pub(crate) fn nested(key: &str, filter: Filter) -> Filter {
    let nested = NestedCondition { key: key.to_owned(), filter: Some(filter) };
    must(Condition { condition_one_of: Some(ConditionOneOf::Nested(nested)) })
}

#[tokio::test]
async fn matches_are_typed_and_look_into_one_list() {
    use MatchValue::{ExceptIntegers, ExceptKeywords};
    let target = Target::new().await;
    target.fill(shapes()).await;
    target
        .assert_table(vec![
            ("a keyword", must(Condition::matches("k", "a".to_owned())), &[1, 2]),
            ("the empty keyword", must(Condition::matches("k", String::new())), &[17]),
            ("an integer, which 1.0 is not", must(Condition::matches("k", 1)), &[7, 16]),
            ("a bool", must(Condition::matches("k", true)), &[10]),
            ("another bool", must(Condition::matches("k", false)), &[]),
            ("one of keywords", must(Condition::matches("k", words(&["a b", "b"]))), &[2, 14]),
            ("one of integers", must(Condition::matches("k", vec![1, 3])), &[7, 16]),
            ("one of nothing", must(Condition::matches("k", Vec::<String>::new())), &[]),
            (
                "other than keywords, of any type but null",
                except(ExceptKeywords(words(&["a"]).into())),
                &[2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            ),
            (
                "other than integers, 1.0 too",
                except(ExceptIntegers(vec![1].into())),
                &[1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            ),
            ("other than nothing", except(ExceptKeywords(words(&[]).into())), &[1, 2, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]),
            ("a text is a piece", must(Condition::matches_text("k", "a")), &[1, 2, 14]),
            ("with its case", must(Condition::matches_text("k", "A")), &[]),
            ("the empty text", must(Condition::matches_text("k", "")), &[1, 2, 14, 15, 17]),
            ("a phrase is a piece", must(Condition::matches_phrase("k", "a b")), &[14]),
            ("any of words", must(Condition::matches_text_any("k", "z b")), &[2, 14]),
        ])
        .await;
    let prefix = target.ids(must(Condition::matches_prefix("k", "a"))).await;
    if target.is_from(19).await {
        assert_eq!(prefix.unwrap(), [1, 2, 14]);
    } else {
        assert_eq!(code(prefix), Code::InvalidArgument, "it is a match of nothing there");
    }
    target.finish().await;
}

#[tokio::test]
async fn ranges_take_numbers_or_times() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    let range = |range: Range| must(Condition::range("k", range));
    target
        .assert_table(vec![
            ("greater", range(above(1.0)), &[9, 16]),
            ("at least", range(Range { gte: Some(1.0), ..Range::default() }), &[7, 8, 9, 16]),
            ("less", range(Range { lt: Some(1.5), ..Range::default() }), &[7, 8, 16]),
            ("at most", range(Range { lte: Some(1.5), ..Range::default() }), &[7, 8, 9, 16]),
            ("both bounds by one member", range(Range { gt: Some(1.2), lt: Some(1.8), ..Range::default() }), &[9]),
            ("not by two members", range(Range { gt: Some(2.2), lt: Some(2.8), ..Range::default() }), &[]),
            ("no bounds", range(Range::default()), &[7, 8, 9, 16]),
            ("a time", must(Condition::datetime_range("k", since(1_577_934_245))), &[15]),
            ("a later time", must(Condition::datetime_range("k", since(1_577_934_246))), &[]),
            ("times alone", must(Condition::datetime_range("k", DatetimeRange::default())), &[15]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn times_are_read_in_several_spellings() {
    let target = Target::new().await;
    let spellings = [
        "2020-01-02T03:04:05Z",
        "2020-01-02T04:04:05+01:00",
        "2020-01-02T04:04:05+0100",
        "2020-01-02 03:04:05",
        "2020-01-02T03:04:05.5",
        "2020-01-02T03:05",
        "2020-01-03",
        "02.01.2020",
        "2020-01",
        "2020-01-02 04:04:05 +01:00",
    ];
    target.fill(spellings.map(|time| json!({ "k": time }))).await;
    let earlier = DatetimeRange { lt: Some(Timestamp { seconds: 1_577_934_245, nanos: 0 }), ..DatetimeRange::default() };
    target
        .assert_table(vec![
            ("read", must(Condition::datetime_range("k", since(1_577_934_245))), &[1, 2, 3, 4, 5, 6, 7, 10]),
            ("none is earlier", must(Condition::datetime_range("k", earlier)), &[]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn counts_and_empty_and_null_look_at_the_whole_value() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    // A missing field has no values; before 1.19 it has no count of them.
    let without_values: &[u64] = if target.is_from(19).await { &[3, 4, 5] } else { &[3, 4] };
    let state = |is_empty: Option<bool>, is_null: Option<bool>| field(FieldCondition { is_empty, is_null, ..key("k") });
    target
        .assert_table(vec![
            (
                "some values",
                count(ValuesCount { gte: Some(1), ..ValuesCount::default() }),
                &[1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            ),
            ("no values", count(ValuesCount { lt: Some(1), ..ValuesCount::default() }), without_values),
            ("several values", count(ValuesCount { gt: Some(1), ..ValuesCount::default() }), &[2, 12, 16]),
            ("so many", count(ValuesCount { gte: Some(2), lte: Some(2), ..ValuesCount::default() }), &[2, 12]),
            ("empty", must(Condition::is_empty("k")), &[3, 4, 5]),
            ("null, which a list with null is not", must(Condition::is_null("k")), &[4]),
            ("the field is empty", state(Some(true), None), &[3, 4, 5]),
            ("the field is not empty", state(Some(false), None), &[1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]),
            ("the field is null, or has one", state(None, Some(true)), &[4, 6]),
            ("the field is not null", state(None, Some(false)), &[1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn keys_go_into_lists_only_where_they_say_so() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    let is = |key: &str, value: &str| Condition::matches(key, value.to_owned());
    target
        .assert_table(vec![
            ("an object's key", must(is("k.x", "a")), &[11]),
            ("each object's key", must(is("k[].x", "b")), &[12]),
            ("each member, and the list that it may be", must(is("k[]", "a")), &[2, 13]),
            ("one member", must(is("k[0]", "a")), &[2, 13]),
            ("another member", must(is("k[1]", "b")), &[2]),
            ("a member's key", must(is("k[1].x", "b")), &[12]),
            ("a quoted key", must(is("\"k\".\"x\"", "a")), &[11]),
            ("is empty, below", must(Condition::is_empty("k.x")), &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 17]),
            ("a nested filter", nested("k", must(is("x", "a"))), &[12]),
            ("its key may end with []", nested("k[]", must(is("x", "a"))), &[12]),
            ("on one object", nested("k", Filter::must([is("x", "a"), is("x", "b")])), &[]),
            ("without nesting, on several", Filter::must([is("k[].x", "a"), is("k[].x", "b")]), &[12]),
            ("not, inside", nested("k", Filter::must_not([is("x", "a")])), &[12]),
            (
                "not, outside",
                Filter::must_not([nested("k", must(is("x", "a"))).into()]),
                &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17],
            ),
            ("empty, inside", nested("k", must(Condition::is_empty("y"))), &[12]),
            ("ids match nothing inside", nested("k", must(Condition::has_id([12]))), &[]),
            ("nor do vectors", nested("k", must(Condition::has_vector(""))), &[]),
        ])
        .await;
    target.finish().await;
}

#[tokio::test]
async fn clauses_are_joined() {
    let target = Target::new().await;
    target.fill(shapes()).await;
    let a = || Condition::matches("k", "a".to_owned());
    let one = || Condition::matches("k", 1);
    let piece = || Condition::matches_text("k", "a");
    let several = || Condition::values_count("k", ValuesCount { gt: Some(1), ..ValuesCount::default() });
    let all: Vec<u64> = (1..=17).collect();
    // A clause of no conditions counts since 1.19 as one that does not hold; before, as none at all.
    let one_of_none: &[u64] = if target.is_from(19).await { &[] } else { &all };
    let either = FieldCondition {
        r#match: Some(Match { match_value: Some(MatchValue::Keyword("a".to_owned())) }),
        range: Some(above(1.0)),
        ..key("k")
    };
    target
        .assert_table(vec![
            ("nothing asked", Filter::default(), &all),
            ("all of", Filter::must([a(), several()]), &[2]),
            ("one of", Filter::should([a(), one()]), &[1, 2, 7, 16]),
            ("none of", Filter::must_not([several(), Condition::has_id(4_u64..=17)]), &[1, 3]),
            ("two of", Filter::min_should(2, [a(), piece(), several()]), &[1, 2]),
            ("three of", Filter::min_should(3, [a(), piece(), several()]), &[2]),
            ("more than there are", Filter::min_should(4, [a(), piece(), several()]), &[]),
            ("one of none", Filter::min_should(1, []), one_of_none),
            ("clauses together", Filter { must: vec![piece()], must_not: vec![several()], ..Filter::should([a()]) }, &[1]),
            ("a filter in a filter", must(Filter::should([a(), one()]).into()), &[1, 2, 7, 16]),
            ("not an empty filter", Filter::must_not([Filter::default().into()]), &[]),
            ("an empty condition is dropped", Filter::must_not([Condition { condition_one_of: None }]), &all),
            ("ids", must(Condition::has_id([3, 99, 1])), &[1, 3]),
            ("no ids", must(Condition::has_id(Vec::<u64>::new())), &[]),
            ("vectors", must(Condition::has_vector("")), &all),
            ("unknown vectors", must(Condition::has_vector("none")), &[]),
            ("a match or a range in one condition", field(either), &[1, 2, 9, 16]),
        ])
        .await;
    target.finish().await;
}
