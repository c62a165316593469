//! Values out of text.

use serde_json::Value;

/// What a text says, where it says a number, `true` or `false`; the empty text is null, and every other stays a text.
///
/// A number has to be spelled as JSON spells it, so that `007` and `+1` stay texts, and to be kept digit by digit.
pub(super) fn infer(text: &str) -> Value {
    match text {
        "" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// The number that a text spells; none where it spells none, or one that would be rounded.
pub(super) fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        || !text.ends_with(|last: char| last.is_ascii_digit())
    {
        return None;
    }
    let number: serde_json::Number = text.parse().ok()?;
    let exact = number.is_i64() || number.is_u64() || is_exact(&number, text);
    exact.then_some(Value::Number(number))
}

/// Whether a number has every digit of its text, as it has not where numbers are kept as floating point.
fn is_exact(number: &serde_json::Number, text: &str) -> bool {
    canonical(&number.to_string()) == canonical(text)
}

/// Digits and power of ten of a number's text.
fn canonical(text: &str) -> (bool, String, i64) {
    let (mantissa, power) = match text.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, power.parse().unwrap_or(i64::MAX / 2)),
        None => (text, 0),
    };
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let power =
        power - i64::try_from(fraction.len()).unwrap_or_default() + i64::try_from(digits.len() - kept.len()).unwrap_or_default();
    let kept = kept.trim_start_matches('0');
    if kept.is_empty() { (false, String::new(), 0) } else { (negative, kept.to_owned(), power) }
}

/// Whether numbers of more digits than a double holds keep them; so that a test can say which it expects.
#[cfg(test)]
pub(super) fn keeps_digits() -> bool {
    serde_json::from_str::<serde_json::Number>("0.12345678901234567890").unwrap().to_string().len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_json_spells_is_taken_for_more_than_text() {
        for text in ["007", "+1", "1.", ".5", "1e", "NaN", "-", " 1", "1 ", "TRUE", "null", "0x10", "1_000", "1,5", "--1"] {
            assert_eq!(infer(text), Value::String(text.to_owned()));
        }
        assert_eq!(infer(""), Value::Null);
        assert_eq!((infer("true"), infer("false")), (json!(true), json!(false)));
        assert_eq!(
            (infer("-12"), infer("0.50"), infer("18446744073709551615")),
            (json!(-12), "0.50".parse().unwrap(), json!(u64::MAX))
        );
        assert!(infer("1e3").is_number() && infer("-0").is_number());
    }

    #[test]
    fn no_digit_is_lost() {
        for text in ["12345678901234567890123", "0.12345678901234567890", "1e400"] {
            assert_eq!(infer(text).is_number(), keeps_digits(), "{text}");
        }
    }
}
