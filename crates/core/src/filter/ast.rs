//! The typed tree that every backend compiles.
//!
//! Four nodes and a handful of positive predicates: negations are [`Filter::Not`] over the positive form, lists and bare
//! values are spelled out by the parser, so a backend has little to translate and nothing to guess.

use crate::{
    number::{Number, values_equal},
    path::Path,
};
use serde_json::Value;

/// A condition on the data of a record, or on the metadata of a vector.
///
/// Two-valued: a document matches or does not. Build one with [`Filter::eq`] and kin, from JSON with [`Filter::from_json`]
/// or through serde.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every one of them; the empty conjunction matches all.
    And(Vec<Filter>),
    /// At least one of them; the empty disjunction matches none.
    Or(Vec<Filter>),
    /// Every document that the inner filter does not match, those that lack the field included.
    Not(Box<Filter>),
    /// A predicate on what a path leads to.
    Field {
        /// Relative to the document. Empty only inside [`Predicate::ElemMatch`] over [`Members::Any`], where it is the member.
        path: Path,
        /// What is asked of it.
        predicate: Predicate,
    },
}

/// A positive predicate on the branches that a path leads to. Each walks the path alone.
///
/// Equal predicates ask the same: numbers compare by decimal value here too.
#[derive(Debug, Clone)]
pub enum Predicate {
    /// A branch, or a member of it one level down, equals the value: typed, numbers by decimal value, objects whatever the
    /// key order. `Null` also matches a missing branch.
    Eq(Value),
    /// As [`Predicate::Eq`] with at least one of the items; none of them, no match.
    In(Vec<Value>),
    /// As [`Predicate::Eq`] with every item, each on its own walk; no items, no match.
    All(Vec<Value>),
    /// A branch, or a member of it, of the bound's type stands in that order to the bound.
    Compare(Comparison, Bound),
    /// A branch is an array of exactly that many members.
    Size(u64),
    /// At least one branch is present; null is present.
    Exists,
    /// A string branch, or string member, matches.
    Regex(Pattern),
    /// A string branch, or string member, holds the text, under Unicode simple case folding. The empty text matches any string.
    Contains(String),
    /// A branch is an array with at least one member that matches.
    ElemMatch(Members, Box<Filter>),
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Eq(left), Self::Eq(right)) => values_equal(left, right),
            (Self::In(left), Self::In(right)) | (Self::All(left), Self::All(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| values_equal(left, right))
            }
            (Self::Compare(order, bound), Self::Compare(other, other_bound)) => order == other && bound == other_bound,
            (Self::Size(left), Self::Size(right)) => left == right,
            (Self::Exists, Self::Exists) => true,
            (Self::Regex(left), Self::Regex(right)) => left == right,
            (Self::Contains(left), Self::Contains(right)) => left == right,
            (Self::ElemMatch(members, inner), Self::ElemMatch(other, other_inner)) => members == other && inner == other_inner,
            _ => false,
        }
    }
}

/// Which members [`Predicate::ElemMatch`] tests, and as what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Members {
    /// Any member, itself the empty path of the inner filter, without further unwrapping of arrays.
    Any,
    /// Members that are objects, each a document of its own to the inner filter.
    Objects,
}

/// The order a [`Predicate::Compare`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Strictly greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Strictly less.
    Lt,
    /// Less or equal.
    Lte,
}

impl Comparison {
    /// Whether a value that compares to the bound as `ordering` satisfies it.
    ///
    /// ```
    /// use mastra_core::filter::Comparison;
    ///
    /// assert!(Comparison::Gte.accepts(5.cmp(&5)));
    /// assert!(!Comparison::Gt.accepts(5.cmp(&5)));
    /// ```
    pub fn accepts(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Gt => ordering.is_gt(),
            Self::Gte => ordering.is_ge(),
            Self::Lt => ordering.is_lt(),
            Self::Lte => ordering.is_le(),
        }
    }
}

/// The bound of a range: numbers compare by decimal value, strings (dates among them) by code point.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number.
    Number(Number),
    /// A string.
    String(String),
}

/// A regular expression in the syntax of the `regex` crate, unanchored, compiled and bounded in size when it was parsed.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(crate) source: String,
    pub(crate) options: String,
    pub(crate) regex: regex::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.options == other.options
    }
}
