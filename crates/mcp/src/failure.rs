//! What a client is told of an error.

use crate::cut;
use mastra_core::{Error, ErrorKind};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde::Serialize;
use serde_json::{Map, Value};

/// Bytes of a message, and of each value of its context.
const MOST_BYTES: usize = 2_000;

/// The context key of an advice.
pub(crate) const HINT: &str = "hint";

/// An error as JSON: what to do about it, in words and in a kind.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Failure {
    /// not_found, already_exists, invalid_input, unsupported, conflict, unavailable, timeout, permission_denied, schema_mismatch, corrupt or
    /// internal
    pub(crate) kind: String,
    /// What is wrong
    pub(crate) message: String,
    /// What to do about it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// What it was about, by name
    pub(crate) context: Map<String, Value>,
    /// Whether the same call may succeed when it is made again
    pub(crate) retryable: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let bounded = |text: &str| cut::text(text, MOST_BYTES).0;
        let context = error.context().filter(|(key, _)| *key != HINT);
        Self {
            kind: error.kind().as_str().to_owned(),
            message: bounded(error.message()),
            hint: error.get(HINT).or_else(|| advice(error)).map(bounded),
            context: context.map(|(key, value)| (key.to_owned(), bounded(value).into())).collect(),
            retryable: error.is_retryable(),
        }
    }
}

impl Failure {
    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What a client can do about errors that say nothing themselves.
fn advice(error: &Error) -> Option<&'static str> {
    let about = |key| error.get(key).is_some();
    match error.kind() {
        ErrorKind::InvalidInput if error.message().contains("cursor") => Some("call again without a cursor, from the beginning"),
        ErrorKind::InvalidInput if about("filter_fields") => {
            Some("list_knowledge shows which fields a search of passages can be filtered by; query_records filters by any field")
        }
        ErrorKind::InvalidInput if about("operator") || error.message().contains("filter") => {
            Some("the description of query_records shows the filter language")
        }
        ErrorKind::NotFound if about("entity") || about("name") => Some("list_entities shows what is there"),
        ErrorKind::Conflict if about("matches") => Some("give connection_id too"),
        ErrorKind::Unavailable | ErrorKind::Timeout if error.is_retryable() => Some("try again in a while, or ask for less"),
        _ => None,
    }
}

/// The answer of a tool that failed. Its JSON is a text: clients hold `structuredContent` to the schema of what succeeds.
pub(crate) fn of_tool(error: &Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(Failure::from(error).json().to_string())])
}

/// The answer of a request that is no tool's.
pub(crate) fn of_request(error: &Error) -> ErrorData {
    let failure = Failure::from(error);
    let (message, data) = (failure.message.clone(), Some(failure.json()));
    match error.kind() {
        ErrorKind::NotFound => ErrorData::resource_not_found(message, data),
        ErrorKind::InvalidInput | ErrorKind::Unsupported => ErrorData::invalid_params(message, data),
        _ => ErrorData::internal_error(message, data),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do_and_never_fills_the_answer() {
        let error = Error::not_found("no such entity").with("entity", "x".repeat(1 << 20));
        let failure = Failure::from(&error);
        assert_eq!(failure.hint.as_deref(), Some("list_entities shows what is there"));
        assert!(failure.json().to_string().len() < 3_000);
        let told = Failure::from(&Error::timeout("late").with(HINT, "ask for less"));
        assert_eq!((told.hint.as_deref(), told.context.len(), told.retryable), (Some("ask for less"), 0, true));
    }
}
