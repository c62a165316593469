//! Hashes that tell two values apart, whatever the order of their keys.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A hash of several values, in 32 hexadecimal digits.
pub(super) fn of_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut hasher = Sha256::new();
    values.into_iter().for_each(|value| feed(&mut hasher, value));
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A hash of a value, in 32 hexadecimal digits.
pub(crate) fn of(value: &Value) -> String {
    of_all([value])
}

/// Every value begins with its type and, where it has parts, with their number, so that no two spell the same bytes.
fn feed(hasher: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hasher.update(b"n"),
        Value::Bool(bool) => hasher.update(if *bool { b"t" } else { b"f" }),
        Value::Number(number) => text(hasher, b"d", &number.to_string()),
        Value::String(string) => text(hasher, b"s", string),
        Value::Array(members) => {
            length(hasher, b"a", members.len());
            members.iter().for_each(|member| feed(hasher, member));
        }
        Value::Object(map) => {
            length(hasher, b"o", map.len());
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, child) in entries {
                text(hasher, b"k", key);
                feed(hasher, child);
            }
        }
    }
}

fn text(hasher: &mut Sha256, tag: &[u8], text: &str) {
    length(hasher, tag, text.len());
    hasher.update(text.as_bytes());
}

fn length(hasher: &mut Sha256, tag: &[u8], length: usize) {
    hasher.update(tag);
    hasher.update((length as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_that_differ_have_other_hashes_and_the_order_of_keys_has_none() {
        let values = [
            json!(null),
            json!(0),
            json!("0"),
            json!([0]),
            json!([[0]]),
            json!({"0": 0}),
            json!(""),
            json!([]),
            json!({}),
            json!(["", ""]),
            json!([[], ""]),
        ];
        for (at, left) in values.iter().enumerate() {
            assert!(values.iter().skip(at + 1).all(|right| of(left) != of(right)), "{left}");
        }
        let one: Value = serde_json::from_str(r#"{"a":1,"b":{"c":2,"d":3}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b":{"d":3,"c":2},"a":1}"#).unwrap();
        assert_eq!(of(&one), of(&other));
        assert_ne!(of_all([&json!("a"), &json!("b")]), of_all([&json!("ab"), &json!("")]));
    }
}
