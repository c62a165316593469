//! JSON in which no object repeats a key.

use crate::number::keeps_number_text;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The key under which serde_json hands a number to a visitor when it keeps the number's text.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// How deep a value may nest, as in serde_json's own reader of text; other readers may have no bound and we have a stack.
const NESTING: usize = 128;

/// Any JSON value, refused where an object at any depth has a key twice (which of the two counts would differ by reader) and past a
/// nesting of 128.
///
/// ```
/// use mastra_core::filter::UniqueValue;
///
/// assert!(serde_json::from_str::<UniqueValue>(r#"{"a": 1, "b": 1.50}"#).is_ok());
/// assert!(serde_json::from_str::<UniqueValue>(r#"[{"a": {"b": 1, "b": 2}}]"#).is_err());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct UniqueValue(
    /// The value.
    pub Value,
);

impl<'de> Deserialize<'de> for UniqueValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UniqueVisitor { nesting: 0 }.deserialize(deserializer).map(Self)
    }
}

#[derive(Clone, Copy)]
struct UniqueVisitor {
    nesting: usize,
}

impl UniqueVisitor {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let nesting = self.nesting + 1;
        if nesting > NESTING { Err(E::custom("nested too deeply")) } else { Ok(Self { nesting }) }
    }
}

impl<'de> DeserializeSeed<'de> for UniqueVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E: serde::de::Error>(self, value: i128) -> Result<Value, E> {
        Number::from_i128(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_u128<E: serde::de::Error>(self, value: u128) -> Result<Value, E> {
        Number::from_u128(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let member = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(member)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let member = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.is_empty() && key == NUMBER_KEY && keeps_number_text() {
                let text: String = entries.next_value()?;
                let number = serde_json::from_str(&text).map_err(|_| A::Error::custom("a malformed number"))?;
                return Ok(Value::Number(number));
            }
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {key:?} stands twice in one object")));
            }
            map.insert(key, entries.next_value_seed(member)?);
        }
        Ok(Value::Object(map))
    }
}
