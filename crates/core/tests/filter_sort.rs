//! The one order of values, and the keys that ask for it.

use mastra_core::sort::{Direction, Rank, SortKey, sort_value};
use serde_json::{Value, json};

fn key(json: Value) -> Result<SortKey, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

#[test]
fn types_rank_and_missing_is_last_either_way() {
    let rising = [
        json!({"v": -1}),
        json!({"v": 2}),
        json!({"v": 10}),
        json!({"v": ""}),
        json!({"v": "10"}),
        json!({"v": "9"}),
        json!({"v": "Z"}),
        json!({"v": "a"}),
        json!({"v": "é"}),
        json!({"v": "\u{FFFF}"}),
        json!({"v": "\u{10000}"}),
        json!({"v": false}),
        json!({"v": true}),
        json!({"v": null}),
        json!({"v": []}),
        json!({"v": {}}),
    ];
    let (up, down) = (SortKey::ascending("v").unwrap(), SortKey::descending("v").unwrap());
    for (at, left) in rising.iter().enumerate() {
        for (other, right) in rising.iter().enumerate() {
            assert_eq!(up.compare(left, right), at.cmp(&other), "{left} {right}");
            assert_eq!(down.compare(left, right), other.cmp(&at), "{left} {right}");
        }
        for key in [&up, &down] {
            assert!(key.compare(left, &json!({})).is_lt());
            assert!(key.compare(&json!({}), left).is_gt());
            assert!(key.compare(&json!({}), &json!({"w": 1})).is_eq());
        }
    }
}

#[test]
fn arrays_tie_and_so_do_objects_and_spellings() {
    let key = SortKey::ascending("v").unwrap();
    for (left, right) in
        [(json!([1]), json!([2, 3])), (json!({"a": 1}), json!({})), (json!(1), json!(1.0)), (json!(-0.0), json!(0))]
    {
        assert!(key.compare(&json!({"v": left}), &json!({"v": right})).is_eq());
    }
}

#[test]
fn a_sort_path_has_one_value() {
    let row = json!({"a": {"b": [10, {"c": 20}, [30]]}, "n": null, "x": [{"c": 1}]});
    for (path, value) in [
        ("a.b.0", Some(json!(10))),
        ("a.b.1.c", Some(json!(20))),
        ("a.b.2.0", Some(json!(30))),
        ("a.b.3", None),
        ("a.b.01", None),
        ("a.b.c", None),
        ("x.c", None),
        ("n", Some(json!(null))),
        ("n.a", None),
        ("missing", None),
    ] {
        assert_eq!(sort_value(&row, &path.parse().unwrap()), value.as_ref(), "{path}");
    }
}

#[test]
fn keys_from_json() {
    assert_eq!(key(json!({"field": "a.b"})), Ok(SortKey::ascending("a.b").unwrap()));
    for direction in ["ASC", "asc", "Asc"] {
        assert_eq!(key(json!({"field": "a", "direction": direction})), Ok(SortKey::ascending("a").unwrap()));
    }
    for direction in ["DESC", "desc", "dEsc"] {
        assert_eq!(key(json!({"field": "a", "direction": direction})), Ok(SortKey::descending("a").unwrap()));
    }
    for bad in [
        json!({"field": "a", "direction": "up"}),
        json!({"field": "a", "direction": ""}),
        json!({"field": "a", "direction": null}),
        json!({"field": "a", "direction": 1}),
        json!({"field": "a", "direction": " ASC"}),
        json!({"field": ""}),
        json!({"field": "a..b"}),
        json!({"direction": "ASC"}),
        json!({"field": "a", "order": "ASC"}),
        json!({}),
    ] {
        assert!(key(bad.clone()).is_err(), "{bad}");
    }
    let written = serde_json::to_value(SortKey::descending(r"a\.b").unwrap()).unwrap();
    assert_eq!(written, json!({"field": "a\\.b", "direction": "DESC"}));
    assert!(SortKey::ascending("data").unwrap().relative_to_data().is_err());
    assert_eq!(SortKey::ascending("a").unwrap().relative_to_data().unwrap(), SortKey::ascending("a").unwrap());
}

#[test]
fn ranks_are_the_order_of_types() {
    let ranks = [json!(1), json!("a"), json!(true), json!(null), json!([]), json!({})].map(|value| Rank::of(Some(&value)));
    assert!(ranks.is_sorted());
    assert!(ranks.iter().all(|rank| *rank < Rank::of(None)));
    assert_eq!(Direction::default(), Direction::Ascending);
}
