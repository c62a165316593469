//! Hashes that tell two values apart, whatever the order of their keys.

use mastra_core::number::Number;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A hash of several values, in 32 hexadecimal digits.
pub(super) fn of_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Many short pieces are gathered first: the hash takes one long one in a fraction of the time.
    let mut bytes = Vec::with_capacity(1_024);
    values.into_iter().for_each(|value| feed(&mut bytes, value));
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    Sha256::digest(&bytes).iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A hash of a value, in 32 hexadecimal digits.
pub(crate) fn of(value: &Value) -> String {
    of_all([value])
}

/// Every value begins with its type and, where it has parts, with their number, so that no two spell the same bytes.
fn feed(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => bytes.push(b'n'),
        Value::Bool(bool) => bytes.push(if *bool { b't' } else { b'f' }),
        // By value: a database may give a number back in another spelling.
        Value::Number(number) => text(bytes, b'd', &Number::from(number.clone()).canonical()),
        Value::String(string) => text(bytes, b's', string),
        Value::Array(members) => {
            length(bytes, b'a', members.len());
            members.iter().for_each(|member| feed(bytes, member));
        }
        Value::Object(map) => {
            length(bytes, b'o', map.len());
            // In order of the keys, whether or not the map keeps them so.
            let pair = |(key, child): (&String, &Value), bytes: &mut Vec<u8>| {
                text(bytes, b'k', key);
                feed(bytes, child);
            };
            if map.keys().is_sorted() {
                map.iter().for_each(|entry| pair(entry, bytes));
            } else {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_unstable_by_key(|(key, _)| *key);
                entries.into_iter().for_each(|entry| pair(entry, bytes));
            }
        }
    }
}

fn text(bytes: &mut Vec<u8>, tag: u8, text: &str) {
    length(bytes, tag, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn length(bytes: &mut Vec<u8>, tag: u8, length: usize) {
    bytes.push(tag);
    bytes.extend_from_slice(&(length as u64).to_le_bytes());
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
        assert_eq!(of(&json!(-0.0)), of(&json!(0)));
        assert_eq!(of(&json!(1e3)), of(&json!(1000)));
        assert_ne!(of_all([&json!("a"), &json!("b")]), of_all([&json!("ab"), &json!("")]));
    }
}
