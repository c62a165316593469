//! Payload values, as Qdrant keeps them: JSON whose integers are those of 64 bits.

use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::{ListValue, Struct, Value};

use super::status::{Result, malformed};

/// A JSON object: what one point carries as its payload.
pub(crate) type Object = BTreeMap<String, Data>;

/// One payload value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    List(Vec<Data>),
    Object(Object),
}

impl Data {
    pub(crate) fn from_wire(value: Value) -> Result<Self> {
        Ok(match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(flag)) => Self::Bool(flag),
            Some(Kind::IntegerValue(number)) => Self::Integer(number),
            // JSON knows neither infinity nor NaN, and Qdrant stores JSON.
            Some(Kind::DoubleValue(number)) if number.is_finite() => Self::Double(number),
            Some(Kind::DoubleValue(_)) => return Err(malformed("cannot convert to json number")),
            Some(Kind::StringValue(text)) => Self::Text(text),
            Some(Kind::ListValue(list)) => Self::List(list.values.into_iter().map(Self::from_wire).collect::<Result<_>>()?),
            Some(Kind::StructValue(object)) => Self::Object(object_from_wire(object.fields)?),
        })
    }

    pub(crate) fn into_wire(self) -> Value {
        let kind = match self {
            Self::Null => Kind::NullValue(0),
            Self::Bool(flag) => Kind::BoolValue(flag),
            Self::Integer(number) => Kind::IntegerValue(number),
            Self::Double(number) => Kind::DoubleValue(number),
            Self::Text(text) => Kind::StringValue(text),
            Self::List(values) => Kind::ListValue(ListValue { values: values.into_iter().map(Self::into_wire).collect() }),
            Self::Object(object) => Kind::StructValue(Struct { fields: object_into_wire(object) }),
        };
        Value { kind: Some(kind) }
    }

    /// The number that a range compares with.
    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "Qdrant compares ranges as doubles")]
            Self::Integer(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a list, or the value alone: a condition looks into one level of lists.
    pub(crate) fn members(&self) -> &[Self] {
        match self {
            Self::List(values) => values,
            one => std::slice::from_ref(one),
        }
    }
}

pub(crate) fn object_from_wire(fields: HashMap<String, Value>) -> Result<Object> {
    fields.into_iter().map(|(key, value)| Ok((key, Data::from_wire(value)?))).collect()
}

pub(crate) fn object_into_wire(object: Object) -> HashMap<String, Value> {
    object.into_iter().map(|(key, value)| (key, value.into_wire())).collect()
}

/// Merges `new` into an object: a null removes its key, any other value replaces what was there, objects too.
pub(crate) fn merge(payload: &mut Object, new: &Object) {
    for (key, value) in new {
        match value {
            Data::Null => drop(payload.remove(key)),
            value => drop(payload.insert(key.clone(), value.clone())),
        }
    }
}
