//! Keyset cursors: where a page ended, and of which query.

use crate::{
    error::{Error, Result},
    ids::RecordId,
    number::Number,
    query::RecordQuery,
    sort::{Direction, SortKey, sort_value},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Ordering;
use std::fmt;
use uuid::Uuid;

/// An opaque mark behind the last row of a page.
///
/// It carries a hash of the query's filter, sort, `include_deleted` and `updated_after`, and is refused with any others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

/// What a [`Cursor`] says: the sort values and id of the last row.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// One point for each sort key of the query, in its order.
    pub keys: Vec<SortPoint>,
    /// The id of the last row, which breaks ties.
    pub id: RecordId,
}

/// A value as sorting sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SortPoint {
    /// A number, by decimal value.
    Number(Number),
    /// A string, by code point.
    String(String),
    /// A boolean, false first.
    Boolean(bool),
    /// Null.
    Null,
    /// Any array: arrays tie.
    Array,
    /// Any object: objects tie.
    Object,
    /// The path leads nowhere: last in either direction.
    Missing,
}

impl SortPoint {
    /// The point of what a sort path leads to.
    pub fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Missing,
            Some(Value::Null) => Self::Null,
            Some(Value::Bool(value)) => Self::Boolean(*value),
            Some(Value::Number(value)) => Self::Number(Number::from(value.clone())),
            Some(Value::String(value)) => Self::String(value.clone()),
            Some(Value::Array(_)) => Self::Array,
            Some(Value::Object(_)) => Self::Object,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::String(_) => 1,
            Self::Boolean(_) => 2,
            Self::Null => 3,
            Self::Array => 4,
            Self::Object => 5,
            Self::Missing => 6,
        }
    }

    /// How two points stand in `direction`: descending turns the types round too, and missing stays last.
    pub fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        let natural = match (self, other) {
            (Self::Missing, _) | (_, Self::Missing) => return self.rank().cmp(&other.rank()),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::String(a), Self::String(b)) => a.cmp(b),
            (Self::Boolean(a), Self::Boolean(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        };
        match direction {
            Direction::Ascending => natural,
            Direction::Descending => natural.reverse(),
        }
    }
}

impl Position {
    /// The position of a row, from its whole data.
    pub fn of(sort: &[SortKey], data: &Value, id: RecordId) -> Self {
        Self { keys: sort.iter().map(|key| SortPoint::of(sort_value(data, &key.path))).collect(), id }
    }

    /// How two rows stand under `sort`, ties broken by id ascending.
    pub fn compare(&self, other: &Self, sort: &[SortKey]) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).zip(sort);
        keys.map(|((a, b), key)| a.compare(b, key.direction))
            .find(|ordering| ordering.is_ne())
            .unwrap_or_else(|| self.id.cmp(&other.id))
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(rename = "q")]
    query: String,
    #[serde(rename = "k", default)]
    keys: Vec<SortPoint>,
    #[serde(rename = "i")]
    id: Uuid,
}

impl Cursor {
    /// The cursor behind a row of this query.
    pub fn after(query: &RecordQuery, position: Position) -> Result<Self> {
        Self::encode(query.fingerprint(), position.keys, position.id.as_uuid())
    }

    /// The position, where the cursor is one of this query; else `InvalidInput`.
    pub fn position(&self, query: &RecordQuery) -> Result<Position> {
        let wire = self.decode()?;
        if wire.query != query.fingerprint() || wire.keys.len() != query.sort.len() {
            return Err(Error::invalid_input(
                "the cursor belongs to a query with another filter or sort; start again without a cursor",
            ));
        }
        Ok(Position { keys: wire.keys, id: wire.id.into() })
    }

    /// The cursor behind a row of a list that is ordered by id alone; `list` names the list and its conditions.
    pub fn after_id(list: &str, id: Uuid) -> Result<Self> {
        Self::encode(crate::hash::short(list), Vec::new(), id)
    }

    /// The id that [`Cursor::after_id`] was given, where it was made for the same list; else `InvalidInput`.
    pub fn id(&self, list: &str) -> Result<Uuid> {
        let wire = self.decode()?;
        if wire.query != crate::hash::short(list) {
            return Err(Error::invalid_input("the cursor belongs to another list; start again without a cursor"));
        }
        Ok(wire.id)
    }

    /// The written form, safe in URLs.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn encode(query: String, keys: Vec<SortPoint>, id: Uuid) -> Result<Self> {
        serde_json::to_vec(&Wire { query, keys, id })
            .map(|json| Self(URL_SAFE_NO_PAD.encode(json)))
            .map_err(|source| Error::internal("a cursor could not be written").with_source(source))
    }

    fn decode(&self) -> Result<Wire> {
        let bad = || Error::invalid_input("not a cursor that this engine gave");
        let json = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| bad())?;
        serde_json::from_slice(&json).map_err(|_| bad())
    }
}

impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
