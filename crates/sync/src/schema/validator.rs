//! Checking values against a schema; without the feature `validate`, the types alone check.

use super::Violations;
#[cfg(feature = "validate")]
use super::{MAX_VIOLATIONS, Violation};
use mastra_core::Result;
use serde_json::Value;

/// Checks values against one schema.
pub(crate) struct Validator {
    #[cfg(feature = "validate")]
    compiled: jsonschema::Validator,
}

#[cfg(feature = "validate")]
impl Validator {
    /// Compiles a schema; `InvalidInput` where it is none. Nothing is fetched: a reference to another document is refused.
    pub(crate) fn new(schema: &Value) -> Result<Self> {
        let compiled = jsonschema::options().should_validate_formats(true).build(schema).map_err(|error| {
            mastra_core::Error::invalid_input(format!("this is no JSON schema: {}", line(&error.to_string())))
                .with("at", error.instance_path())
        })?;
        Ok(Self { compiled })
    }

    /// Everything that is wrong with a value, up to a bound.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Violations> {
        let mut listed: Vec<Violation> = self
            .compiled
            .iter_errors(value)
            .take(MAX_VIOLATIONS + 1)
            // Masked: the text of an error never holds the value.
            .map(|error| Violation { path: error.instance_path().to_string(), message: line(&error.masked().to_string()) })
            .collect();
        let more = listed.len() > MAX_VIOLATIONS;
        listed.truncate(MAX_VIOLATIONS);
        if listed.is_empty() { Ok(()) } else { Err(Violations { listed, more }) }
    }
}

#[cfg(not(feature = "validate"))]
impl Validator {
    #[allow(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
    pub(crate) fn new(_schema: &Value) -> Result<Self> {
        Ok(Self {})
    }

    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "with the feature it can fail")]
    pub(crate) fn check(&self, _value: &Value) -> Result<(), Violations> {
        Ok(())
    }
}

/// The longest message of a violation, in characters: a schema can name a thousand choices.
#[cfg(feature = "validate")]
const MAX_MESSAGE: usize = 300;

/// One line of bounded length.
#[cfg(feature = "validate")]
fn line(text: &str) -> String {
    let mut line: String = text.chars().take(MAX_MESSAGE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        line.push('…');
    }
    line
}
