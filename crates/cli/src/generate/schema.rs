//! The shape that a JSON Schema declares.

use super::shape::{Field, Object, Shape};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Nesting past this is read as anything: no schema that people write goes there.
const MAX_DEPTH: usize = 64;

/// The shape of a schema, and of the definitions it refers to (`$defs` or `definitions`).
///
/// Reads `type`, `properties`, `required`, `additionalProperties`, `items`, `enum`, `const`, `format` (`date`, `date-time`),
/// `anyOf`, `oneOf`, `allOf` of objects, `nullable`, `description` and local `$ref`s. What it does not know is read as anything,
/// never as less than the schema allows.
pub(crate) fn read(schema: &Value) -> (Shape, BTreeMap<String, Shape>) {
    let mut definitions = BTreeMap::new();
    for key in ["$defs", "definitions"] {
        for (name, definition) in schema.get(key).and_then(Value::as_object).into_iter().flatten() {
            definitions.insert(name.clone(), shape(definition, 0));
        }
    }
    let mut root = shape(schema, 0);
    replace_unknown(&mut root, &definitions.keys().cloned().collect());
    let known: BTreeSet<String> = definitions.keys().cloned().collect();
    definitions.values_mut().for_each(|definition| replace_unknown(definition, &known));
    (root, definitions)
}

/// A reference that leads nowhere is anything.
fn replace_unknown(shape: &mut Shape, known: &BTreeSet<String>) {
    match shape {
        Shape::Reference(name) if !known.contains(name) => *shape = Shape::Any,
        Shape::Array(inner) | Shape::Map(inner) => replace_unknown(inner, known),
        Shape::Object(object) => object.fields.values_mut().for_each(|field| replace_unknown(&mut field.shape, known)),
        Shape::Union(parts) => {
            parts.iter_mut().for_each(|part| replace_unknown(part, known));
            *shape = Shape::union(std::mem::take(parts));
        }
        _ => {}
    }
}

fn shape(schema: &Value, depth: usize) -> Shape {
    let Some(schema) = schema.as_object().filter(|_| depth < MAX_DEPTH) else { return Shape::Any };
    let base = described(schema, depth);
    if schema.get("nullable") == Some(&Value::Bool(true)) { Shape::union([base, Shape::Null]) } else { base }
}

fn described(schema: &Map<String, Value>, depth: usize) -> Shape {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return local(reference).map_or(Shape::Any, Shape::Reference);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return constants(values);
    }
    if let Some(value) = schema.get("const") {
        return constants(std::slice::from_ref(value));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema.get(key).and_then(Value::as_array) {
            return Shape::union(alternatives.iter().map(|alternative| shape(alternative, depth + 1)));
        }
    }
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        return all_of(schema, parts, depth);
    }
    match schema.get("type") {
        Some(Value::String(name)) => typed(name, schema, depth),
        Some(Value::Array(names)) => Shape::union(names.iter().filter_map(Value::as_str).map(|name| typed(name, schema, depth))),
        _ if schema.contains_key("properties") => typed("object", schema, depth),
        _ if schema.contains_key("items") => typed("array", schema, depth),
        _ => Shape::Any,
    }
}

fn typed(name: &str, schema: &Map<String, Value>, depth: usize) -> Shape {
    match name {
        "null" => Shape::Null,
        "boolean" => Shape::Bool,
        "integer" => Shape::Integer,
        "number" => Shape::Float,
        "string" => match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => Shape::DateTime,
            Some("date") => Shape::Date,
            _ => Shape::String,
        },
        "array" => Shape::Array(Box::new(schema.get("items").map_or(Shape::Any, |items| shape(items, depth + 1)))),
        "object" => object(schema, depth),
        _ => Shape::Any,
    }
}

fn object(schema: &Map<String, Value>, depth: usize) -> Shape {
    let additional = schema.get("additionalProperties");
    let properties = schema.get("properties").and_then(Value::as_object).filter(|properties| !properties.is_empty());
    let Some(properties) = properties else {
        let values = additional.filter(|additional| additional.is_object());
        return Shape::Map(Box::new(values.map_or(Shape::Any, |values| shape(values, depth + 1))));
    };
    let required: BTreeSet<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = properties.iter().map(|(key, property)| {
        let field = Field {
            shape: shape(property, depth + 1),
            optional: !required.contains(key.as_str()),
            description: property.get("description").and_then(Value::as_str).map(str::to_owned),
        };
        (key.clone(), field)
    });
    Shape::Object(Object { fields: fields.collect(), closed: additional == Some(&Value::Bool(false)) })
}

/// Objects that have to hold together are one object; anything else is anything.
fn all_of(schema: &Map<String, Value>, parts: &[Value], depth: usize) -> Shape {
    let mut whole = Object::default();
    let own = schema.contains_key("properties").then(|| object(schema, depth));
    for part in parts.iter().map(|part| shape(part, depth + 1)).chain(own) {
        match part {
            Shape::Object(object) => {
                whole.closed |= object.closed;
                for (key, field) in object.fields {
                    match whole.fields.get_mut(&key) {
                        Some(present) => present.optional &= field.optional,
                        None => {
                            whole.fields.insert(key, field);
                        }
                    }
                }
            }
            _ => return Shape::Any,
        }
    }
    Shape::Object(whole)
}

fn constants(values: &[Value]) -> Shape {
    let mut texts = BTreeSet::new();
    let mut others = Vec::new();
    for value in values {
        match value {
            Value::String(text) => {
                texts.insert(text.clone());
            }
            Value::Null => others.push(Shape::Null),
            Value::Bool(_) => others.push(Shape::Bool),
            Value::Number(number) => others.push(if number.is_i64() { Shape::Integer } else { Shape::Float }),
            Value::Array(_) | Value::Object(_) => return Shape::Any,
        }
    }
    if !texts.is_empty() {
        others.push(Shape::Enum { values: texts, closed: true });
    }
    Shape::union(others)
}

/// The key of a definition in this schema.
fn local(reference: &str) -> Option<String> {
    let key = reference.strip_prefix("#/$defs/").or_else(|| reference.strip_prefix("#/definitions/"))?;
    Some(key.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_read_with_its_definitions() {
        let (shape, definitions) = read(&json!({
            "type": "object",
            "properties": {
                "parent": { "$ref": "#/$defs/node" },
                "lost": { "$ref": "#/$defs/nowhere" },
                "when": { "type": ["string", "null"], "format": "date-time" },
                "stage": { "enum": ["won", "lost"], "description": "Where it stands" },
            },
            "required": ["stage"],
            "additionalProperties": false,
            "$defs": { "node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/node" } } } },
        }));
        let Shape::Object(object) = shape else { panic!("no object") };
        assert!(object.closed);
        assert_eq!(object.fields["parent"].shape, Shape::Reference("node".into()));
        assert_eq!(object.fields["lost"].shape, Shape::Any);
        assert_eq!(object.fields["when"].shape.without_null(), (Shape::DateTime, true));
        assert!(!object.fields["stage"].optional);
        assert_eq!(object.fields["stage"].description.as_deref(), Some("Where it stands"));
        assert!(definitions.contains_key("node"));
    }
}
