//! From an answer to items.

use super::pagination::{index, look};
use crate::source::Item;
use mastra_core::{Error, Path, Result};
use serde_json::Value;

/// Where things stand in an answer and its items.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) items: Option<Path>,
    pub(super) id: Option<Path>,
    pub(super) version: Option<Path>,
    pub(super) deleted: Option<Path>,
}

/// The list of an answer, taken out of it. `InvalidInput` where there is none.
pub(super) fn take_list(body: &mut Value, path: Option<&Path>) -> Result<Vec<Value>> {
    let found = match path {
        None => Some(&mut *body),
        Some(path) => path.segments().iter().try_fold(&mut *body, |value, key| match value {
            Value::Object(object) => object.get_mut(key),
            Value::Array(list) => list.get_mut(index(key)?),
            _ => None,
        }),
    };
    match found {
        Some(Value::Array(list)) => Ok(std::mem::take(list)),
        found => {
            let what = match found {
                None => "nothing",
                Some(Value::Null) => "null",
                Some(Value::Object(_)) => "an object",
                Some(_) => "a scalar",
            };
            let error = Error::invalid_input("the answer has no list where the source expects its items").with("found", what);
            Err(match path {
                Some(path) => error.with("items", path),
                None => error,
            })
        }
    }
}

impl Fields {
    /// What the source says of one element of the list.
    pub(super) fn item(&self, value: Value) -> Item {
        if !value.is_object() {
            return Item::failed(None, value, Error::invalid_input("an item is a JSON object"));
        }
        let Some(path) = &self.id else {
            return Item::Raw(value);
        };
        let Some(external_id) = look(&value, path).and_then(id) else {
            let error =
                Error::invalid_input("an item has no id: a string that is not blank, or a whole number").with("id_field", path);
            return Item::failed(None, value, error);
        };
        if self.deleted.as_ref().and_then(|path| look(&value, path)) == Some(&Value::Bool(true)) {
            return Item::Deleted { external_id };
        }
        let version = self.version.as_ref().and_then(|path| look(&value, path)).and_then(id);
        Item::Record { external_id, data: value, entity_type: None, version }
    }
}

/// A string that is not blank, or a whole number as text.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lists_are_found_or_missed_by_name() {
        let list = |mut body: Value, path: &str| take_list(&mut body, Some(&path.parse().unwrap()));
        assert_eq!(list(json!({ "data": { "items": [1, 2] } }), "data.items").unwrap().len(), 2);
        assert_eq!(list(json!({ "data": [{ "rows": [] }] }), "data.0.rows").unwrap(), Vec::<Value>::new());
        assert_eq!(take_list(&mut json!([1]), None).unwrap().len(), 1);
        for (body, found) in [
            (json!({}), "nothing"),
            (json!({ "a": null }), "null"),
            (json!({ "a": {} }), "an object"),
            (json!({ "a": 1 }), "a scalar"),
        ] {
            assert_eq!(list(body, "a").unwrap_err().get("found"), Some(found));
        }
    }

    #[test]
    fn ids_are_strings_or_whole_numbers() {
        let fields =
            Fields { items: None, id: Some("k.id".parse().unwrap()), version: None, deleted: Some("gone".parse().unwrap()) };
        let item = |id: Value| fields.item(json!({ "k": { "id": id } }));
        assert!(matches!(item(json!("a")), Item::Record { external_id, .. } if external_id == "a"));
        assert!(
            matches!(item(json!(18_446_744_073_709_551_615_u64)), Item::Record { external_id, .. } if external_id == "18446744073709551615")
        );
        for wrong in [json!(" "), json!(1.5), json!(null), json!(true), json!(["a"]), json!({})] {
            assert!(matches!(item(wrong.clone()), Item::Failed { external_id: None, .. }), "{wrong}");
        }
        assert!(
            matches!(fields.item(json!({ "k": { "id": 1 }, "gone": true })), Item::Deleted { external_id } if external_id == "1")
        );
        assert!(matches!(fields.item(json!({ "k": { "id": 1 }, "gone": "yes" })), Item::Record { .. }));
        assert!(matches!(fields.item(json!("x")), Item::Failed { .. }));
    }
}
