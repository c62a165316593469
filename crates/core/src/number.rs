//! Numbers by decimal value.

/// A JSON number compared by its decimal value, whatever its spelling and size.
#[derive(Debug, Clone, PartialEq)]
pub struct Number(pub(crate) serde_json::Number);
