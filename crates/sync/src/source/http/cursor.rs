//! Where a reading stands, as text.

use super::pagination::Next;
use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Where a reading stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// Of which source: by what decides on its items.
    pub(super) http: String,
    pub(super) at: At,
    /// From which value on it asks for what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<Value>,
    /// The highest value that it saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) high: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum At {
    /// Before this page.
    Before(Next),
    /// Behind the last; with the tag of the whole, where it is one page and has one.
    End(Option<String>),
}

impl Place {
    /// `InvalidInput` where it is no cursor of this kind.
    pub(super) fn read(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|_| Error::invalid_input("the cursor is not one of this source; clear it to read everything again"))
    }

    pub(super) fn write(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|source| Error::internal("a cursor could not be written").with_source(source))
    }
}

/// The higher of two values: of numbers, and of strings. A value of another kind than the one that was there is none.
pub(super) fn higher(one: Option<Value>, other: Option<&Value>) -> Option<Value> {
    match (&one, other) {
        (None, Some(Value::Number(_) | Value::String(_))) => other.cloned(),
        (Some(Value::String(a)), Some(Value::String(b))) if b > a => other.cloned(),
        (Some(Value::Number(a)), Some(Value::Number(b))) if exceeds(b, a) => other.cloned(),
        _ => one,
    }
}

/// Whole numbers are compared as such: as floats, those past 2^53 are alike.
fn exceeds(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    let whole = |number: &serde_json::Number| number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a > b,
        _ => a.as_f64() > b.as_f64(),
    }
}

/// Half a SHA-256, in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_higher_value_stays() {
        let of = |values: &[Value]| values.iter().fold(None, |high, value| higher(high, Some(value)));
        assert_eq!(of(&[json!("2026-01-02"), json!("2026-01-10"), json!("2026-01-03")]), Some(json!("2026-01-10")));
        assert_eq!(of(&[json!(9), json!(10), json!(9.5)]), Some(json!(10)));
        assert_eq!(
            of(&[json!(9_007_199_254_740_992_u64), json!(9_007_199_254_740_993_u64)]),
            Some(json!(9_007_199_254_740_993_u64))
        );
        assert_eq!(of(&[json!(null), json!("a"), json!(5), json!({})]), Some(json!("a")));
        assert_eq!(higher(None, None), None);
    }

    #[test]
    fn places_are_read_back() {
        for at in [At::Before(Next::Value("x".into())), At::End(None), At::End(Some("\"1\"".into())), At::Before(Next::First)] {
            let place = Place { http: "s".into(), at, since: None, high: Some(json!(3)) };
            assert_eq!(Place::read(&place.write().unwrap()).unwrap(), place);
        }
        for text in ["", "7", "{}", "{\"file\":\"x\"}"] {
            assert_eq!(Place::read(text).unwrap_err().kind(), mastra_core::ErrorKind::InvalidInput);
        }
    }
}
