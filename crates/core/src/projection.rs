//! Selecting fields of a document.

use crate::path::{Path, array_index};
use serde_json::{Map, Value};

/// The document with only these fields, in its own shape. An array on the way keeps the members that are objects, each with
/// only these fields; a path through an index keeps that member's place among the members kept.
///
/// ```
/// use mastra_core::projection::project;
/// use serde_json::json;
///
/// let data = json!({ "name": "Ada", "company": { "name": "x", "size": 3 }, "notes": "long" });
/// let fields = ["name".parse()?, "company.size".parse()?];
/// assert_eq!(project(&data, &fields), json!({ "name": "Ada", "company": { "size": 3 } }));
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn project(data: &Value, fields: &[Path]) -> Value {
    let wanted: Vec<&[String]> = fields.iter().map(Path::segments).collect();
    select(data, &wanted).unwrap_or_else(|| Value::Object(Map::new()))
}

fn select(value: &Value, wanted: &[&[String]]) -> Option<Value> {
    if wanted.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Object(map) => {
            let kept: Map<String, Value> = map
                .iter()
                .filter_map(|(key, child)| {
                    let below = below(wanted, |segment| segment == key);
                    if below.is_empty() { None } else { Some((key.clone(), select(child, &below)?)) }
                })
                .collect();
            Some(Value::Object(kept))
        }
        Value::Array(members) => {
            let kept = members.iter().enumerate().filter_map(|(index, member)| {
                let mut wanted_here = below(wanted, |segment| array_index(segment) == Some(index));
                // What is asked of every member is asked of the one that an index names too.
                if member.is_object() {
                    wanted_here.extend(wanted);
                }
                if wanted_here.is_empty() { None } else { select(member, &wanted_here) }
            });
            Some(Value::Array(kept.collect()))
        }
        _ => None,
    }
}

fn below<'a>(wanted: &[&'a [String]], here: impl Fn(&str) -> bool) -> Vec<&'a [String]> {
    wanted.iter().filter_map(|path| path.split_first().filter(|(key, _)| here(key)).map(|(_, rest)| rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_index_beside_a_key_takes_nothing_away() {
        let data = json!({ "lines": [{ "a": 1, "b": 2, "c": 0 }, { "a": 3, "b": 4 }, 5, [6, 7]] });
        let kept = |fields: &[&str]| {
            let fields: Vec<Path> = fields.iter().map(|field| field.parse().unwrap()).collect();
            project(&data, &fields)["lines"].clone()
        };
        assert_eq!(kept(&["lines.0.a", "lines.b"]), json!([{ "a": 1, "b": 2 }, { "b": 4 }]));
        assert_eq!(kept(&["lines.b", "lines.2"]), json!([{ "b": 2 }, { "b": 4 }, 5]));
        assert_eq!(kept(&["lines.3.1"]), json!([{}, {}, [7]]));
    }
}
