//! `map` of `[[sync]]`: what a field of a record is made of.

use super::bad;
use mastra_core::{Path, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;
use std::fmt;

/// What a field is made of: `"profile.name"`, `{ path = "profile.name", required = true }`, or `{ value = "crm" }`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub(crate) struct FieldConfig {
    /// Where the value stands in the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// The value itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Literal>,
    /// What stands there where the item has nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<Literal>,
    /// Whether a record without it is set aside.
    #[serde(skip_serializing_if = "super::is_default")]
    pub(crate) required: bool,
}

/// A value that stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Literal(pub(crate) Value);

impl FieldConfig {
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let key = format!("map.{name}");
        if name.is_empty() {
            return Err(bad("a field needs a name", key));
        }
        match (&self.path, &self.value) {
            (Some(_), Some(_)) => return Err(bad("path and value both say what the field is: one of them is enough", key)),
            (None, None) => return Err(bad("a field is made of a path of the item, or of a value", key)),
            (None, Some(_)) if self.required || self.default.is_some() => {
                return Err(bad("a value is always there: required and default are for a path", key));
            }
            _ => {}
        }
        if self.required && self.default.is_some() {
            return Err(bad("a field that has a default cannot be missing: required or default", key));
        }
        if let Some(path) = &self.path {
            path.parse::<Path>().map_err(|error| error.with("key", key))?;
        }
        Ok(())
    }
}

impl Serialize for FieldConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self { path: Some(path), value: None, default: None, required: false } => path.serialize(serializer),
            _ => Self::serialize(self, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for FieldConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = FieldConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path of the item, such as \"profile.name\", or a table such as { value = \"crm\" }")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> std::result::Result<FieldConfig, E> {
                Ok(FieldConfig { path: Some(path.to_owned()), ..FieldConfig::default() })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> std::result::Result<FieldConfig, A::Error> {
                FieldConfig::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        json(value).map(Self).ok_or_else(|| de::Error::custom("a number of JSON is finite"))
    }
}

/// A value of TOML as JSON; times are texts there.
fn json(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::Number(serde_json::Number::from_f64(number)?),
        toml::Value::Boolean(on) => Value::Bool(on),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(members) => Value::Array(members.into_iter().map(json).collect::<Option<_>>()?),
        toml::Value::Table(members) => {
            let pairs = members.into_iter().map(|(key, value)| Some((key, json(value)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
    })
}
