//! Documents of few keys and values, so that they meet; and filters drawn from those documents' own paths and values.

use super::Operator;
use crate::random::Random;
use mastra_core::{Filter, Path, capabilities::DataCapabilities};
use serde_json::{Map, Value, json};

/// Filters that match all or nothing test little: this many draws look for a better one.
const DRAWS: usize = 60;

const KEYS: &[&str] = &["a", "b", "c", "a.b", "$k", "0", "1", "it's \"é\"\\"];

/// Random documents, with what this backend can keep.
pub fn documents(random: &mut Random, count: usize, can: DataCapabilities) -> Vec<Value> {
    let scalars = scalars(can);
    (0..count).map(|_| object(random, &scalars, 2)).collect()
}

fn scalars(can: DataCapabilities) -> Vec<Value> {
    let mut scalars = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1),
        json!(2),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(-0.0),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(1e300),
        json!(0.1),
        json!(""),
        json!("a"),
        json!("A"),
        json!("ab"),
        json!("b"),
        json!("1"),
        json!("true"),
        json!("null"),
        json!("Straße"),
        json!("STRASSE"),
        json!("É"),
        json!("e\u{301}"),
        json!("K\u{212a}k"),
        json!("\u{fffd}"),
        json!("🦀"),
        json!("x\ny"),
        json!("'\"\\%_"),
        json!("2024-01-01"),
    ];
    // Only with exact numbers do these parse, or stay what they are.
    let exact = ["18446744073709551616", "123456789012345678901234567890", "0.10000000000000000001", "1e400"];
    let spelled = |number: Value| number.to_string();
    let keeps = |text: &&str| serde_json::from_str(text).is_ok_and(|number| spelled(number) == *text);
    scalars.extend(exact.into_iter().filter(keeps).filter_map(|text| serde_json::from_str(text).ok()));
    if can.nul_characters {
        scalars.extend([json!("a\0"), json!("\0")]);
    }
    scalars
}

fn object(random: &mut Random, scalars: &[Value], depth: usize) -> Value {
    let mut map = Map::new();
    for (at, key) in KEYS.iter().enumerate() {
        // The first keys are the usual ones: a value, a list of values, a list of objects. Any of them may be anything.
        let usual = at < 3;
        if random.one_in(4) != usual {
            let inner = match at {
                1 if depth > 0 && random.one_in(2) => list(random, |random| scalar(random, scalars)),
                2 if depth > 0 && !random.one_in(4) => list(random, |random| object(random, scalars, depth - 1)),
                _ => value(random, scalars, depth),
            };
            map.insert((*key).to_owned(), inner);
        }
    }
    Value::Object(map)
}

fn list(random: &mut Random, mut member: impl FnMut(&mut Random) -> Value) -> Value {
    let length = random.one_of([0, 1, 1, 2, 2, 3]);
    Value::Array((0..length).map(|_| member(random)).collect())
}

/// Half of all values are one of a few, so that documents share them.
fn scalar(random: &mut Random, scalars: &[Value]) -> Value {
    let common = [json!(1), json!("a"), json!(2), json!("b"), json!(null), json!(true)];
    let from = if random.one_in(2) { &common } else { scalars };
    random.pick(from).cloned().unwrap_or_default()
}

fn value(random: &mut Random, scalars: &[Value], depth: usize) -> Value {
    match random.below(if depth == 0 { 5 } else { 10 }) {
        0..5 => scalar(random, scalars),
        5..8 => list(random, |random| value(random, scalars, depth - 1)),
        _ => object(random, scalars, depth - 1),
    }
}

/// A random filter of this operator that, if one is found soon, matches some of the documents and misses others.
pub fn filter(random: &mut Random, operator: Operator, documents: &[Value]) -> Value {
    let mut best = (Value::Null, 0);
    // Now and then the first draw is taken as it is, so that filters which match all or nothing are asked too.
    let draws = if random.one_in(8) { 1 } else { DRAWS };
    let several = random.one_in(2);
    for _ in 0..draws {
        let drawn = Draw { random, documents, several }.of(operator);
        let Ok(parsed) = Filter::from_json(&drawn) else { continue };
        let matches = documents.iter().filter(|data| parsed.matches(data)).count();
        let balance = matches.min(documents.len() - matches) + 1;
        if balance > best.1 {
            best = (drawn, balance);
        }
        if best.1 * 6 > documents.len() {
            break;
        }
    }
    best.0
}

struct Draw<'d> {
    random: &'d mut Random,
    documents: &'d [Value],
    /// Whether `$all` asks for several items, which few documents have together.
    several: bool,
}

impl Draw<'_> {
    fn of(&mut self, operator: Operator) -> Value {
        match operator {
            Operator::ElemMatchObjects => {
                let (path, found) = self.list(|members| members.iter().any(Value::is_object));
                let members = found.as_array().cloned().unwrap_or_default();
                let inside: Vec<Value> = members.into_iter().filter(Value::is_object).collect();
                let mut inner = Map::new();
                for _ in 0..self.random.within(1..3) {
                    if let Value::Object(condition) =
                        (Draw { random: &mut *self.random, documents: &inside, several: self.several }).simple()
                    {
                        inner.extend(condition);
                    }
                }
                json!({ path: { "$elemMatch": inner } })
            }
            Operator::And => json!({ "$and": self.several(1) }),
            Operator::Or => json!({ "$or": self.several(2) }),
            Operator::Nor => json!({ "$nor": self.several(1) }),
            Operator::Not => {
                let inner = self.simple();
                match inner.as_object().and_then(|map| map.iter().next()) {
                    Some((path, operators)) if self.random.one_in(2) && is_operators(operators) => {
                        json!({ path: { "$not": operators } })
                    }
                    _ => json!({ "$not": inner }),
                }
            }
            operator => {
                let lists = matches!(operator, Operator::Size | Operator::ElemMatchValues) && !self.random.one_in(4);
                let (path, found) = match operator {
                    Operator::All if self.several => {
                        self.list(|members| members.iter().any(|member| Some(member) != members.first()))
                    }
                    _ if lists => self.list(|members| !members.is_empty()),
                    _ => self.place(),
                };
                let operand = self.operand(operator, found);
                json!({ path: operand })
            }
        }
    }

    fn simple(&mut self) -> Value {
        let kinds = Operator::ALL.get(..14).unwrap_or_default();
        let operator = self.random.pick(kinds).copied().unwrap_or(Operator::Eq);
        self.of(operator)
    }

    fn several(&mut self, least: usize) -> Vec<Value> {
        (0..self.random.within(least..least + 2))
            .map(|_| if self.random.one_in(6) { json!({ "$or": [self.simple(), self.simple()] }) } else { self.simple() })
            .collect()
    }

    /// What follows the path, for a value that stands there in some document.
    fn operand(&mut self, operator: Operator, found: Value) -> Value {
        match operator {
            Operator::Eq if self.random.one_in(2) && !found.is_object() && !found.is_array() => found,
            Operator::Eq => json!({ "$eq": found }),
            Operator::Ne => json!({ "$ne": found }),
            Operator::Gt => json!({ "$gt": self.bound(found) }),
            Operator::Gte => json!({ "$gte": self.bound(found) }),
            Operator::Lt => json!({ "$lt": self.bound(found) }),
            Operator::Lte => json!({ "$lte": self.bound(found) }),
            Operator::In => {
                let items = self.items(found, 3);
                if self.random.one_in(3) { json!(items) } else { json!({ "$in": items }) }
            }
            Operator::Nin => json!({ "$nin": self.items(found, 3) }),
            Operator::All => match found {
                Value::Array(members) if !members.is_empty() => {
                    // Two items are seldom balanced, and alone tell all of them from any of them.
                    let items = if self.several { members.len() } else { 1 };
                    json!({ "$all": members.into_iter().take(items).collect::<Vec<_>>() })
                }
                found => json!({ "$all": [found] }),
            },
            Operator::Size => json!({ "$size": found.as_array().map_or(1, Vec::len) }),
            Operator::Exists => json!({ "$exists": self.random.one_in(2) }),
            Operator::Regex => self.regex(&found),
            Operator::Contains => self.contains(found),
            Operator::ElemMatchValues => {
                let member = match found {
                    Value::Array(members) => self.random.pick(&members).cloned().unwrap_or_default(),
                    found => found,
                };
                let inner = [
                    Operator::Eq,
                    Operator::Ne,
                    Operator::Gt,
                    Operator::Lte,
                    Operator::In,
                    Operator::Nin,
                    Operator::Regex,
                    Operator::Contains,
                    Operator::Size,
                ];
                let inner = self.random.pick(&inner).copied().unwrap_or(Operator::Eq);
                match self.operand(inner, member) {
                    operators if is_operators(&operators) => json!({ "$elemMatch": operators }),
                    bare => json!({ "$elemMatch": { "$eq": bare } }),
                }
            }
            _ => Value::Null,
        }
    }

    fn bound(&mut self, found: Value) -> Value {
        match found {
            Value::Array(members) => {
                let member = self.random.pick(&members).cloned().unwrap_or(json!(0));
                self.bound(member)
            }
            found @ (Value::Number(_) | Value::String(_)) => found,
            _ => {
                if self.random.one_in(2) {
                    json!(1)
                } else {
                    json!("a")
                }
            }
        }
    }

    /// The value, its members, and values from elsewhere.
    fn items(&mut self, found: Value, most: usize) -> Vec<Value> {
        let mut items = match found {
            Value::Array(members) if self.random.one_in(2) => members,
            found => vec![found],
        };
        for _ in 0..self.random.below(most) {
            let other = self.place().1;
            items.push(other);
        }
        // An object with a `$` key would read as an operator.
        items.retain(|item| !item.as_object().is_some_and(|map| map.keys().any(|key| key.starts_with('$'))));
        items
    }

    fn regex(&mut self, found: &Value) -> Value {
        let text = text_in(found);
        let letter = text.chars().find(|c| c.is_alphabetic()).unwrap_or('a');
        let source = match self.random.below(8) {
            0 | 1 => format!("^{letter}"),
            2 | 3 => letter.to_string(),
            4 => format!("[{letter}x-z]"),
            5 => "^$|^.$".to_owned(),
            6 => r"\d|\bnull\b".to_owned(),
            _ => ".b?$".to_owned(),
        };
        match self.random.pick(&["", "", "i", "s", "im"]) {
            Some(options) if !options.is_empty() => json!({ "$regex": source, "$options": options }),
            _ => json!({ "$regex": source }),
        }
    }

    fn contains(&mut self, found: Value) -> Value {
        match found {
            found @ (Value::Number(_) | Value::Bool(_)) => json!({ "$contains": found }),
            found => {
                let text = text_in(&found);
                let skip = self.random.below(text.chars().count());
                let part: String = text.chars().skip(skip).take(2).collect();
                json!({ "$contains": if self.random.one_in(2) { part.to_uppercase() } else { part.to_lowercase() } })
            }
        }
    }

    /// A path of some document and what stands there; sometimes a path beside it, or a value from elsewhere.
    fn place(&mut self) -> (String, Value) {
        let (mut segments, mut found) = self.leaf();
        if self.random.one_in(8) {
            found = self.leaf().1;
        }
        if self.random.one_in(10) {
            segments.push(self.random.one_of(["a", "b", "0", "absent"]).to_owned());
        }
        (written(&segments), found)
    }

    /// A path to such a list, and the list, if one is found soon.
    fn list(&mut self, holds: impl Fn(&[Value]) -> bool) -> (String, Value) {
        for _ in 0..40 {
            let (segments, found) = self.leaf();
            if found.as_array().is_some_and(|members| holds(members)) {
                return (written(&segments), found);
            }
        }
        ("b".to_owned(), json!([1]))
    }

    /// Down from the root of some document, through keys, members and indexes, to where chance stops.
    fn leaf(&mut self) -> (Vec<String>, Value) {
        let Some(mut value) = self.random.pick(self.documents) else { return (vec!["a".to_owned()], json!(1)) };
        let mut segments = Vec::new();
        loop {
            match value {
                Value::Object(map) if !map.is_empty() && (segments.is_empty() || !self.random.one_in(4)) => {
                    let Some((key, inner)) = map.iter().nth(self.random.below(map.len())) else { break };
                    segments.push(key.clone());
                    value = inner;
                }
                Value::Array(members) if !members.is_empty() && !self.random.one_in(2) => {
                    let at = self.random.below(members.len());
                    let Some(member) = members.get(at) else { break };
                    if self.random.one_in(3) {
                        segments.push(at.to_string());
                    } else if !member.is_object() {
                        break;
                    }
                    value = member;
                }
                _ => break,
            }
        }
        if segments.is_empty() {
            segments.push("a".to_owned());
        }
        (segments, value.clone())
    }
}

fn is_operators(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.keys().next().is_some_and(|key| key.starts_with('$')))
}

fn written(segments: &[String]) -> String {
    Path::from_segments(segments).map(|path| path.to_string()).unwrap_or_default()
}

fn text_in(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().find_map(Value::as_str).unwrap_or("a").to_owned(),
        _ => "a".to_owned(),
    }
}
