//! Queries over the records of one entity, and the pages they give.

use crate::{
    cursor::Cursor,
    error::{Error, Result},
    filter::{Condition, Filter},
    path::Path,
    sort::SortKey,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Which records of an entity, in which order, and how much of them.
///
/// The default is every live record, whole, in order of id (that is, of creation). From JSON it reads two forms: its own
/// (`filter` in the filter language) and, where there is no `filter`, Mastra's older condition list (`filters`, with the paths
/// of conditions and sort under `data.`). A `limit` of 0 gives no rows in either.
///
/// ```
/// use mastra_core::{Filter, RecordQuery, sort::SortKey};
///
/// let query = RecordQuery::new()
///     .filter(Filter::eq("stage", "won")?)
///     .sort(SortKey::descending("amount")?)
///     .limit(50);
/// let older: RecordQuery = serde_json::from_value(serde_json::json!({
///     "filters": [{ "field": "data.stage", "operator": "eq", "value": "won" }],
///     "sort": [{ "field": "data.amount", "direction": "DESC" }],
///     "limit": 50, "offset": 0,
/// })).unwrap();
/// assert_eq!(query, older);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(try_from = "Wire")]
pub struct RecordQuery {
    /// Only records whose data matches.
    pub filter: Filter,
    /// Sort keys, the first deciding first; ties go by id ascending.
    pub sort: Vec<SortKey>,
    /// At most this many rows; `Some(0)` gives none, `None` all.
    pub limit: Option<u64>,
    /// Skip this many rows, behind the cursor where there is one.
    pub offset: u64,
    /// Continue behind the page that gave this cursor.
    pub cursor: Option<Cursor>,
    /// Return only these fields of the data; the whole where it is `None`.
    pub fields: Option<Vec<Path>>,
    /// Return deleted records too.
    pub include_deleted: bool,
    /// Only records changed (or, with `include_deleted`, deleted) after this time.
    pub updated_after: Option<Timestamp>,
}

impl RecordQuery {
    /// Every live record, in order of id.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only records whose data matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Adds a sort key behind those already there.
    #[must_use]
    pub fn sort(mut self, key: SortKey) -> Self {
        self.sort.push(key);
        self
    }

    /// At most this many rows; 0 gives none.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Skips this many rows.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Continues behind the page that gave this cursor.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<Cursor>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }

    /// Returns only these fields of the data.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = Path>) -> Self {
        self.fields = Some(fields.into_iter().collect());
        self
    }

    /// Returns deleted records too.
    #[must_use]
    pub fn include_deleted(mut self) -> Self {
        self.include_deleted = true;
        self
    }

    /// Only records changed after this time.
    #[must_use]
    pub fn updated_after(mut self, time: Timestamp) -> Self {
        self.updated_after = Some(time);
        self
    }

    /// What a cursor of this query is bound to: filter, sort, `include_deleted` and `updated_after`.
    pub fn fingerprint(&self) -> String {
        let sort: Vec<_> = self.sort.iter().map(|key| format!("{}{:?}", key.path, key.direction)).collect();
        let rest = (self.include_deleted, self.updated_after.map(|time| time.timestamp_micros()));
        crate::hash::short(&format!("{} {sort:?} {rest:?}", self.filter.fingerprint()))
    }

    /// Whether a live or deleted record belongs to the result, limit, offset and cursor aside.
    pub fn selects(&self, record: &crate::Record) -> bool {
        (self.include_deleted || record.deleted_at.is_none())
            && self.updated_after.is_none_or(|time| {
                record.updated_at > time || (self.include_deleted && record.deleted_at.is_some_and(|at| at > time))
            })
            && self.filter.matches(&record.data)
    }
}

/// Both written forms of a query.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    filter: Option<Filter>,
    filters: Option<Vec<Condition>>,
    #[serde(default)]
    sort: Vec<SortKey>,
    limit: Option<u64>,
    #[serde(default)]
    offset: u64,
    cursor: Option<Cursor>,
    fields: Option<Vec<Path>>,
    #[serde(default)]
    include_deleted: bool,
    updated_after: Option<Timestamp>,
}

impl TryFrom<Wire> for RecordQuery {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self> {
        // The older form addresses columns and data alike: `data.amount` is our `amount`. Only `filter` marks the form of our own.
        let older = wire.filter.is_none();
        let filter = match (wire.filter, wire.filters) {
            (Some(_), Some(_)) => return Err(Error::invalid_input("give either filter or the older filters, not both")),
            (Some(filter), None) => filter,
            (None, Some(conditions)) => Filter::try_from(conditions)?,
            (None, None) => Filter::default(),
        };
        let sort = if older { wire.sort.into_iter().map(SortKey::relative_to_data).collect::<Result<_>>()? } else { wire.sort };
        Ok(Self {
            filter,
            sort,
            limit: wire.limit,
            offset: wire.offset,
            cursor: wire.cursor,
            fields: wire.fields,
            include_deleted: wire.include_deleted,
            updated_after: wire.updated_after,
        })
    }
}

/// One page of a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The rows, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` behind the last row.
    pub next_cursor: Option<Cursor>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next_cursor: None }
    }
}

impl<T> IntoIterator for Page<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

/// Which records [`RecordStore::count_records`](crate::RecordStore::count_records) counts.
///
/// ```
/// use mastra_core::{CountQuery, Filter};
///
/// let won = CountQuery { filter: Filter::eq("stage", "won")?, cap: Some(1_000), ..CountQuery::default() };
/// # assert_eq!(won.cap, Some(1_000));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CountQuery {
    /// Only records whose data matches.
    pub filter: Filter,
    /// Count deleted records too.
    pub include_deleted: bool,
    /// Only records changed after this time.
    pub updated_after: Option<Timestamp>,
    /// Stop counting here; `None` counts all.
    pub cap: Option<u64>,
}

/// A number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// How many were counted.
    pub value: u64,
    /// Whether counting stopped at the cap, so that there may be more.
    pub capped: bool,
}

/// Which records to delete. Everything has to be asked for by name: an empty filter is refused.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordSelector {
    /// Those of these ids.
    Ids(Vec<crate::RecordId>),
    /// Those of these external ids.
    ExternalIds(Vec<String>),
    /// Those whose data matches; a filter that matches everything is `InvalidInput`.
    Filter(Filter),
    /// Every record of the entity.
    All,
}

/// How an engine would answer a query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The backend's own plan, a line an element.
    pub plan: Vec<String>,
    /// The indexes that the plan reads.
    pub indexes: Vec<String>,
    /// The operators that the backend cannot express and core finishes, such as `$regex`.
    pub finished_in_core: Vec<String>,
}
