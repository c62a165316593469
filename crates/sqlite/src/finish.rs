//! Which documents SQL alone can judge.
//!
//! SQLite computes with 64-bit integers and floats and ends strings at U+0000. A document within those bounds is compared in SQL
//! exactly as core compares it; any other is marked, always a candidate, and judged in core.

use mastra_core::number::compare_numbers;
use serde_json::{Number, Value};

/// Floats are exact below this: above it, a float's own value and its decimal spelling may stand on different sides of an integer.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// And above this: SQLite's reader is right to the last bit for numbers of everyday size only (`tests/numbers.rs` measures it).
const SMALLEST: f64 = 1e-15;

/// The longest spelling that SQLite's reader was measured with.
const LONGEST: usize = 24;

/// Whether a document holds a number that SQLite would round, or the character U+0000.
pub(crate) fn needs_core(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => !number.is_i64() && !is_everyday(&number.to_string()) && !is_exact_spelling(number),
        Value::String(text) => text.contains('\0'),
        Value::Array(members) => members.iter().any(needs_core),
        Value::Object(map) => map.iter().any(|(key, value)| key.contains('\0') || needs_core(value)),
    }
}

/// Whether the spelling alone shows that a number is exact: a decimal of at most 15 digits is the shortest spelling of its float,
/// and one that is written out in so few is of everyday size.
fn is_everyday(text: &str) -> bool {
    text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'))
}

fn is_exact_spelling(number: &Number) -> bool {
    is_exact_float(number) && number.to_string().len() <= LONGEST
}

/// Whether a number can be bound so that it compares with the numbers of rows that SQL judges as its decimal value does.
///
/// Integers of 64 bits do, however they are spelled. So does a float of everyday size that is the shortest spelling of itself: such
/// spellings rise with their floats. No other number equals one of such a row.
pub(crate) fn is_exact(number: &Number) -> bool {
    mastra_core::number::Number::from(number.clone()).as_i64().is_some() || is_exact_float(number)
}

fn is_exact_float(number: &Number) -> bool {
    let Some(float) = number.as_f64().filter(|float| *float == 0.0 || (SMALLEST..LARGEST).contains(&float.abs())) else {
        return false;
    };
    Number::from_f64(float).is_some_and(|shortest| compare_numbers(number, &shortest).is_eq())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> bool {
        needs_core(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn ordinary_documents_are_left_to_sql() {
        for json in [r#"{"a":1,"b":-2.5,"c":[0.1,1e5,0.0],"d":{"e":"é\n"},"f":null}"#, "{}", r#"{"n":9223372036854775807}"#] {
            assert!(!of(json), "{json}");
        }
    }

    #[test]
    fn what_is_told_by_its_spelling_is_exact() {
        let everyday = ["1.5", "-0.1", "0.0", "123456789012.345", "0.00000000000001", "-1234567890.1234", "99999999999999.9"];
        for text in everyday {
            assert!(is_everyday(text) && is_exact_float(&serde_json::from_str(text).unwrap()), "{text}");
        }
        for text in ["1e5", "1234567890123.4567", "0.000000000000001"] {
            assert!(!is_everyday(text), "{text}");
        }
    }

    #[test]
    fn what_sqlite_would_change_is_left_to_core() {
        let documents = [
            r#"{"a":[{"b":"x\u0000"}]}"#,
            r#"{"\u0000":1}"#,
            r#"{"n":9223372036854775808}"#,
            r#"{"n":1e300}"#,
            r#"{"n":5e-324}"#,
        ];
        for json in documents {
            assert!(of(json), "{json}");
        }
    }
}
