//! Builders.

use super::{
    ast::{Comparison, Filter, Members, Pattern, Predicate},
    convert::{IntoBound, IntoPath},
    operand::{conjunction, field, negate},
};
use crate::error::{Error, Result};
use serde_json::Value;
use std::ops::{BitAnd, BitOr, Not};

impl Filter {
    /// Matches every document; the default.
    ///
    /// ```
    /// use mastra_core::Filter;
    ///
    /// assert!(Filter::all().matches(&serde_json::json!({})));
    /// assert_eq!(Filter::default(), Filter::all());
    /// ```
    pub const fn all() -> Self {
        Self::And(Vec::new())
    }

    /// Matches no document.
    ///
    /// ```
    /// assert!(!mastra_core::Filter::none().matches(&serde_json::json!({})));
    /// ```
    pub const fn none() -> Self {
        Self::Or(Vec::new())
    }

    /// Whether the filter asks nothing, whatever the document: `{}`, `{"$and": []}`, `{"a": {"$nin": []}}` and what is put together of them.
    ///
    /// Seen from the shape alone. A filter that turns out to match every document for another reason is not recognised.
    ///
    /// ```
    /// use mastra_core::Filter;
    ///
    /// assert!((Filter::all() & !Filter::none()).is_trivially_true());
    /// assert!(!Filter::exists("a")?.is_trivially_true());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn is_trivially_true(&self) -> bool {
        trivial(self) == Some(true)
    }

    /// Whether the filter matches no document, seen from its shape alone: `{"$or": []}`, `{"a": {"$in": []}}` and the like.
    ///
    /// ```
    /// use mastra_core::Filter;
    ///
    /// assert!(Filter::none().is_trivially_false());
    /// assert!(Filter::is_in("a", Vec::<i64>::new())?.is_trivially_false());
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn is_trivially_false(&self) -> bool {
        trivial(self) == Some(false)
    }

    /// The field, or a member of it, equals the value; null also where the field is missing.
    ///
    /// A float that is not finite becomes null on its way into a [`Value`].
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// # use serde_json::json;
    /// let filter = Filter::eq("tags", "new")?;
    /// assert!(filter.matches(&json!({"tags": "new"})));
    /// assert!(filter.matches(&json!({"tags": ["old", "new"]})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn eq(path: impl IntoPath, value: impl Into<Value>) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::Eq(value.into())))
    }

    /// Not [`Filter::eq`]: a document that lacks the field matches.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::ne("stage", "won")?.matches(&serde_json::json!({})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn ne(path: impl IntoPath, value: impl Into<Value>) -> Result<Self> {
        Self::eq(path, value).map(negate)
    }

    /// The field, or a member of it, is greater than the bound and of its type.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::gt("amount", 9.5)?.matches(&serde_json::json!({"amount": 10})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn gt(path: impl IntoPath, bound: impl IntoBound) -> Result<Self> {
        compare(path, Comparison::Gt, bound)
    }

    /// The field, or a member of it, is at least the bound and of its type.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::gte("amount", 10)?.matches(&serde_json::json!({"amount": 10})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn gte(path: impl IntoPath, bound: impl IntoBound) -> Result<Self> {
        compare(path, Comparison::Gte, bound)
    }

    /// The field, or a member of it, is less than the bound and of its type.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(!Filter::lt("amount", 10)?.matches(&serde_json::json!({"amount": "9"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn lt(path: impl IntoPath, bound: impl IntoBound) -> Result<Self> {
        compare(path, Comparison::Lt, bound)
    }

    /// The field, or a member of it, is at most the bound and of its type.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::lte("day", "2026-01-31")?.matches(&serde_json::json!({"day": "2026-01-31"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn lte(path: impl IntoPath, bound: impl IntoBound) -> Result<Self> {
        compare(path, Comparison::Lte, bound)
    }

    /// [`Filter::eq`] with at least one of the items; without items, none match.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::is_in("stage", ["won", "open"])?.matches(&serde_json::json!({"stage": "open"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn is_in<V: Into<Value>>(path: impl IntoPath, items: impl IntoIterator<Item = V>) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::In(values(items))))
    }

    /// Not [`Filter::is_in`]: a document that lacks the field matches, unless null is an item.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::not_in("stage", ["won", "open"])?.matches(&serde_json::json!({"stage": "lost"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn not_in<V: Into<Value>>(path: impl IntoPath, items: impl IntoIterator<Item = V>) -> Result<Self> {
        Self::is_in(path, items).map(negate)
    }

    /// [`Filter::eq`] with every item; without items, none match.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::all_of("tags", ["a", "b"])?.matches(&serde_json::json!({"tags": ["c", "b", "a"]})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn all_of<V: Into<Value>>(path: impl IntoPath, items: impl IntoIterator<Item = V>) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::All(values(items))))
    }

    /// The field is present; null is present.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::exists("owner")?.matches(&serde_json::json!({"owner": null})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn exists(path: impl IntoPath) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::Exists))
    }

    /// Not [`Filter::exists`].
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(!Filter::missing("owner")?.matches(&serde_json::json!({"owner": null})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn missing(path: impl IntoPath) -> Result<Self> {
        Self::exists(path).map(negate)
    }

    /// The field is an array of exactly that many members.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::size("tags", 2)?.matches(&serde_json::json!({"tags": ["a", "b"]})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn size(path: impl IntoPath, members: u64) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::Size(members)))
    }

    /// The field, or a member of it, is a string that matches; see [`Pattern::new`] for syntax and flags.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::regex("name", "^acme", "i")?.matches(&serde_json::json!({"name": "ACME Ltd"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn regex(path: impl IntoPath, source: &str, options: &str) -> Result<Self> {
        let path = path.into_path()?;
        let pattern = Pattern::new(source, options).map_err(|error| error.with("path", &path))?;
        Ok(field(path, Predicate::Regex(pattern)))
    }

    /// The field, or a member of it, is a string that holds the text in any case (Unicode simple case folding).
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::contains("name", "müller")?.matches(&serde_json::json!({"name": "Eva MÜLLER"})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn contains(path: impl IntoPath, text: impl Into<String>) -> Result<Self> {
        Ok(field(path.into_path()?, Predicate::Contains(text.into())))
    }

    /// The field is an array with a member that matches: any member, of which `inner` speaks with [`Path::this`](crate::Path::this), or an object.
    ///
    /// ```
    /// use mastra_core::{Filter, Path, filter::Members};
    /// use serde_json::json;
    ///
    /// let scores = Filter::gt(Path::this(), 1)? & Filter::lt(Path::this(), 5)?;
    /// let filter = Filter::elem_match("scores", Members::Any, scores)?;
    /// assert!(filter.matches(&json!({"scores": [0, 3]})));
    /// assert!(!filter.matches(&json!({"scores": [0, 9]})));
    ///
    /// let lines = Filter::eq("sku", "x")? & Filter::gte("count", 2)?;
    /// let filter = Filter::elem_match("lines", Members::Objects, lines)?;
    /// assert!(filter.matches(&json!({"lines": [{"sku": "x", "count": 2}]})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn elem_match(path: impl IntoPath, members: Members, inner: Self) -> Result<Self> {
        let path = path.into_path()?;
        if !speaks_of(&inner, members) {
            let why = match members {
                Members::Any => "conditions on any member have the empty path, Path::this()",
                Members::Objects => "conditions on object members have a path that is not empty",
            };
            return Err(Error::invalid_input(why).with("operator", "$elemMatch").with("path", path));
        }
        Ok(field(path, Predicate::ElemMatch(members, Box::new(inner))))
    }

    /// Every one of the filters; without any, all match. Two are joined with `&`.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert_eq!(Filter::and([]), Filter::all());
    /// ```
    pub fn and(filters: impl IntoIterator<Item = Self>) -> Self {
        conjunction(filters.into_iter().collect())
    }

    /// At least one of the filters; without any, none match. Two are joined with `|`; a filter is negated with `!`.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// let filter = Filter::or([Filter::eq("a", 1)?, Filter::eq("b", 2)?]);
    /// assert!(filter.matches(&serde_json::json!({"b": 2})));
    /// assert!(!(!filter).matches(&serde_json::json!({"b": 2})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn or(filters: impl IntoIterator<Item = Self>) -> Self {
        let mut filters: Vec<Self> = filters.into_iter().collect();
        match filters.pop() {
            Some(only) if filters.is_empty() => only,
            last => {
                filters.extend(last);
                Self::Or(filters)
            }
        }
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::all()
    }
}

impl BitAnd for Filter {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        let members = |filter| match filter {
            Self::And(filters) => filters,
            other => vec![other],
        };
        let mut all = members(self);
        all.extend(members(other));
        conjunction(all)
    }
}

impl BitOr for Filter {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let members = |filter| match filter {
            Self::Or(filters) => filters,
            other => vec![other],
        };
        let mut any = members(self);
        any.extend(members(other));
        Self::or(any)
    }
}

impl Not for Filter {
    type Output = Self;

    /// The complement; of a negation, what was negated.
    fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            positive => negate(positive),
        }
    }
}

fn compare(path: impl IntoPath, comparison: Comparison, bound: impl IntoBound) -> Result<Filter> {
    Ok(field(path.into_path()?, Predicate::Compare(comparison, bound.into_bound()?)))
}

fn values<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Vec<Value> {
    items.into_iter().map(Into::into).collect()
}

/// The one answer that the filter gives to every document, where its shape shows it.
fn trivial(filter: &Filter) -> Option<bool> {
    match filter {
        Filter::And(filters) => trivial_list(filters, false),
        Filter::Or(filters) => trivial_list(filters, true),
        Filter::Not(inner) => trivial(inner).map(|answer| !answer),
        Filter::Field { predicate: Predicate::In(items) | Predicate::All(items), .. } if items.is_empty() => Some(false),
        Filter::Field { .. } => None,
    }
}

/// As [`trivial`], of a list in which one `decisive` answer decides. Each filter is asked once: nesting must not multiply the work.
fn trivial_list(filters: &[Filter], decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for filter in filters {
        match trivial(filter) {
            Some(one) if one == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn speaks_of(filter: &Filter, members: Members) -> bool {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().all(|filter| speaks_of(filter, members)),
        Filter::Not(inner) => speaks_of(inner, members),
        Filter::Field { path, .. } => path.is_this() == (members == Members::Any),
    }
}
