//! What a sync takes and gives, as JSON Schema.

mod validator;

pub(crate) use validator::Validator;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// The most violations that an error lists.
pub(crate) const MAX_VIOLATIONS: usize = 20;

/// What a type accepts when it is read.
pub(crate) fn of_input<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// What a type gives when it is written.
pub(crate) fn of_output<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>().to_value()
}

/// One thing that is wrong with an input or an output. It says where and what was asked for, and never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// Where, as a JSON pointer; `""` is the whole.
    pub path: String,
    /// What is asked for, in a line.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{}: {}", path.escape_debug(), self.message)
    }
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violations {
    /// At most [`MAX_VIOLATIONS`].
    pub(crate) listed: Vec<Violation>,
    /// Whether there are more.
    pub(crate) more: bool,
}

impl Violations {
    /// One about the whole.
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self { listed: vec![Violation { path: String::new(), message: message.into() }], more: false }
    }
}
