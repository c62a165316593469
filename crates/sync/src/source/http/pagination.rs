//! How a list is parted into pages, and which page comes next.

use super::links::next_link;
use crate::source::web::{Answer, target};
use mastra_core::{Error, Path, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a list is parted into pages.
///
/// Where items come and go while a list is read by numbers or offsets, those behind them change their places, and some can be passed over:
/// in full mode a run would take them for deleted. Such a list is to be asked for in an order in which new items come last and items stay
/// where they are; cursors, URLs and links are as good as the server makes them.
///
/// ```
/// use mastra_sync::source::http::Pagination;
///
/// let github = Pagination::Link;
/// let stripe = Pagination::cursor("next_page", "page");
/// let numbered = Pagination::page("page");
/// assert_eq!(numbered, Pagination::Page { parameter: "page".into(), first: 1 });
/// # let _ = (github, stripe);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pagination {
    /// It is not: all stands on one page.
    #[default]
    None,
    /// The answer names the next page by a cursor, which a query parameter gives back.
    Cursor {
        /// Where it stands in the answer, as a dotted path. Null, `false`, an empty string, or nothing at all: there is no more.
        next: String,
        /// The query parameter.
        parameter: String,
    },
    /// The answer holds the URL of the next page.
    NextUrl {
        /// Where it stands in the answer, as a dotted path. Null, an empty string, or nothing at all: there is no more.
        next: String,
    },
    /// Pages have numbers, up to one that is empty.
    Page {
        /// The query parameter.
        parameter: String,
        /// The number of the first page.
        first: u64,
    },
    /// A query parameter says how many items to pass over, up to a page that is empty.
    Offset {
        /// The query parameter.
        parameter: String,
    },
    /// The header `Link` names the next page (`rel="next"`, RFC 8288). Without one there is no more.
    Link,
}

impl Pagination {
    /// A cursor that stands at `next` in the answer and is given back as `parameter`.
    pub fn cursor(next: impl Into<String>, parameter: impl Into<String>) -> Self {
        Self::Cursor { next: next.into(), parameter: parameter.into() }
    }

    /// A URL that stands at `next` in the answer.
    pub fn next_url(next: impl Into<String>) -> Self {
        Self::NextUrl { next: next.into() }
    }

    /// Numbers from 1 on.
    pub fn page(parameter: impl Into<String>) -> Self {
        Self::Page { parameter: parameter.into(), first: 1 }
    }

    /// A number of items to pass over.
    pub fn offset(parameter: impl Into<String>) -> Self {
        Self::Offset { parameter: parameter.into() }
    }

    /// Whether an empty page, or one that is not there, says that there is no more.
    pub(super) fn counts(&self) -> bool {
        matches!(self, Self::Page { .. } | Self::Offset { .. })
    }
}

/// Which page to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    First,
    /// A cursor, a number of a page, a number of items.
    Value(String),
    Url(String),
}

impl Next {
    /// The page to begin with.
    pub(super) fn first(pagination: &Pagination) -> Self {
        match pagination {
            Pagination::Page { first, .. } => Self::Value(first.to_string()),
            _ => Self::First,
        }
    }

    /// The page behind one, of so many items; `None` where there is no more. `next` is where the answer names it.
    pub(super) fn after(
        &self,
        pagination: &Pagination,
        next: Option<&Path>,
        items: u64,
        body: &Value,
        answer: &Answer,
    ) -> Result<Option<Self>> {
        let found = next.and_then(|path| look(body, path));
        Ok(match pagination {
            Pagination::None => None,
            Pagination::Cursor { .. } => cursor(found)?.map(Self::Value),
            Pagination::NextUrl { .. } => {
                cursor(found)?.map(|location| target(&answer.url, &location)).transpose()?.map(|url| Self::Url(url.into()))
            }
            Pagination::Link => next_link(answer.links())
                .map(|location| target(&answer.url, &location))
                .transpose()?
                .map(|url| Self::Url(url.into())),
            Pagination::Page { .. } | Pagination::Offset { .. } if items == 0 => None,
            Pagination::Page { .. } => Some(self.plus(1)?),
            Pagination::Offset { .. } => Some(self.plus(items)?),
        })
    }

    fn plus(&self, more: u64) -> Result<Self> {
        let number = match self {
            Self::Value(number) => number.parse::<u64>().ok(),
            _ => Some(0),
        };
        let sum = number.and_then(|number| number.checked_add(more));
        sum.map(|sum| Self::Value(sum.to_string())).ok_or_else(|| Error::invalid_input("the cursor holds no number of a page"))
    }
}

fn cursor(found: Option<&Value>) -> Result<Option<String>> {
    match found {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(Error::invalid_input("what the answer names the next page by is no string and no number")),
    }
}

/// What stands at a path. Keys lead into objects, and canonical numbers into lists.
pub(super) fn look<'a>(value: &'a Value, path: &Path) -> Option<&'a Value> {
    path.segments().iter().try_fold(value, |value, key| match value {
        Value::Object(object) => object.get(key),
        Value::Array(list) => list.get(index(key)?),
        _ => None,
    })
}

/// The place in a list that a key names: decimal digits, without needless zeros.
pub(super) fn index(key: &str) -> Option<usize> {
    key.parse().ok().filter(|place: &usize| place.to_string() == key)
}
