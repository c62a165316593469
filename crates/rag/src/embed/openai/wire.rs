//! What goes over the wire, and what comes back.

use std::collections::HashSet;

use mastra_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::retry::Failure;
use super::settings::Settings;

/// 16,384 numbers of 24 digits, the most that any store takes, and what is around them.
const MOST_BYTES_A_TEXT: usize = 16_384 * 26 + 1_024;
/// The longest code or type of an error that is told.
const MOST_CODE: usize = 64;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

pub(super) fn request(settings: &Settings, texts: &[String]) -> Result<bytes::Bytes> {
    let request = Request { model: &settings.model, input: texts, encoding_format: "float", dimensions: settings.shortened };
    let body = serde_json::to_vec(&request).map_err(|_| Error::internal("the texts cannot be written as JSON"))?;
    Ok(body.into())
}

/// More than any answer to this many texts is long.
pub(super) const fn most_bytes(texts: usize) -> usize {
    texts.saturating_mul(MOST_BYTES_A_TEXT)
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    /// Some servers write a number that is none as null.
    embedding: Vec<Option<f32>>,
}

/// The vectors in the order of their texts, which is not always that of the answer.
pub(super) fn vectors(body: &[u8]) -> Result<Vec<Vec<f32>>, Failure> {
    // What is no such JSON is a page of something in between, or half an answer: the next may be whole. The parser's own error
    // could repeat some of it.
    let reply: Reply = serde_json::from_slice(body)
        .map_err(|_| Failure::again(Error::unavailable("the embedding server's answer is not what such servers send")))?;
    let mut items = reply.data;
    if items.iter().any(|item| item.index.is_some()) {
        let places: HashSet<Option<usize>> = items.iter().map(|item| item.index).collect();
        if (0..items.len()).any(|place| !places.contains(&Some(place))) {
            let error = Error::corrupt("the embedding server's answer leaves out a text, or tells one twice");
            return Err(Failure::last(error.with("vectors", items.len())));
        }
        items.sort_by_key(|item| item.index);
    }
    Ok(items.into_iter().map(|item| item.embedding.into_iter().map(|number| number.unwrap_or(f32::NAN)).collect()).collect())
}

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    error: Reason,
}

#[derive(Deserialize, Default)]
struct Reason {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    code: Option<serde_json::Value>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// What an answer that is no success says. Its message is read and never told: servers repeat keys and texts in it.
pub(super) fn failure(status: u16, body: &[u8]) -> Failure {
    let reason = serde_json::from_slice::<Refusal>(body).unwrap_or_default().error;
    let code = reason.code.as_ref().and_then(|code| code.as_str()).or(reason.kind.as_deref()).and_then(plain);
    let message = reason.message.unwrap_or_default().to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    let too_large = status == 413
        || (matches!(status, 400 | 422)
            && (code == Some("max_tokens_per_request")
                || says(&[
                    "context length",
                    "context size",
                    "too many inputs",
                    "too many tokens",
                    "too long",
                    "too large",
                    "batch size",
                ])));
    let (kind, text) = told(status, code, too_large);
    let mut error = Error::new(kind, text).with("status", status);
    if let Some(code) = code {
        error = error.with("code", code);
    }
    let quota = code == Some("insufficient_quota");
    let again = matches!(status, 408 | 409 | 425 | 429 | 500..) && !matches!(status, 501 | 505) && !quota;
    Failure { too_large, ..if again { Failure::again(error) } else { Failure::last(error) } }
}

fn told(status: u16, code: Option<&str>, too_large: bool) -> (ErrorKind, &'static str) {
    match status {
        _ if too_large => {
            (ErrorKind::InvalidInput, "a text is longer than the embedding model takes; cut it into smaller pieces")
        }
        401 | 403 => (ErrorKind::PermissionDenied, "the embedding server refuses the key; set OPENAI_API_KEY, or api_key"),
        404 => (ErrorKind::NotFound, "the embedding server has no such model, or does not listen under that URL"),
        408 | 504 => (ErrorKind::Timeout, "the embedding server ran out of time"),
        429 if code == Some("insufficient_quota") => {
            (ErrorKind::Unavailable, "the account at the embedding server has no quota left")
        }
        429 => (ErrorKind::Unavailable, "the embedding server throttles"),
        300..400 => (ErrorKind::InvalidInput, "the embedding server redirects, which is not followed; correct base_url"),
        400..500 => (ErrorKind::InvalidInput, "the embedding server refuses the call"),
        _ => (ErrorKind::Unavailable, "the embedding server failed"),
    }
}

/// A code is a word of the protocol; whatever is no such word could be anything.
fn plain(code: &str) -> Option<&str> {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    (!code.is_empty() && code.len() <= MOST_CODE && code.chars().all(word)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_what_to_do() {
        let kinds = [
            (400, ErrorKind::InvalidInput, false),
            (401, ErrorKind::PermissionDenied, false),
            (404, ErrorKind::NotFound, false),
            (307, ErrorKind::InvalidInput, false),
            (408, ErrorKind::Timeout, true),
            (429, ErrorKind::Unavailable, true),
            (500, ErrorKind::Unavailable, true),
            (501, ErrorKind::Unavailable, false),
            (504, ErrorKind::Timeout, true),
            (529, ErrorKind::Unavailable, true),
        ];
        for (status, kind, again) in kinds {
            let failure = failure(status, b"<html>");
            assert_eq!((failure.error.kind(), failure.again), (kind, again), "{status}");
        }
    }

    #[test]
    fn codes_are_told_and_nothing_else() {
        let body = br#"{"error":{"message":"key sk-1 and text","type":"t","code":"invalid_api_key"}}"#;
        let told = failure(401, body).error;
        assert_eq!(told.get("code"), Some("invalid_api_key"));
        assert!(!format!("{told:?}").contains("sk-1"));
        let odd = failure(400, br#"{"error":{"code":"sk-SECRET KEY","type":null}}"#).error;
        assert_eq!(odd.get("code"), None);
        assert!(!failure(429, br#"{"error":{"code":"insufficient_quota"}}"#).again);
    }

    #[test]
    fn too_large_is_seen_in_whatever_words() {
        assert!(failure(413, b"").too_large);
        assert!(failure(400, br#"{"error":{"message":"This model's maximum Context Length is 8192 tokens"}}"#).too_large);
        assert!(failure(400, br#"{"error":{"code":"max_tokens_per_request"}}"#).too_large);
        assert!(!failure(400, br#"{"error":{"message":"no such dimensions"}}"#).too_large);
        assert!(!failure(500, br#"{"error":{"message":"context length"}}"#).too_large);
    }
}
