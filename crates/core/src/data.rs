//! What may stand in a record's data.

use crate::{
    capabilities::DataCapabilities,
    error::{Error, Result},
    number::{keeps_number_text, text_of},
    path::Path,
};
use serde_json::{Number, Value};

/// How deep data may nest; the object itself is level 1.
pub const MAX_DEPTH: usize = 100;

/// The most digits before the decimal point that a Postgres `numeric`, and so its `jsonb`, holds.
const NUMERIC_INTEGER_DIGITS: i64 = 131_072;
/// The most digits behind the decimal point that it holds.
const NUMERIC_FRACTION_DIGITS: i64 = 16_383;

/// Refuses data that is no object, nests deeper than [`MAX_DEPTH`], or holds what the backend would change; the error names
/// the place as `path`.
///
/// ```
/// use mastra_core::{capabilities::DataCapabilities, data::check};
/// use serde_json::json;
///
/// let error = check(&json!({ "a": ["\u{0}"] }), &DataCapabilities::default()).unwrap_err();
/// assert_eq!(error.get("path"), Some("a.0"));
/// ```
pub fn check(data: &Value, allowed: &DataCapabilities) -> Result<()> {
    if !data.is_object() {
        return Err(Error::invalid_input("data has to be a JSON object"));
    }
    if is_ordinary(data, allowed, MAX_DEPTH) {
        return Ok(());
    }
    Walk { allowed, path: Vec::new() }.visit(data)
}

/// Whether data is seen at a glance to be fine, which nearly all is; what is not gets a walk that knows where it stands.
fn is_ordinary(value: &Value, allowed: &DataCapabilities, levels: usize) -> bool {
    let text = |text: &str| allowed.nul_characters || !text.as_bytes().contains(&0);
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => allowed.unbounded_numbers || is_short(number),
        Value::String(string) => text(string),
        Value::Array(members) => levels > 0 && members.iter().all(|member| is_ordinary(member, allowed, levels - 1)),
        Value::Object(map) => levels > 0 && map.iter().all(|(key, child)| text(key) && is_ordinary(child, allowed, levels - 1)),
    }
}

/// Whether a number has few digits, as those that are no text always have.
fn is_short(number: &Number) -> bool {
    !keeps_number_text() || {
        let text = text_of(number);
        text.len() < 1_000 && !text.bytes().any(|byte| matches!(byte, b'e' | b'E'))
    }
}

struct Walk<'a> {
    allowed: &'a DataCapabilities,
    path: Vec<Step<'a>>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Walk<'a> {
    fn visit(&mut self, value: &'a Value) -> Result<()> {
        match value {
            Value::Null | Value::Bool(_) => Ok(()),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.text(text),
            Value::Array(members) => {
                self.depth()?;
                members.iter().enumerate().try_for_each(|(index, member)| self.descend(Step::Index(index), member))
            }
            Value::Object(map) => {
                self.depth()?;
                map.iter().try_for_each(|(key, child)| {
                    self.path.push(Step::Key(key));
                    let checked = self.text(key).and_then(|()| self.visit(child));
                    self.path.pop();
                    checked
                })
            }
        }
    }

    fn descend(&mut self, step: Step<'a>, value: &'a Value) -> Result<()> {
        self.path.push(step);
        let checked = self.visit(value);
        self.path.pop();
        checked
    }

    fn depth(&self) -> Result<()> {
        if self.path.len() >= MAX_DEPTH {
            return Err(self.refuse(format!("data nests deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    fn text(&self, text: &str) -> Result<()> {
        if !self.allowed.nul_characters && text.contains('\0') {
            return Err(self.refuse("this backend cannot store the character U+0000"));
        }
        Ok(())
    }

    fn number(&self, number: &Number) -> Result<()> {
        if self.allowed.unbounded_numbers || number.is_i64() || number.is_u64() {
            return Ok(());
        }
        let (integer, fraction) = digits(&number.to_string());
        if integer > NUMERIC_INTEGER_DIGITS || fraction > NUMERIC_FRACTION_DIGITS {
            return Err(self.refuse("this backend would round the number, or cannot hold it"));
        }
        Ok(())
    }

    fn refuse(&self, message: impl Into<String>) -> Error {
        let segments = self.path.iter().map(|step| match step {
            Step::Key(key) => Path::from_segments([*key]).map_or_else(|_| String::new(), |key| key.to_string()),
            Step::Index(index) => index.to_string(),
        });
        // A hundred levels make a long line; the first ten say where to look.
        let shown: Vec<String> = segments.take(10).collect();
        let more = if self.path.len() > shown.len() { "…" } else { "" };
        Error::invalid_input(message).with("path", format!("{}{more}", shown.join(".")))
    }
}

/// How many digits a JSON number has before and behind its point once the exponent is spelled out.
fn digits(text: &str) -> (i64, i64) {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 4 } else { i64::MAX / 4 });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if mantissa.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return (1, i64::try_from(fraction.len()).unwrap_or(i64::MAX).saturating_sub(exponent).max(0));
    }
    let length = |part: &str| i64::try_from(part.len()).unwrap_or(i64::MAX / 4);
    (length(whole).saturating_add(exponent), length(fraction).saturating_sub(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }))
    }

    #[test]
    fn a_hundred_levels_are_kept_and_one_more_is_refused_by_path() {
        let all = DataCapabilities { nul_characters: true, unbounded_numbers: true };
        assert!(check(&nested(100), &all).is_ok());
        let error = check(&nested(101), &all).unwrap_err();
        assert!(error.get("path").is_some_and(|path| path.starts_with("a.a.")));
    }

    #[test]
    fn nul_is_refused_in_values_and_keys_where_it_cannot_be_stored() {
        for data in [json!({ "a": "x\0" }), json!({ "\0": 1 }), json!({ "a": { "b": ["\0"] } })] {
            assert!(check(&data, &DataCapabilities::default()).is_err());
            assert!(check(&data, &DataCapabilities { nul_characters: true, ..DataCapabilities::default() }).is_ok());
        }
    }

    #[test]
    fn the_path_is_one_that_a_filter_reads() {
        let error = check(&json!({ "$x.y": { "a\\b": ["", "\0"] } }), &DataCapabilities::default()).unwrap_err();
        let path: Path = error.get("path").unwrap().parse().unwrap();
        assert_eq!(path.segments(), ["$x.y", "a\\b", "1"]);
    }

    #[test]
    fn digits_are_counted_without_spelling_them_out() {
        assert_eq!(digits("12.345"), (2, 3));
        assert_eq!(digits("1e5"), (6, 0 - 5));
        assert_eq!(digits("1.5e-3").1, 4);
        assert!(digits("1e99999999999999999999").0 > NUMERIC_INTEGER_DIGITS);
        assert!(digits("1e-99999999999999999999").1 > NUMERIC_FRACTION_DIGITS);
    }
}
