//! Filters: what Qdrant is asked, and what is left to core.
//!
//! A filter becomes a *bound*: conditions that hold for every point that matches, so that none is lost. Where they hold for no other, Qdrant
//! decides alone. Qdrant has no word for string ranges, regular expressions, substrings in any case, presence of an empty list, or the
//! identity of a list: these are judged in core, over what the rest of the filter leaves.

mod judge;
mod keys;
mod leaf;
mod logic;

pub(crate) use keys::quoted;
pub(crate) use leaf::{empty, matching};
pub(crate) use logic::{Tri, and, is, not};

use crate::payload::{ODD, Read};
use logic::{Judged, or};
use mastra_core::filter::{Filter, Matcher};
use qdrant_client::qdrant as wire;
use serde_json::Value;

/// What becomes of a filter.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Holds for every point that matches.
    bound: Tri,
    /// Qdrant decides alone, of points whose numbers it has.
    exact: bool,
    /// Asks for numbers: points of which one was replaced are in doubt.
    numbers: bool,
    matcher: Matcher,
}

/// Who decides over the points of a namespace.
#[derive(Debug)]
pub(crate) struct Split {
    /// All of these match.
    pub(crate) sure: Option<Tri>,
    /// Among these core finds those that match.
    pub(crate) doubtful: Option<Tri>,
}

impl Plan {
    pub(crate) fn new(filter: &Filter) -> Self {
        let Judged { upper, exact, numbers, .. } = judge::judge(filter, 0);
        Self { bound: upper, exact, numbers, matcher: filter.clone().matcher() }
    }

    /// Holds for every point that matches.
    pub(crate) fn bound(&self) -> Tri {
        if self.numbers { or(vec![self.bound.clone(), odd()]) } else { self.bound.clone() }
    }

    /// Whether core has to look at metadata.
    pub(crate) fn is_judged(&self) -> bool {
        !self.exact || self.numbers
    }

    /// Whether core decides over most points.
    pub(crate) fn is_loose(&self) -> bool {
        !self.exact
    }

    /// Whether a point that the bound holds for matches.
    pub(crate) fn holds(&self, read: &Read) -> bool {
        if self.exact && !(self.numbers && read.odd) {
            return true;
        }
        self.matcher.matches(read.point.metadata.as_ref().unwrap_or(&Value::Null))
    }

    /// Shares out the points.
    pub(crate) fn split(&self) -> Split {
        match (self.exact, self.numbers) {
            (false, _) => Split { sure: None, doubtful: Some(self.bound()) },
            (true, false) => Split { sure: Some(self.bound.clone()), doubtful: None },
            (true, true) => {
                let sure = and(vec![self.bound.clone(), not(odd())]);
                Split { sure: Some(sure), doubtful: Some(odd()) }
            }
        }
    }
}

fn odd() -> Tri {
    is(leaf::matching(ODD.to_owned(), wire::r#match::MatchValue::Boolean(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(filter: Value) -> (bool, bool, bool) {
        let plan = Plan::new(&Filter::from_json(&filter).unwrap());
        (plan.exact, plan.numbers, matches!(plan.bound, Tri::Yes))
    }

    #[test]
    fn what_qdrant_says_exactly_is_left_to_it() {
        for (filter, numbers) in [
            (json!({"a": "x"}), false),
            (json!({"a": {"$ne": "x"}}), false),
            (json!({"a.b.c": {"$in": ["x", true]}}), false),
            (json!({"a.0": "x"}), false),
            (json!({"a": 1}), true),
            (json!({"a": {"$gt": 1.5, "$lte": 10}}), true),
            (json!({"a": {"$nin": [1, 2.5, "x"]}}), true),
            (json!({"$or": [{"a": "x"}, {"$nor": [{"b": false}, {"tags": {"$all": ["p", "q"]}}]}]}), false),
            (json!({"a": {"$size": 3}}), false),
            (json!({}), false),
        ] {
            let (exact, asks_numbers, _) = plan(filter.clone());
            assert!(exact && asks_numbers == numbers, "{filter}");
        }
    }

    #[test]
    fn what_is_left_to_core_is_narrowed() {
        for filter in [
            json!({"a": null}),
            json!({"a": {"$exists": false}}),
            json!({"a": {"$regex": "x"}, "b": "y"}),
            json!({"a": {"$elemMatch": {"b": "x", "c": {"$exists": true}}}}),
            json!({"a": {"$gt": 9007199254740993_i64}}),
            json!({"a": {"$size": 1}}),
        ] {
            let (exact, _, all) = plan(filter.clone());
            assert!(!exact && !all, "{filter}");
        }
        for filter in
            [json!({"a": {"$regex": "x"}}), json!({"a": {"$exists": true}}), json!({"\"": 1}), json!({"a": {"$ne": {"b": 1}}})]
        {
            let (exact, _, all) = plan(filter.clone());
            assert!(!exact && all, "{filter}");
        }
    }
}
