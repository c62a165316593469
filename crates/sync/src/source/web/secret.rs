//! A key, and where it comes from.

use mastra_core::{Error, Result};
use std::fmt;

/// A key: by the name of the environment variable that holds it, or the key itself. It is in no error, log or debugger's line.
///
/// ```
/// use mastra_sync::source::web::Secret;
///
/// assert_eq!(format!("{:?}", Secret::env("CRM_TOKEN")), "Secret(env CRM_TOKEN)");
/// assert_eq!(format!("{:?}", Secret::value("sk-1234")), "Secret(***)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Kept);

#[derive(Clone, PartialEq, Eq)]
enum Kept {
    Variable(String),
    Value(String),
}

impl Secret {
    /// What this environment variable holds when a run begins.
    pub fn env(variable: impl Into<String>) -> Self {
        Self(Kept::Variable(variable.into()))
    }

    /// The key itself.
    pub fn value(key: impl Into<String>) -> Self {
        Self(Kept::Value(key.into()))
    }

    /// The key, for the one who sends it, without white space around it. `InvalidInput`, with the variable's name, where there is none.
    pub(crate) fn reveal(&self) -> Result<String> {
        match &self.0 {
            Kept::Value(key) if key.trim().is_empty() => Err(Error::invalid_input("a key of the source is empty")),
            Kept::Value(key) => Ok(key.trim().to_owned()),
            Kept::Variable(variable) => match std::env::var(variable) {
                Ok(key) if !key.trim().is_empty() => Ok(key.trim().to_owned()),
                _ => Err(Error::invalid_input("the environment variable that holds a key of the source is not set")
                    .with("variable", variable)),
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Variable(variable) => write!(f, "Secret(env {variable})"),
            Kept::Value(_) => f.write_str("Secret(***)"),
        }
    }
}
