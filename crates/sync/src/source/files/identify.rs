//! From a JSON object to an item under its id.

use crate::source::Item;
use mastra_core::{Error, Result, number::Number, validate};
use serde_json::Value;

/// The object under the id that stands in its field; raw where there is no such field to look for. `place` says in an error where it stands.
pub(super) fn item(object: Value, id_field: Option<&str>, place: impl Fn(Error) -> Error) -> Item {
    let Some(field) = id_field else { return Item::Raw(object) };
    match id(object.get(field)) {
        Ok(id) => Item::record(id, object),
        Err(error) => Item::failed(None, object, place(error.with("field", field))),
    }
}

/// The id in a value.
fn id(value: Option<&Value>) -> Result<String> {
    let id = match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => match Number::from(number.clone()).to_plain() {
            Some(digits) => digits,
            None => return Err(Error::invalid_input("the id is too large a number")),
        },
        None | Some(Value::Null) => return Err(Error::invalid_input("the id is missing")),
        Some(_) => return Err(Error::invalid_input("the id is neither a text nor a number")),
    };
    validate::name("id", &id)?;
    Ok(id)
}
