//! Documents and filters drawn by chance, made to be awkward.

use super::Random;
use serde_json::{Map, Value, json};

const KEYS: [&str; 7] = ["a", "b", "c", "0", "é", "a'b", "x\"y"];

pub(crate) fn scalar(random: &mut Random, exotic: bool) -> Value {
    let plain = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "1.0",
        "0.1",
        "10",
        "9",
        "1e5",
        "9007199254740993",
        "9223372036854775807",
        "-0.0",
        "2.5",
        "\"\"",
        "\"1\"",
        "\"a\"",
        "\"A\"",
        "\"b\"",
        "\"ask\"",
        "\"\u{212A}\"",
        "\"ma\u{17F}\"",
        "\"é\"",
        "\"É\"",
        "\"true\"",
        "\"\u{1F600}\"",
        "\"won't\"",
        "\"x%_\\\\y\"",
        "[]",
        "{}",
    ];
    let wild = [
        "9223372036854775808",
        "18446744073709551615",
        "1e300",
        "-1e300",
        "5e-324",
        "\"x\\u0000y\"",
        "\"x\\u0000z\"",
        "9007199254740993.0",
        "1e19",
        "\"\\u0000\"",
    ];
    let text = if exotic && random.below(4) == 0 { random.pick(&wild) } else { random.pick(&plain) };
    serde_json::from_str(text).unwrap()
}

fn value(random: &mut Random, depth: usize, exotic: bool) -> Value {
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0..6 => scalar(random, exotic),
        6 | 7 => (0..random.below(4)).map(|_| value(random, depth - 1, exotic)).collect(),
        _ => object(random, depth - 1, exotic),
    }
}

pub(crate) fn object(random: &mut Random, depth: usize, exotic: bool) -> Value {
    let mut map = Map::new();
    for _ in 0..random.below(4) {
        map.insert((*random.pick(&KEYS)).to_owned(), value(random, depth, exotic));
    }
    Value::Object(map)
}

pub(crate) fn path(random: &mut Random) -> String {
    let length = if random.below(2) == 0 { 1 } else { 1 + random.below(3) };
    let escape = |key: &str| key.replace('\\', "\\\\").replace('.', "\\.");
    (0..length).map(|_| escape(random.pick::<&str>(&KEYS))).collect::<Vec<_>>().join(".")
}

fn operators(random: &mut Random, depth: usize, exotic: bool) -> Value {
    let bound = |random: &mut Random| loop {
        let found = scalar(random, exotic);
        if found.is_number() || found.is_string() {
            return found;
        }
    };
    let list = |random: &mut Random| (0..random.below(4)).map(|_| value(random, 1, exotic)).collect::<Value>();
    match random.below(16) {
        0 | 1 => json!({ "$eq": value(random, 2, exotic) }),
        2 => json!({ "$ne": value(random, 2, exotic) }),
        3 => json!({ "$gt": bound(random) }),
        4 => json!({ "$gte": bound(random), "$lt": bound(random) }),
        5 => json!({ "$lte": bound(random) }),
        6 => json!({ "$in": list(random) }),
        7 => json!({ "$nin": list(random) }),
        8 => json!({ "$all": list(random) }),
        9 => json!({ "$size": random.below(4) }),
        10 => json!({ "$exists": random.below(2) == 0 }),
        11 => json!({ "$regex": random.pick(&["^a", "k", "(?i)É", "^$", "."]) }),
        12 => json!({ "$contains": random.pick(&["", "a", "K", "s", "é", "1", "'", "\u{0}", "%"]) }),
        13 if depth > 0 => json!({ "$elemMatch": operators(random, depth - 1, exotic) }),
        14 if depth > 0 => json!({ "$elemMatch": condition(random, depth - 1, exotic) }),
        15 if depth > 0 => json!({ "$not": operators(random, depth - 1, exotic) }),
        _ => json!({ "$eq": scalar(random, exotic) }),
    }
}

pub(crate) fn condition(random: &mut Random, depth: usize, exotic: bool) -> Value {
    let several = |random: &mut Random| (0..random.below(3)).map(|_| condition(random, depth - 1, exotic)).collect::<Value>();
    match random.below(if depth == 0 { 6 } else { 10 }) {
        0..6 => json!({ path(random): operators(random, depth, exotic) }),
        6 => json!({ "$and": several(random) }),
        7 => json!({ "$or": several(random) }),
        8 => json!({ "$nor": several(random) }),
        _ => json!({ path(random): operators(random, depth, exotic), path(random): operators(random, depth, exotic) }),
    }
}
