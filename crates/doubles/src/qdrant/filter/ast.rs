//! A filter, read.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::super::id::Id;
use super::super::path::Path;

/// All four clauses hold. A clause that was sent empty is absent, as on the server: it then asks for nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    pub(crate) must: Vec<Condition>,
    pub(crate) should: Vec<Condition>,
    pub(crate) must_not: Vec<Condition>,
    pub(crate) min_should: Option<MinShould>,
}

/// At least so many of these hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MinShould {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) min_count: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Field(Field),
    IsEmpty(Path),
    IsNull(Path),
    HasId(BTreeSet<Id>),
    HasVector(String),
    /// One object at this key, which ends with `[]`, for which the whole filter holds.
    Nested(Path, Filter),
    Filter(Filter),
}

/// What one key's value is compared with. Usually one of the parts is there; of several, one that holds suffices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub(crate) key: Path,
    pub(crate) matching: Option<Match>,
    pub(crate) range: Option<Range>,
    pub(crate) values_count: Option<Bounds<u64>>,
    pub(crate) is_empty: Option<bool>,
    pub(crate) is_null: Option<bool>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Match {
    Keyword(String),
    Integer(i64),
    Bool(bool),
    AnyKeyword(Vec<String>),
    AnyInteger(Vec<i64>),
    ExceptKeywords(Vec<String>),
    ExceptIntegers(Vec<i64>),
    Text(String),
    TextAny(String),
    Phrase(String),
    Prefix(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Range {
    Number(Bounds<f64>),
    Time(Bounds<DateTime<Utc>>),
}

/// Each bound that is there holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds<T> {
    pub(crate) lt: Option<T>,
    pub(crate) gt: Option<T>,
    pub(crate) gte: Option<T>,
    pub(crate) lte: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    pub(crate) fn hold(&self, value: &T) -> bool {
        self.lt.as_ref().is_none_or(|bound| value < bound)
            && self.gt.as_ref().is_none_or(|bound| value > bound)
            && self.gte.as_ref().is_none_or(|bound| value >= bound)
            && self.lte.as_ref().is_none_or(|bound| value <= bound)
    }
}

impl Filter {
    /// This filter and that one, joined clause by clause, as the server hands a query's filter on to its prefetches. That is not
    /// "both": of two `should` clauses, one condition of either suffices then.
    pub(crate) fn join(mut self, other: Self) -> Self {
        self.must.extend(other.must);
        self.should.extend(other.should);
        self.must_not.extend(other.must_not);
        self.min_should = match (self.min_should, other.min_should) {
            (Some(mut this), Some(other)) => {
                this.conditions.extend(other.conditions);
                this.min_count = this.min_count.max(other.min_count);
                Some(this)
            }
            (this, other) => this.or(other),
        };
        self
    }

    /// The conditions of all clauses, without those inside of them.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let min_should = self.min_should.iter().flat_map(|clause| &clause.conditions);
        self.must.iter().chain(&self.must_not).chain(&self.should).chain(min_should)
    }
}
