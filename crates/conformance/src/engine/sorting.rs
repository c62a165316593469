//! The one order of values.

use crate::failure::{Outcome, ensure_eq};
use crate::fixture::{entity, filled, found, put};
use crate::random::Random;
use mastra_core::{EntityRef, RecordQuery, RecordStore, SortKey};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// Groups of values that tie, in ascending order.
fn ascending() -> Vec<Vec<Value>> {
    let mut groups = vec![
        vec![json!(-1e300)],
        vec![json!(i64::MIN)],
        vec![json!(-2.5)],
        vec![json!(-1), json!(-1.0)],
        vec![json!(0), json!(0.0), json!(-0.0)],
        vec![json!(1e-7)],
        vec![json!(0.5)],
        vec![json!(2)],
        vec![json!(10), json!(10.0)],
        vec![json!(9_007_199_254_740_992_i64)],
        vec![json!(9_007_199_254_740_993_i64)],
        vec![json!(i64::MAX)],
        vec![json!(u64::MAX)],
        vec![json!(1e20)],
        vec![json!(1e300)],
    ];
    let strings = [
        "",
        " ",
        "10",
        "9",
        "A",
        "Z",
        "_",
        "a",
        "a ",
        "a\u{1}",
        "aa",
        "z",
        "\u{7f}",
        "é",
        "\u{ff5a}",
        "\u{fffd}",
        "\u{10000}",
        "🦀",
    ];
    let mut strings = strings.to_vec();
    strings.sort_by(|left, right| left.chars().cmp(right.chars()));
    groups.extend(strings.into_iter().map(|text| vec![json!(text)]));
    groups.extend([
        vec![json!(false)],
        vec![json!(true)],
        vec![json!(null)],
        vec![json!([]), json!([1]), json!(["z"]), json!([[null]])],
        vec![json!({}), json!({ "a": 1 }), json!({ "z": [] })],
    ]);
    groups
}

/// Rows in an order that has nothing to do with their values; the id begins with the number of the value's group.
fn shuffled(groups: &[Vec<Value>]) -> Vec<(String, Value)> {
    let mut rows = Vec::new();
    for (group, values) in groups.iter().enumerate() {
        for (at, value) in values.iter().enumerate() {
            rows.push((format!("{group:02}-{at}"), json!({ "v": value, "deep": { "v": value }, "list": [0, { "v": value }] })));
        }
    }
    Random::new(7).shuffle(&mut rows);
    rows
}

async fn one_by_one(store: &dyn RecordStore, entity: &EntityRef, rows: &[(String, Value)]) -> Outcome {
    // One call a row, so that ids ascend in this order.
    for (id, data) in rows {
        put(store, entity, [(id.as_str(), data.clone())]).await?;
    }
    Ok(())
}

/// number < string < boolean < null < array < object; numbers by decimal value, strings by code point, arrays tie and objects
/// tie; descending turns all of it round, and ties go by id ascending both ways.
pub async fn types_and_values_have_one_order(store: &dyn RecordStore) -> Outcome {
    let groups = ascending();
    let rows = shuffled(&groups);
    let entity = entity(store, "E").await?;
    one_by_one(store, &entity, &rows).await?;
    let of_group =
        |group: usize| rows.iter().filter(move |(id, _)| id.starts_with(&format!("{group:02}-"))).map(|(id, _)| id.clone());
    let up: Vec<String> = (0..groups.len()).flat_map(of_group).collect();
    let down: Vec<String> = (0..groups.len()).rev().flat_map(of_group).collect();
    for path in ["v", "deep.v", "list.1.v"] {
        ensure_eq!(found(store, &entity, &RecordQuery::new().sort(SortKey::ascending(path)?)).await?, up, "ascending by {path}");
        ensure_eq!(
            found(store, &entity, &RecordQuery::new().sort(SortKey::descending(path)?)).await?,
            down,
            "descending by {path}"
        );
    }
    Ok(())
}

/// A row without the value stands behind all others, in both directions; null is a value.
pub async fn missing_values_stand_last_both_ways(store: &dyn RecordStore) -> Outcome {
    let rows = [
        ("m1", json!({})),
        ("null", json!({ "v": null })),
        ("1", json!({ "v": 1 })),
        ("m2", json!({ "w": 1 })),
        ("obj", json!({ "v": {} })),
    ];
    let entity = entity(store, "E").await?;
    one_by_one(store, &entity, &rows.map(|(id, data)| (id.to_owned(), data))).await?;
    let sorted = async |key: SortKey| found(store, &entity, &RecordQuery::new().sort(key)).await;
    ensure_eq!(sorted(SortKey::ascending("v")?).await?, ["1", "null", "obj", "m1", "m2"], "ascending");
    ensure_eq!(sorted(SortKey::descending("v")?).await?, ["obj", "null", "1", "m1", "m2"], "descending");
    Ok(())
}

/// The first key decides first; what ties on all keys goes by id ascending.
pub async fn several_keys_decide_in_turn_and_ties_go_by_id(store: &dyn RecordStore) -> Outcome {
    let rows =
        [("a", 2, Some("x")), ("b", 1, Some("y")), ("c", 2, None), ("d", 1, Some("x")), ("e", 2, Some("x")), ("f", 1, Some("y"))];
    let entity = entity(store, "E").await?;
    let rows = rows.map(|(id, n, t)| (id.to_owned(), t.map_or(json!({ "n": n }), |t| json!({ "n": n, "t": t }))));
    one_by_one(store, &entity, &rows).await?;
    let (up, down) = (SortKey::ascending, SortKey::descending);
    for (sort, expected) in [
        (vec![up("n")?, up("t")?], ["d", "b", "f", "a", "e", "c"]),
        (vec![down("n")?, up("t")?], ["a", "e", "c", "d", "b", "f"]),
        (vec![down("n")?, down("t")?], ["a", "e", "c", "b", "f", "d"]),
        (vec![up("t")?, down("n")?], ["a", "e", "d", "b", "f", "c"]),
        (vec![up("n")?, down("n")?], ["b", "d", "f", "a", "c", "e"]),
        (vec![up("absent")?, down("t")?], ["b", "f", "a", "d", "e", "c"]),
    ] {
        let query = RecordQuery { sort: sort.clone(), ..RecordQuery::new() };
        ensure_eq!(found(store, &entity, &query).await?, expected, "{sort:?}");
    }
    Ok(())
}

/// A sort path leads through object keys and array indexes, never through the members of an array.
pub async fn paths_lead_through_objects_and_indexes_only(store: &dyn RecordStore) -> Outcome {
    let rows = [
        ("array", json!({ "a": [{ "v": 1 }] })),
        ("object", json!({ "a": { "v": 3 } })),
        ("key", json!({ "a": { "0": { "v": 2 } } })),
        ("scalar", json!({ "a": 1 })),
        ("other", json!({ "a": { "v": 0 } })),
    ];
    let entity = entity(store, "E").await?;
    one_by_one(store, &entity, &rows.map(|(id, data)| (id.to_owned(), data))).await?;
    let sorted = async |key: SortKey| found(store, &entity, &RecordQuery::new().sort(key)).await;
    ensure_eq!(sorted(SortKey::ascending("a.v")?).await?, ["other", "object", "array", "key", "scalar"], "by a.v");
    ensure_eq!(sorted(SortKey::ascending("a.0.v")?).await?, ["array", "key", "object", "scalar", "other"], "by a.0.v");
    ensure_eq!(sorted(SortKey::descending("a.-1.v")?).await?, ["array", "object", "key", "scalar", "other"], "by a.-1.v");
    ensure_eq!(sorted(SortKey::descending("a.00.v")?).await?, ["array", "object", "key", "scalar", "other"], "by a.00.v");
    Ok(())
}

/// Random rows under random keys stand as the law says, written down here once more.
pub async fn random_rows_are_sorted_by_the_law(store: &dyn RecordStore) -> Outcome {
    let mut random = Random::seeded("random_rows_are_sorted_by_the_law");
    let rows: Vec<(String, Value)> = (0..150).map(|n| (n.to_string(), random_row(&mut random))).collect();
    let entity = filled(store, "E", rows).await?;
    let mut stored = store.get_records(&entity, &RecordQuery::new()).await?.items;
    for _ in 0..40 {
        let keys: Vec<(&str, bool)> =
            (0..random.within(1..4)).map(|_| (random.one_of(["a", "b", "c"]), random.one_in(2))).collect();
        let sort = keys.iter().map(|(key, up)| if *up { SortKey::ascending(*key) } else { SortKey::descending(*key) });
        let query = RecordQuery { sort: sort.collect::<Result<_, _>>()?, ..RecordQuery::new() };
        stored.sort_by(|left, right| {
            let by_keys = keys.iter().map(|(key, up)| law(left.data.get(key), right.data.get(key), *up));
            by_keys.fold(Ordering::Equal, Ordering::then).then(left.id.cmp(&right.id))
        });
        ensure_eq!(found(store, &entity, &query).await?, crate::fixture::external_ids(&stored), "{keys:?}");
    }
    Ok(())
}

fn random_row(random: &mut Random) -> Value {
    let mut row = serde_json::Map::new();
    for key in ["a", "b", "c"] {
        let value = match random.below(9) {
            0 | 1 => json!(random.below(5)),
            2 => json!(random.below(5) as f64 / 2.0),
            3 => json!(random.one_of(["", "a", "B", "é", "🦀"])),
            4 => json!(random.one_in(2)),
            5 => json!(null),
            6 => json!([random.below(3)]),
            7 => json!({ "x": random.below(3) }),
            _ => continue,
        };
        row.insert(key.to_owned(), value);
    }
    Value::Object(row)
}

fn law(left: Option<&Value>, right: Option<&Value>, up: bool) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        Value::Null => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    };
    let ordering = match (left, right) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(Value::String(left)), Some(Value::String(right))) => left.chars().cmp(right.chars()),
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        (Some(left), Some(right)) => match (left.as_f64(), right.as_f64()) {
            // The numbers here are small halves, which a float holds exactly.
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ => rank(left).cmp(&rank(right)),
        },
    };
    if up { ordering } else { ordering.reverse() }
}
