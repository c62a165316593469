//! Hostile documents, and filters drawn from their own keys and values. Printed seeds make every run repeatable.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use mastra_core::{
    Direction, Filter, Path, SortKey,
    filter::{Members, Pattern, Predicate},
    path::array_index,
    sort,
};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// A small generator of random numbers (SplitMix64), so that a seed means the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The seed of this run, from `MASTRA_TEST_SEED` or the clock, printed.
pub(crate) fn seed(test: &str) -> u64 {
    let seed = match std::env::var("MASTRA_TEST_SEED") {
        Ok(text) => text.parse().expect("MASTRA_TEST_SEED is a number"),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    };
    println!("{test}: MASTRA_TEST_SEED={seed}");
    seed
}

const KEYS: &[&str] = &["a", "a", "a", "b", "b", "c", "0", "1", "2"];
const HOSTILE_KEYS: &[&str] = &[
    "a.b", "$a", "'", "\"", "\\", "é", "😀", "-1", "01", "+1", " 1", "\u{1}", "\n", "@", "?(@)", "*", "k:v", "{}", "NULL",
    "\u{202e}",
];
const STRINGS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "k",
    "K",
    "\u{212A}",
    "ſ",
    "S",
    "s",
    "ß",
    "won",
    "WON",
    "1",
    "true",
    "null",
    "é",
    "É",
    "e\u{301}",
    "σ",
    "ς",
    "Σ",
    "ı",
    "İ",
    "i",
    "I",
    "x\"y",
    "\\",
    "a\\b",
    "'",
    "\n",
    "a\nb",
    "😀",
    "~",
    "z",
    "a.c",
    "a*",
    "[k]",
    "(",
    "%",
    "_",
    "\u{1}",
    "$x",
    "\u{ffff}",
    "\u{10000}",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "1.0",
    "2",
    "3",
    "-1",
    "-2.5",
    "10",
    "0.1",
    "1e2",
    "100",
    "9007199254740993",
    "9007199254740992",
    "1e20",
    "1.5e-7",
    "18446744073709551615",
    "-9223372036854775808",
    "123456789.125",
];

/// A document: small, with few keys, so that conditions meet.
pub(crate) fn document(random: &mut Random) -> Value {
    object(random, 3)
}

/// So many documents.
pub(crate) fn documents(random: &mut Random, count: usize) -> Vec<Value> {
    (0..count).map(|_| document(random)).collect()
}

fn key(random: &mut Random) -> String {
    let keys = if random.one_in(8) { HOSTILE_KEYS } else { KEYS };
    (*random.pick(keys)).to_owned()
}

fn object(random: &mut Random, depth: usize) -> Value {
    let keys = 1 + random.below(4);
    let map: Map<String, Value> = (0..keys).map(|_| (key(random), value(random, depth - 1))).collect();
    Value::Object(map)
}

fn value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth == 0 { 9 } else { 16 }) {
        0 => Value::Null,
        1 => json!(random.one_in(2)),
        2..=4 => number(random),
        5..=7 => string(random),
        8 => [json!([]), json!({}), json!([[]]), json!([null])][random.below(4)].clone(),
        9..=12 => {
            let items = random.below(4);
            let mixed = random.one_in(3);
            Value::Array(
                (0..items).map(|_| if mixed || depth == 1 { value(random, depth - 1) } else { object(random, depth) }).collect(),
            )
        }
        _ => object(random, depth),
    }
}

fn string(random: &mut Random) -> Value {
    if random.one_in(40) {
        return json!("long ".repeat(100 + random.below(3)));
    }
    json!(random.pick(STRINGS))
}

fn number(random: &mut Random) -> Value {
    serde_json::from_str(NUMBERS[random.below(NUMBERS.len())]).unwrap()
}

/// The operators that filters are drawn of.
pub(crate) const OPERATORS: &[&str] = &[
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$all",
    "$size",
    "$exists",
    "$regex",
    "$contains",
    "$elemMatch",
    "$and",
    "$or",
    "$nor",
    "$not",
];

/// A filter whose outermost operator is `operator`, drawn from one of the documents, whose place it gives.
pub(crate) fn filter(random: &mut Random, operator: &str, documents: &[Value]) -> (Filter, usize) {
    let mut origin = random.below(documents.len());
    while operator == "$elemMatch" && !has_members(&documents[origin]) {
        origin = random.below(documents.len());
    }
    (draw(random, operator, documents, origin, 2), origin)
}

/// Whether there is an array with members inside.
fn has_members(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().any(has_members),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn draw(random: &mut Random, operator: &str, documents: &[Value], origin: usize, depth: usize) -> Filter {
    let list = |random: &mut Random| -> Vec<Filter> {
        let inner = 1 + random.below(3);
        (0..inner)
            .map(|_| {
                let choice = if depth == 0 { 14 } else { OPERATORS.len() };
                let operator = *random.pick(&OPERATORS[..choice]);
                draw(random, operator, documents, origin, depth.saturating_sub(1))
            })
            .collect()
    };
    match operator {
        "$and" => Filter::And(list(random)),
        "$or" => Filter::Or(list(random)),
        "$nor" => !Filter::Or(list(random)),
        "$not" => !list(random).remove(0),
        _ => {
            let (path, leaf) = walk_for(random, operator, &documents[origin]);
            let other = random.below(documents.len());
            let operand = match random.below(4) {
                // Another document's value makes misses, this one's makes matches.
                0 => walk(random, &documents[other]).1,
                _ => leaf,
            };
            condition(random, operator, path, operand)
        }
    }
}

/// As [`walk`], mostly to a value that the operator is about.
fn walk_for(random: &mut Random, operator: &str, document: &Value) -> (Path, Option<Value>) {
    for _ in 0..16 {
        let (path, leaf) = walk(random, document);
        let suits = match (operator, &leaf) {
            ("$contains" | "$regex", Some(Value::String(_))) => true,
            ("$gt" | "$gte" | "$lt" | "$lte", Some(Value::String(_) | Value::Number(_))) => true,
            ("$size", Some(Value::Array(_))) => true,
            ("$elemMatch", Some(Value::Array(items))) => !items.is_empty(),
            ("$contains" | "$regex" | "$gt" | "$gte" | "$lt" | "$lte" | "$size" | "$elemMatch", _) => false,
            _ => true,
        };
        if suits {
            return (path, leaf);
        }
    }
    walk(random, document)
}

/// A path of the document, mostly as the law walks it, and a value that it may lead to.
fn walk(random: &mut Random, document: &Value) -> (Path, Option<Value>) {
    let mut segments = Vec::new();
    let mut here = document;
    loop {
        if !segments.is_empty() && random.one_in(3) {
            break;
        }
        match here {
            Value::Object(map) if !map.is_empty() => {
                let at = random.below(map.len());
                let (key, value) = map.iter().nth(at).unwrap();
                segments.push(key.clone());
                here = value;
            }
            Value::Array(items) if !items.is_empty() => {
                let at = random.below(items.len());
                here = &items[at];
                match here {
                    // Through the members, unnamed.
                    Value::Object(_) if !random.one_in(3) => {}
                    _ if random.one_in(2) => segments.push(at.to_string()),
                    // A member is a value that the path to the array leads to.
                    _ => break,
                }
            }
            _ => break,
        }
    }
    if segments.is_empty() || random.one_in(12) {
        segments.push(key(random));
        return (Path::from_segments(segments).unwrap(), None);
    }
    let leaf = match here {
        Value::Array(items) if !items.is_empty() && random.one_in(2) => random.pick(items),
        here => here,
    };
    (Path::from_segments(segments).unwrap(), Some(leaf.clone()))
}

fn condition(random: &mut Random, operator: &str, path: Path, operand: Option<Value>) -> Filter {
    let operand = operand.unwrap_or_else(|| value(random, 1));
    match operator {
        "$eq" => Filter::eq(path, operand).unwrap(),
        "$ne" => Filter::ne(path, operand).unwrap(),
        "$in" | "$nin" | "$all" => {
            let mut items = vec![operand];
            while items.len() < 4 && random.one_in(if operator == "$all" { 4 } else { 2 }) {
                items.push(value(random, 1));
            }
            match operator {
                "$in" => Filter::is_in(path, items).unwrap(),
                "$nin" => Filter::not_in(path, items).unwrap(),
                _ => Filter::all_of(path, items).unwrap(),
            }
        }
        "$gt" | "$gte" | "$lt" | "$lte" => {
            let bound = match operand {
                // Its own value is the border; most bounds lie on the side where it matches.
                Value::Number(_) | Value::String(_) if !random.one_in(3) => {
                    let wanted = if operator.starts_with("$gt") { Ordering::Greater } else { Ordering::Less };
                    let bounds = (0..8).map(|_| if operand.is_number() { number(random) } else { string(random) });
                    let side = |bound: &Value| sort::compare(Some(&operand), Some(bound), Direction::Ascending) == wanted;
                    bounds.collect::<Vec<_>>().into_iter().find(side).unwrap_or(operand)
                }
                Value::Number(_) | Value::String(_) => operand,
                _ if random.one_in(2) => number(random),
                _ => string(random),
            };
            Filter::from_json(&json!({ path.to_string(): { operator: bound } })).unwrap()
        }
        "$size" => Filter::size(path, operand.as_array().map_or_else(|| random.below(4), Vec::len) as u64).unwrap(),
        "$exists" => Filter::exists(path).unwrap(),
        "$regex" => {
            let source = match operand {
                Value::String(text) => regex_escape(&text),
                _ => (*random.pick(&["^a", "[a-z]", ".", "^$", "k"])).to_owned(),
            };
            Filter::Field { path, predicate: Predicate::Regex(Pattern::new(source, ["", "i", "s"][random.below(3)]).unwrap()) }
        }
        "$contains" => {
            let text = match operand {
                Value::String(text) => part(random, &text),
                _ => (*random.pick(STRINGS)).to_owned(),
            };
            let text = if random.one_in(2) { text.to_uppercase() } else { text };
            Filter::contains(path, text).unwrap()
        }
        "$elemMatch" => elem_match(random, path, &operand),
        other => unreachable!("{other}"),
    }
}

/// A piece of a text.
fn part(random: &mut Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let from = random.below(chars.len() + 1);
    let to = from + random.below(chars.len() - from + 1);
    chars[from..to].iter().collect()
}

fn regex_escape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() }).collect()
}

fn elem_match(random: &mut Random, path: Path, operand: &Value) -> Filter {
    let member = match operand {
        Value::Array(items) if !items.is_empty() => random.pick(items).clone(),
        other => other.clone(),
    };
    // A path that ends in an index leads to a member; the array is above it.
    let last_is_index = path.segments().last().is_some_and(|last| array_index(last).is_some());
    let path = match path.segments() {
        [above @ .., _] if last_is_index && !above.is_empty() && !operand.is_array() => {
            Path::from_segments(above.to_vec()).unwrap()
        }
        _ => path,
    };
    // Of those that a value of its own satisfies, mostly.
    let operators = if random.one_in(3) { &OPERATORS[..13] } else { &["$eq", "$in", "$gte", "$lte", "$exists", "$contains"] };
    if member.is_object() && random.below(3) > 0 {
        let inner = |random: &mut Random| {
            let operator = *random.pick(operators);
            let (path, leaf) = walk_for(random, operator, &member);
            condition(random, operator, path, leaf)
        };
        let filter = match random.below(3) {
            0 => inner(random) & inner(random),
            1 => !inner(random),
            _ => inner(random),
        };
        return Filter::elem_match(path, Members::Objects, filter).unwrap();
    }
    let inner = |random: &mut Random| {
        let operator = if random.one_in(8) { "$elemMatch" } else { *random.pick(operators) };
        match condition(random, operator, Path::from_segments(["x"]).unwrap(), Some(member.clone())) {
            Filter::Field { predicate, .. } => Filter::Field { path: Path::this(), predicate },
            Filter::Not(inner) => match *inner {
                Filter::Field { predicate, .. } => !Filter::Field { path: Path::this(), predicate },
                other => other,
            },
            other => other,
        }
    };
    let filter = if random.one_in(3) { inner(random) & inner(random) } else { inner(random) };
    Filter::elem_match(path, Members::Any, filter).unwrap()
}

/// Sort keys over the documents' own paths.
pub(crate) fn sort_keys(random: &mut Random, documents: &[Value]) -> Vec<SortKey> {
    let keys = 1 + random.below(3);
    (0..keys)
        .map(|_| {
            let origin = random.below(documents.len());
            let path = walk(random, &documents[origin]).0;
            let direction = if random.one_in(2) { Direction::Ascending } else { Direction::Descending };
            SortKey { path, direction }
        })
        .collect()
}

/// How often an operator matched and missed: of each filter, the document that it was drawn from and another one are counted.
#[derive(Default)]
pub(crate) struct Balance(std::collections::BTreeMap<&'static str, (usize, usize)>);

impl Balance {
    pub(crate) fn count(&mut self, operator: &'static str, matched: bool) {
        let entry = self.0.entry(operator).or_default();
        if matched { entry.0 += 1 } else { entry.1 += 1 }
    }

    /// Every operator matched, and missed, in a tenth of its cases or more.
    pub(crate) fn check(&self) {
        for (operator, (matched, missed)) in &self.0 {
            let tenth = (matched + missed) / 10;
            println!("{operator}: {matched} matched, {missed} missed");
            assert!(*matched >= tenth && *missed >= tenth, "{operator} is one-sided: {matched} matched, {missed} missed");
        }
    }
}
