//! The older condition list, against the filters that it stands for.

use mastra_core::Filter;
use mastra_core::filter::Condition;
use serde_json::{Value, json};

fn read(list: Value) -> Result<Filter, String> {
    let conditions: Vec<Condition> = serde_json::from_value(list).map_err(|error| error.to_string())?;
    Filter::try_from(conditions).map_err(|error| error.to_string())
}

#[test]
fn each_operator_stands_for_a_filter() {
    let cases = [
        ("is", json!("won"), json!({"x": "won"})),
        ("eq", json!("won"), json!({"x": "won"})),
        ("eq", json!([1, 2]), json!({"x": {"$eq": [1, 2]}})),
        ("eq", json!({"$gt": 1}), json!({"x": {"$eq": {"$gt": 1}}})),
        ("eq", json!(null), json!({"x": null})),
        ("not_eq", json!(1), json!({"x": {"$ne": 1}})),
        ("not_eq", json!(null), json!({"x": {"$ne": null}})),
        ("contains", json!("w"), json!({"x": {"$contains": "w"}})),
        ("contains", json!(1), json!({"x": {"$contains": 1}})),
        ("contains", json!(["a", "b"]), json!({"x": {"$contains": ["a", "b"]}})),
        ("not_contains", json!("w"), json!({"x": {"$not": {"$contains": "w"}}})),
        ("in", json!([1, null]), json!({"x": {"$in": [1, null]}})),
        ("in", json!(1), json!({"x": {"$in": [1]}})),
        ("not_in", json!([1]), json!({"x": {"$nin": [1]}})),
        ("gt", json!(1), json!({"x": {"$gt": 1}})),
        ("gte", json!("a"), json!({"x": {"$gte": "a"}})),
        ("lt", json!(1.5), json!({"x": {"$lt": 1.5}})),
        ("lte", json!(1), json!({"x": {"$lte": 1}})),
        ("set", json!(null), json!({"x": {"$ne": null}})),
        ("set", json!("ignored"), json!({"x": {"$ne": null}})),
        ("not_set", json!(null), json!({"x": null})),
    ];
    for (operator, value, same) in cases {
        for field in ["x", "data.x"] {
            let filter = read(json!([{"field": field, "operator": operator, "value": value}])).unwrap();
            assert_eq!(filter, Filter::from_json(&same).unwrap(), "{operator} {value}");
        }
    }
    assert_eq!(read(json!([{"field": "x", "operator": "set"}])).unwrap(), Filter::ne("x", Value::Null).unwrap());
    assert_eq!(read(json!([{"field": "x", "operator": "not_set"}])).unwrap(), Filter::eq("x", Value::Null).unwrap());
}

#[test]
fn conditions_are_joined_by_and() {
    let filter = read(json!([
        {"field": "data.stage", "operator": "eq", "value": "won"},
        {"field": "data.amount", "operator": "gt", "value": 10},
    ]));
    assert_eq!(filter.unwrap(), Filter::eq("stage", "won").unwrap() & Filter::gt("amount", 10).unwrap());
    assert_eq!(read(json!([])).unwrap(), Filter::all());
}

#[test]
fn one_data_prefix_is_dropped() {
    for (field, path) in [("data.data.x", "data.x"), ("data.a.b", "a.b"), (r"data\.x", r"data\.x"), ("database.x", "database.x")]
    {
        let filter = read(json!([{"field": field, "operator": "eq", "value": 1}])).unwrap();
        assert_eq!(filter, Filter::eq(path, 1).unwrap(), "{field}");
    }
}

#[test]
fn malformed_conditions_are_refused_by_name() {
    let cases = [
        (json!({"field": "x", "operator": "like", "value": 1}), "like: unknown operator (operator=like, path=x)"),
        (json!({"field": "x", "operator": "$eq", "value": 1}), "$eq: unknown operator (operator=$eq, path=x)"),
        (json!({"field": "x", "operator": "EQ", "value": 1}), "EQ: unknown operator (operator=EQ, path=x)"),
        (json!({"field": "x", "operator": "eq"}), "eq: needs a value (operator=eq, path=x)"),
        (json!({"field": "x", "operator": "gt", "value": null}), "gt: a range takes a number or a string (operator=gt, path=x)"),
        (json!({"field": "x", "operator": "in", "value": [{"$gt": 1}]}), "operator=in, path=x"),
        (json!({"field": "x", "operator": "contains", "value": null}), "operator=contains, path=x"),
        (json!({"field": "data", "operator": "eq", "value": 1}), "path=data"),
        (json!({"field": "", "operator": "eq", "value": 1}), "malformed path"),
        (json!({"field": "data.", "operator": "eq", "value": 1}), "malformed path"),
        (json!({"field": "x", "operator": "eq", "value": 1, "extra": 1}), "extra"),
        (json!({"field": "x", "value": 1}), "operator"),
        (json!({"operator": "eq", "value": 1}), "field"),
        (json!({"field": 1, "operator": "eq", "value": 1}), "string"),
        (json!("x"), "Condition"),
    ];
    for (condition, part) in cases {
        let error = read(json!([condition])).expect_err(&condition.to_string());
        assert!(error.contains(part), "{condition}: {error}");
    }
}

#[test]
fn a_condition_reads_back() {
    for condition in
        [Condition::new("a", "eq", Value::Null), Condition { field: "a".into(), operator: "set".into(), value: None }]
    {
        let text = serde_json::to_string(&condition).unwrap();
        assert_eq!(serde_json::from_str::<Condition>(&text).unwrap(), condition);
    }
}
