//! What the filter parsers refuse, and what their errors say.

#![allow(clippy::expect_used)]

use mastra_core::filter::{Condition, FilterLimits, Pattern};
use mastra_core::{ErrorKind, Filter};
use serde_json::{Value, json};

#[track_caller]
fn refused(filter: &Value) -> mastra_core::Error {
    let error = Filter::from_json(filter).expect_err(&filter.to_string());
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{filter}");
    assert!(serde_json::from_value::<Filter>(filter.clone()).is_err(), "{filter}");
    error
}

#[test]
fn malformed_operators_are_named_with_their_path() {
    let cases = [
        (json!({"a": {"$near": 1}}), "$near", "a"),
        (json!({"a.b": {"c": {"$near": 1}}}), "$near", "a.b.c"),
        (json!({"a": {"$gt": 1, "$near": 1}}), "$near", "a"),
        (json!({"a": {"$": 1}}), "$", "a"),
        (json!({"a": {"$EQ": 1}}), "$EQ", "a"),
        (json!({"a": {"$not": {"$near": 1}}}), "$near", "a"),
        (json!({"$where": "1"}), "$where", ""),
        (json!({"$gt": 1}), "$gt", ""),
        (json!({"$and": [{"$near": 1}]}), "$near", ""),
        (json!({"$and": {"a": 1}}), "$and", ""),
        (json!({"$or": null}), "$or", ""),
        (json!({"$or": [null]}), "$or", ""),
        (json!({"$nor": [1]}), "$nor", ""),
        (json!({"$and": [[]]}), "$and", ""),
        (json!({"$not": {}}), "$not", ""),
        (json!({"$not": []}), "$not", ""),
        (json!({"$not": null}), "$not", ""),
        (json!({"$not": {"$gt": 1}}), "$gt", ""),
        (json!({"a": {"$not": {}}}), "$not", "a"),
        (json!({"a": {"$not": 1}}), "$not", "a"),
        (json!({"a": {"$not": "x"}}), "$not", "a"),
        (json!({"a": {"$not": {"b": 1}}}), "$not", "a"),
        (json!({"a": {"$not": {"$gt": 1, "b": 1}}}), "$gt", "a"),
        (json!({"a": {"$and": [{"$gt": 1}]}}), "$and", "a"),
        (json!({"a": {"$or": []}}), "$or", "a"),
        (json!({"a": {"$nor": []}}), "$nor", "a"),
        (json!({"a": {"$gt": 1, "b": 1}}), "$gt", "a"),
        (json!({"a": {"b": 1, "$gt": 1}}), "$gt", "a"),
        (json!({"a": {"$gt": null}}), "$gt", "a"),
        (json!({"a": {"$gte": true}}), "$gte", "a"),
        (json!({"a": {"$lt": [1]}}), "$lt", "a"),
        (json!({"a": {"$lte": {"b": 1}}}), "$lte", "a"),
        (json!({"a": {"$in": [{"$gt": 1}]}}), "$in", "a"),
        (json!({"a": {"$in": {"$gt": 1}}}), "$in", "a"),
        (json!({"a": {"$nin": [{"$regex": "x"}]}}), "$nin", "a"),
        (json!({"a": {"$all": [{"$elemMatch": {"b": 1}}]}}), "$all", "a"),
        (json!({"a": [{"$gt": 1}]}), "$in", "a"),
        (json!({"a": {"$size": -1}}), "$size", "a"),
        (json!({"a": {"$size": 1.5}}), "$size", "a"),
        (json!({"a": {"$size": "1"}}), "$size", "a"),
        (json!({"a": {"$size": null}}), "$size", "a"),
        (json!({"a": {"$size": {"$gt": 1}}}), "$size", "a"),
        (json!({"a": {"$exists": 1}}), "$exists", "a"),
        (json!({"a": {"$exists": "true"}}), "$exists", "a"),
        (json!({"a": {"$exists": null}}), "$exists", "a"),
        (json!({"a": {"$regex": 1}}), "$regex", "a"),
        (json!({"a": {"$regex": "("}}), "$regex", "a"),
        (json!({"a": {"$regex": "(?=x)"}}), "$regex", "a"),
        (json!({"a": {"$regex": "\\w{1000}"}}), "$regex", "a"),
        (json!({"a": {"$regex": "x", "$options": "g"}}), "$options", "a"),
        (json!({"a": {"$regex": "x", "$options": "I"}}), "$options", "a"),
        (json!({"a": {"$regex": "x", "$options": 1}}), "$options", "a"),
        (json!({"a": {"$options": "i"}}), "$options", "a"),
        (json!({"a": {"$gt": 1, "$options": "i"}}), "$options", "a"),
        (json!({"a": {"$contains": null}}), "$contains", "a"),
        (json!({"a": {"$contains": {"b": 1}}}), "$contains", "a"),
        (json!({"a": {"$contains": {}}}), "$contains", "a"),
        (json!({"a": {"$contains": [null]}}), "$contains", "a"),
        (json!({"a": {"$contains": [["x"]]}}), "$contains", "a"),
        (json!({"a": {"$contains": [{}]}}), "$contains", "a"),
        (json!({"a": {"$elemMatch": {}}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": 1}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": [1]}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": null}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": {"$gt": 1, "b": 1}}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": {"$gt": 1, "$or": [{"b": 1}]}}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": {"$not": {"b": 1}, "$gt": 1}}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": {"$not": {}}}}), "$elemMatch", "a"),
        (json!({"a": {"$elemMatch": {"$or": [{"$gt": 1}]}}}), "$gt", "a"),
        (json!({"a": {"$elemMatch": {"$near": 1}}}), "$near", "a"),
        (json!({"a": {"$elemMatch": {"b": {"$near": 1}}}}), "$near", "a.b"),
        (json!({"a": {"$elemMatch": {"$not": {"$near": 1}}}}), "$near", "a"),
    ];
    for (filter, operator, path) in cases {
        let error = refused(&filter);
        assert_eq!((error.get("operator"), error.get("path")), (Some(operator), Some(path)), "{filter}: {error}");
    }
}

#[test]
fn a_filter_is_an_object_or_null() {
    for filter in [json!([]), json!([{"a": 1}]), json!("a"), json!(1), json!(true), json!(false)] {
        refused(&filter);
    }
}

#[test]
fn malformed_paths_are_refused() {
    for key in ["", ".", "a.", ".a", "a..b", "\\", "a\\b"] {
        refused(&json!({key: 1}));
        refused(&json!({"x": {key: 1}}));
        refused(&json!({"x": {"$elemMatch": {key: 1}}}));
    }
}

#[test]
fn repeated_keys_are_refused_at_any_depth() {
    let texts = [
        r#"{"a": 1, "a": 1}"#,
        r#"{"a": {"$gt": 1, "$gt": 2}}"#,
        r#"{"a": {"b": 1, "b": 2}}"#,
        r#"{"$or": [{"a": 1, "a": 2}]}"#,
        r#"{"a": {"$eq": {"b": {"c": 1, "c": 1}}}}"#,
        r#"{"a": {"$in": [{"b": 1, "b": 2}]}}"#,
        r#"{"a": 1, "\u0061": 2}"#,
        r#"{"a": {"$gt": 1.5, "$lt": 2.5, "$gt": 1e400}}"#,
    ];
    for text in texts {
        assert_eq!(Filter::from_json_str(text).unwrap_err().kind(), ErrorKind::InvalidInput, "{text}");
        assert!(serde_json::from_str::<Filter>(text).is_err(), "{text}");
    }
    let condition = r#"{"field": "a", "operator": "eq", "value": {"b": 1, "b": 2}}"#;
    assert!(serde_json::from_str::<Condition>(condition).is_err());
}

#[test]
fn json_text_is_read_to_its_end() {
    for text in ["", "{", r#"{"a": 1} x"#, r#"{"a": 01}"#, "{'a': 1}"] {
        assert!(Filter::from_json_str(text).is_err(), "{text:?}");
    }
    assert_eq!(Filter::from_json_str(" null ").unwrap(), Filter::all());
}

#[test]
fn errors_never_show_operands() {
    let secret = "s3cret";
    let filters = [
        json!({"a": {"$near": secret}}),
        json!({"a": {"$gt": [secret]}}),
        json!({"a": {"$size": secret}}),
        json!({"a": {"$exists": secret}}),
        json!({"a": {"$not": secret}}),
        json!({"a": {"$regex": format!("({secret}")}}),
        json!({"a": {"$regex": format!("{secret}\nerror: [")}}),
        json!({"a": {"$regex": "a", "$options": secret}}),
        json!({"a": {"$in": [{"$gt": secret}]}}),
        json!({"a": {"$contains": [[secret]]}}),
        json!({"$and": secret}),
        json!(secret),
    ];
    for filter in filters {
        let error = refused(&filter);
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
    let error = Filter::from_json(&json!({"a": {"$regex": "a(b"}})).unwrap_err();
    assert_eq!(error.to_string(), "$regex: malformed regular expression: unclosed group (operator=$regex, path=a)");
}

#[test]
fn depth_is_bounded() {
    let nest = |times: usize, wrap: &dyn Fn(Value) -> Value| (0..times).fold(json!({"a": 1}), |inner, _| wrap(inner));
    let wraps: [&dyn Fn(Value) -> Value; 5] = [
        &|inner| json!({"$and": [inner]}),
        &|inner| json!({"$or": [inner]}),
        &|inner| json!({"$nor": [inner]}),
        &|inner| json!({"a": {"$elemMatch": inner}}),
        &|inner| json!({"$not": {"$and": [inner]}}),
    ];
    for (wrap, most) in wraps.into_iter().zip([32, 32, 32, 32, 16]) {
        let filter = Filter::from_json(&nest(most, wrap)).unwrap();
        assert_eq!(Filter::from_json(&filter.to_json().unwrap()).unwrap(), filter);
        for times in [most + 1, 100, 500] {
            refused(&nest(times, wrap));
        }
    }
    let under_field = |times| (0..times).fold(json!({"$gt": 1}), |inner, _| json!({"$not": inner}));
    assert!(Filter::from_json(&json!({"a": under_field(32)})).is_ok());
    refused(&json!({"a": under_field(40)}));
    refused(&json!({"a": under_field(500)}));
    refused(&json!({"a": {"$elemMatch": under_field(500)}}));
    refused(&json!({"x": (0..500).fold(json!(1), |inner, _| json!({"a": inner}))}));
}

#[test]
fn size_is_bounded() {
    let many = |count: usize| json!({"$or": (0..count).map(|n| json!({"a": {"$ne": n}})).collect::<Vec<_>>()});
    assert!(Filter::from_json(&many(1_023)).is_ok());
    refused(&many(1_024));
    refused(&many(100_000));
    refused(&json!({"$and": vec![json!({}); 2_000]}));
    let items: Vec<usize> = (0..10_000).collect();
    assert!(Filter::from_json(&json!({"a": {"$in": items}})).is_ok());
    let limits = FilterLimits { nodes: 10_000, ..FilterLimits::default() };
    assert!(Filter::from_json_with_limits(&many(5_000), limits).is_ok());
    let conditions = vec![Condition::new("a", "eq", 1); 2_000];
    assert!(Filter::from_conditions(conditions).is_err());
}

#[test]
fn builders_refuse_what_the_parser_refuses() {
    use mastra_core::{Path, filter::Members};

    assert!(Filter::eq("a..b", 1).is_err());
    assert!(Filter::gt("a", f64::INFINITY).is_err());
    assert_eq!(Filter::regex("a", "(", "").unwrap_err().get("path"), Some("a"));
    assert!(Pattern::new("a", "ix").is_ok());
    let member = Filter::gt(Path::this(), 1).unwrap();
    assert!(Filter::elem_match("a", Members::Objects, member.clone()).is_err());
    assert!(Filter::elem_match("a", Members::Any, Filter::gt("b", 1).unwrap()).is_err());
    assert!(member.to_json().is_err());
}

#[test]
fn an_operator_of_any_characters_keeps_the_error_on_one_line() {
    let error = refused(&json!({"a": {"$x\n\u{1b}[2J": 1}}));
    assert!(!error.to_string().contains(char::is_control) && !error.message().contains(char::is_control), "{error}");
    assert_eq!(error.get("operator"), Some("$x\n\u{1b}[2J"));
}

#[test]
fn a_long_path_over_many_conditions_is_refused_before_it_is_copied() {
    let conditions: serde_json::Map<String, Value> = (0..1_000).map(|at| (format!("x{at}"), json!(1))).collect();
    let key = "k".repeat(1_000_000);
    assert!(Filter::from_json(&json!({ key.as_str(): { "$gt": 1, "$lt": 5 } })).is_ok(), "one long key");
    refused(&json!({ key: conditions.clone() }));
    refused(&json!({ vec!["a"; 500_000].join("."): conditions }));
    refused(&json!({ vec!["a"; 60].join("."): { vec!["b"; 60].join("."): 1 } }));
}

#[test]
fn regular_expressions_are_counted_wherever_they_stand() {
    let filter = |count: usize| {
        let each: Vec<Value> = (0..count).map(|n| json!({ "a": { "$not": { "$regex": format!("^{n}") } } })).collect();
        Filter::from_json(&json!({ "$or": each }))
    };
    assert!(filter(128).is_ok());
    let error = filter(129).unwrap_err();
    assert_eq!((error.get("operator"), error.get("patterns_allowed")), (Some("$regex"), Some("128")), "{error}");
}
