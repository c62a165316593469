//! The shape of a sample of documents.

use super::shape::{Field, Object, Shape};
use chrono::{DateTime, NaiveDate};
use mastra_core::number::Number;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A text field is an enum when it has two to this many values, …
const ENUM_VALUES: usize = 8;
/// … each at most this long, in characters, …
const ENUM_LENGTH: usize = 40;
/// … and was seen at least this often for each of them.
const ENUM_SEEN_EACH: usize = 4;

/// What was seen at one place of the documents.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    nulls: usize,
    bools: usize,
    integers: usize,
    floats: usize,
    decimals: usize,
    /// Whole numbers that floating point would round.
    large: usize,
    strings: Strings,
    arrays: Option<Box<Sample>>,
    objects: usize,
    fields: BTreeMap<String, (usize, Sample)>,
}

#[derive(Debug, Default)]
struct Strings {
    count: usize,
    datetimes: usize,
    dates: usize,
    /// The distinct values, as long as they may still be an enum.
    values: BTreeSet<String>,
    many: bool,
}

impl Sample {
    /// Takes one more value.
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.bools += 1,
            Value::Number(number) => self.number(number),
            Value::String(text) => self.strings.add(text),
            Value::Array(members) => {
                let inside = self.arrays.get_or_insert_default();
                members.iter().for_each(|member| inside.add(member));
            }
            Value::Object(map) => {
                self.objects += 1;
                for (key, child) in map {
                    let (seen, sample) = self.fields.entry(key.clone()).or_default();
                    *seen += 1;
                    sample.add(child);
                }
            }
        }
    }

    fn number(&mut self, number: &serde_json::Number) {
        let text = number.to_string();
        if let Some(whole) = number.as_i64().filter(|_| !text.contains(['.', 'e', 'E'])) {
            self.integers += 1;
            self.large += usize::from(whole.unsigned_abs() > 1 << f64::MANTISSA_DIGITS);
            return;
        }
        // Exact only if floating point gives the same decimal value back.
        let kept = number
            .as_f64()
            .and_then(serde_json::Number::from_f64)
            .is_some_and(|float| Number::from(float) == Number::from(number.clone()));
        if kept { self.floats += 1 } else { self.decimals += 1 }
    }

    /// The shape of all that was seen.
    pub(crate) fn shape(&self) -> Shape {
        let mut parts = Vec::new();
        if self.nulls > 0 {
            parts.push(Shape::Null);
        }
        if self.bools > 0 {
            parts.push(Shape::Bool);
        }
        match (self.integers > 0, self.floats > 0, self.decimals > 0) {
            (_, _, true) => parts.push(Shape::Decimal),
            (true, true, _) if self.large > 0 => parts.push(Shape::Decimal),
            (_, true, _) => parts.push(Shape::Float),
            (true, ..) => parts.push(Shape::Integer),
            _ => {}
        }
        parts.extend(self.strings.shape());
        if let Some(members) = &self.arrays {
            parts.push(Shape::Array(Box::new(members.shape())));
        }
        if self.objects > 0 {
            parts.push(Shape::Object(self.object()));
        }
        Shape::union(parts)
    }

    fn object(&self) -> Object {
        let fields = self.fields.iter().map(|(key, (seen, sample))| {
            let optional = *seen < self.objects;
            (key.clone(), Field { shape: sample.shape(), optional, description: None })
        });
        Object { fields: fields.collect(), closed: false }
    }
}

impl Strings {
    fn add(&mut self, text: &str) {
        self.count += 1;
        self.datetimes += usize::from(is_datetime(text));
        self.dates += usize::from(is_date(text));
        if !self.many {
            self.many = text.is_empty() || text.chars().count() > ENUM_LENGTH;
            self.values.insert(text.to_owned());
            self.many |= self.values.len() > ENUM_VALUES;
            if self.many {
                self.values.clear();
            }
        }
    }

    fn shape(&self) -> Option<Shape> {
        if self.count == 0 {
            return None;
        }
        Some(if self.datetimes == self.count {
            Shape::DateTime
        } else if self.dates == self.count {
            Shape::Date
        } else if !self.many && self.values.len() > 1 && self.count >= self.values.len() * ENUM_SEEN_EACH {
            Shape::Enum { values: self.values.clone(), closed: false }
        } else {
            Shape::String
        })
    }
}

/// Whether a text is an ISO 8601 date and time with an offset.
fn is_datetime(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && DateTime::parse_from_rfc3339(text).is_ok()
}

/// Whether a text is an ISO 8601 calendar date.
fn is_date(text: &str) -> bool {
    text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn infer(values: &[Value]) -> Shape {
        let mut sample = Sample::default();
        values.iter().for_each(|value| sample.add(value));
        sample.shape()
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(infer(&[json!(1), json!(2)]), Shape::Integer);
        assert_eq!(infer(&[json!(1), json!(2.5)]), Shape::Float);
        assert_eq!(infer(&[json!(i64::MAX), json!(2.5)]), Shape::Decimal);
        assert_eq!(infer(&[json!(u64::MAX)]), Shape::Decimal);
    }

    #[test]
    fn texts_are_dates_enums_or_texts() {
        assert_eq!(infer(&[json!("2026-01-31")]), Shape::Date);
        assert_eq!(infer(&[json!("2026-01-31T09:30:00Z"), json!("2026-01-31T09:30:00.5+02:00")]), Shape::DateTime);
        assert_eq!(infer(&[json!("2026-13-31")]), Shape::String);
        let stages = ["won", "lost", "won", "won", "lost", "won", "lost", "won"].map(|stage| json!(stage));
        assert_eq!(infer(&stages), Shape::Enum { values: ["lost".into(), "won".into()].into(), closed: false });
        assert_eq!(infer(&[json!("won"), json!("lost")]), Shape::String, "too few to tell");
    }

    #[test]
    fn fields_are_optional_where_one_lacks_them_and_unions_where_they_differ() {
        let Shape::Object(object) = infer(&[json!({ "a": 1, "b": null }), json!({ "a": "x" })]) else { panic!("no object") };
        assert_eq!(object.fields["a"].shape, Shape::union([Shape::Integer, Shape::String]));
        assert!(!object.fields["a"].optional && object.fields["b"].optional);
    }
}
