//! The one order of values.
//!
//! number < string < boolean < null < array < object, false before true, numbers by decimal value, strings by code point; arrays
//! tie with one another and so do objects. Descending turns all of that round. A missing value stands last in both directions,
//! and rows that tie on every key go by id ascending.

use crate::{
    error::{Error, Result},
    filter::IntoPath,
    number::compare_numbers,
    path::{Path, array_index},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use std::cmp::Ordering;
use std::str::FromStr;

/// Which way a sort key runs.
///
/// Written `ASC` or `DESC`, in any case.
///
/// ```
/// use mastra_core::sort::Direction;
///
/// assert_eq!("desc".parse::<Direction>()?, Direction::Descending);
/// assert!("down".parse::<Direction>().is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub enum Direction {
    /// Smallest first.
    #[default]
    #[serde(rename = "ASC")]
    Ascending,
    /// Largest first, the types turned round too; what is missing stays last.
    #[serde(rename = "DESC")]
    Descending,
}

impl FromStr for Direction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("ASC") {
            Ok(Self::Ascending)
        } else if text.eq_ignore_ascii_case("DESC") {
            Ok(Self::Descending)
        } else {
            Err(Error::invalid_input("a sort direction is ASC or DESC"))
        }
    }
}

impl<'de> Deserialize<'de> for Direction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A field to sort by, and which way.
///
/// In JSON `{"field": "company.name", "direction": "DESC"}`; the direction is ascending where it is left out.
///
/// ```
/// use mastra_core::sort::SortKey;
///
/// let key: SortKey = serde_json::from_str(r#"{"field": "amount", "direction": "desc"}"#).unwrap();
/// assert_eq!(key, SortKey::descending("amount")?);
/// assert!(serde_json::from_str::<SortKey>(r#"{"field": "amount", "direction": ""}"#).is_err());
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SortKey {
    /// What to sort by, relative to the document.
    #[serde(rename = "field")]
    pub path: Path,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl SortKey {
    /// Smallest first.
    ///
    /// ```
    /// # use mastra_core::sort::{Direction, SortKey};
    /// assert_eq!(SortKey::ascending("name")?.direction, Direction::Ascending);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn ascending(path: impl IntoPath) -> Result<Self> {
        Ok(Self { path: path.into_path()?, direction: Direction::Ascending })
    }

    /// Largest first.
    ///
    /// ```
    /// # use mastra_core::sort::{Direction, SortKey};
    /// assert_eq!(SortKey::descending("name")?.direction, Direction::Descending);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn descending(path: impl IntoPath) -> Result<Self> {
        Ok(Self { path: path.into_path()?, direction: Direction::Descending })
    }

    /// The key without one `data.` in front of its path, as the older query form writes it; `data` alone is refused.
    ///
    /// ```
    /// # use mastra_core::sort::SortKey;
    /// let older = SortKey::ascending("data.name")?;
    /// assert_eq!(older.relative_to_data()?, SortKey::ascending("name")?);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn relative_to_data(self) -> Result<Self> {
        Ok(Self { path: crate::filter::relative_to_data(self.path)?, ..self })
    }

    /// How two documents stand under this key.
    ///
    /// ```
    /// # use mastra_core::sort::SortKey;
    /// # use serde_json::json;
    /// let key = SortKey::descending("amount")?;
    /// assert!(key.compare(&json!({"amount": 10}), &json!({"amount": 9.5})).is_lt());
    /// assert!(key.compare(&json!({"amount": 10}), &json!({})).is_lt());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn compare(&self, left: &Value, right: &Value) -> Ordering {
        compare(sort_value(left, &self.path), sort_value(right, &self.path), self.direction)
    }
}

/// The place of a value's type in the ascending order; a missing value is behind all of them, in both directions.
///
/// ```
/// use mastra_core::sort::Rank;
/// use serde_json::json;
///
/// assert!(Rank::of(Some(&json!("10"))) > Rank::of(Some(&json!(10))));
/// assert_eq!(Rank::of(None), Rank::Missing);
/// assert_eq!(Rank::Object as u8, 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rank {
    /// By decimal value.
    Number = 0,
    /// By code point.
    String = 1,
    /// False before true.
    Boolean = 2,
    /// Null.
    Null = 3,
    /// All arrays tie.
    Array = 4,
    /// All objects tie.
    Object = 5,
    /// The path leads nowhere.
    Missing = 6,
}

impl Rank {
    /// The rank of what a sort path leads to.
    pub const fn of(value: Option<&Value>) -> Self {
        match value {
            Some(Value::Number(_)) => Self::Number,
            Some(Value::String(_)) => Self::String,
            Some(Value::Bool(_)) => Self::Boolean,
            Some(Value::Null) => Self::Null,
            Some(Value::Array(_)) => Self::Array,
            Some(Value::Object(_)) => Self::Object,
            None => Self::Missing,
        }
    }
}

/// What a path leads to for sorting: through object keys and canonical array indexes only, never through the members of an
/// array, so that a row has one place.
///
/// ```
/// use mastra_core::sort::sort_value;
/// use serde_json::json;
///
/// let row = json!({"lines": [{"n": 1}, {"n": 2}]});
/// assert_eq!(sort_value(&row, &"lines.1.n".parse()?), Some(&json!(2)));
/// assert_eq!(sort_value(&row, &"lines.n".parse()?), None);
/// # Ok::<(), mastra_core::Error>(())
/// ```
pub fn sort_value<'v>(document: &'v Value, path: &Path) -> Option<&'v Value> {
    path.segments().iter().try_fold(document, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) => items.get(array_index(key)?),
        _ => None,
    })
}

/// How two values stand in the order of this module, `None` being missing.
///
/// ```
/// use mastra_core::sort::{Direction, compare};
/// use serde_json::json;
///
/// assert!(compare(Some(&json!(9)), Some(&json!("1")), Direction::Ascending).is_lt());
/// assert!(compare(Some(&json!(9)), Some(&json!("1")), Direction::Descending).is_gt());
/// assert!(compare(None, Some(&json!(9)), Direction::Descending).is_gt());
/// assert!(compare(Some(&json!([1])), Some(&json!([2])), Direction::Ascending).is_eq());
/// ```
pub fn compare(left: Option<&Value>, right: Option<&Value>, direction: Direction) -> Ordering {
    let ascending = match (left, right) {
        (None, _) | (_, None) => return Rank::of(left).cmp(&Rank::of(right)),
        (Some(Value::Number(left)), Some(Value::Number(right))) => compare_numbers(left, right),
        (Some(Value::String(left)), Some(Value::String(right))) => left.cmp(right),
        (Some(Value::Bool(left)), Some(Value::Bool(right))) => left.cmp(right),
        _ => Rank::of(left).cmp(&Rank::of(right)),
    };
    match direction {
        Direction::Ascending => ascending,
        Direction::Descending => ascending.reverse(),
    }
}
