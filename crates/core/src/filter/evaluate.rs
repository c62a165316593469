//! The reference evaluator.

use super::{
    ast::{Bound, Filter, Members, Predicate},
    contains::{Folded, holds_ascii},
    members,
};
use crate::{
    number::{compare_numbers, values_equal},
    path::array_index,
};
use serde_json::Value;
use std::slice;

impl Filter {
    /// Whether the document matches: the semantics that every backend must have.
    ///
    /// Never an error: data of another type than a condition asks for does not match. Over many documents [`Filter::matcher`] is
    /// faster where the filter holds a long `$in`, or a `$contains` with characters outside ASCII, which this compiles again at each
    /// call.
    ///
    /// ```
    /// use mastra_core::Filter;
    /// use serde_json::json;
    ///
    /// let filter = Filter::ne("stage", "lost")?;
    /// assert!(filter.matches(&json!({"stage": "won"})));
    /// assert!(filter.matches(&json!({})));
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn matches(&self, document: &Value) -> bool {
        Evaluator { needles: &[], sorted: false }.matches(self, document, Root::Document)
    }

    /// This filter with everything compiled that many documents share, and the items of its long lists in an order of their own.
    ///
    /// ```
    /// use mastra_core::Filter;
    /// use serde_json::json;
    ///
    /// let matcher = Filter::contains("name", "MÜLLER")?.matcher();
    /// let rows = [json!({"name": "Eva Müller"}), json!({"name": "Mueller"})];
    /// assert_eq!(rows.iter().filter(|row| matcher.matches(row)).count(), 1);
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn matcher(mut self) -> Matcher {
        let mut needles = Vec::new();
        collect_needles(&self, &mut needles);
        members::sort(&mut self);
        Matcher { filter: self, needles }
    }
}

/// A filter made ready for many documents; see [`Filter::matcher`].
#[derive(Debug, Clone)]
pub struct Matcher {
    filter: Filter,
    /// The needles that ASCII rules do not serve, made ready.
    needles: Vec<(String, Folded)>,
}

impl Matcher {
    /// Whether the document matches, exactly as [`Filter::matches`] says.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert!(Filter::all().matcher().matches(&serde_json::json!({})));
    /// ```
    pub fn matches(&self, document: &Value) -> bool {
        Evaluator { needles: &self.needles, sorted: true }.matches(&self.filter, document, Root::Document)
    }

    /// The filter.
    ///
    /// ```
    /// # use mastra_core::Filter;
    /// assert_eq!(Filter::none().matcher().filter(), &Filter::none());
    /// ```
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }
}

fn collect_needles(filter: &Filter, needles: &mut Vec<(String, Folded)>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().for_each(|filter| collect_needles(filter, needles)),
        Filter::Not(inner) => collect_needles(inner, needles),
        Filter::Field { predicate, .. } => match predicate {
            Predicate::Contains(text) if !text.is_ascii() && !needles.iter().any(|(known, _)| known == text) => {
                needles.extend(Folded::new(text).map(|folded| (text.clone(), folded)));
            }
            Predicate::ElemMatch(_, inner) => collect_needles(inner, needles),
            _ => {}
        },
    }
}

/// What the empty path stands for.
#[derive(Clone, Copy, PartialEq)]
enum Root {
    Document,
    /// A member of an array, which conditions take as it is.
    Member,
}

struct Evaluator<'a> {
    needles: &'a [(String, Folded)],
    /// Whether long lists are sorted.
    sorted: bool,
}

impl Evaluator<'_> {
    fn matches(&self, filter: &Filter, value: &Value, root: Root) -> bool {
        match filter {
            Filter::And(filters) => filters.iter().all(|filter| self.matches(filter, value, root)),
            Filter::Or(filters) => filters.iter().any(|filter| self.matches(filter, value, root)),
            Filter::Not(inner) => !self.matches(inner, value, root),
            Filter::Field { path, predicate } => {
                let unwrap = root == Root::Document || !path.is_this();
                self.holds(predicate, value, path.segments(), unwrap)
            }
        }
    }

    fn holds(&self, predicate: &Predicate, value: &Value, path: &[String], unwrap: bool) -> bool {
        let any = |test: &dyn Fn(&Value) -> bool| {
            walk(value, path, &mut |leaf| leaf.is_some_and(|leaf| leaf_or_member(leaf, unwrap, test)))
        };
        let equals = |items: &[Value]| {
            walk(value, path, &mut |leaf| match leaf {
                Some(leaf) => leaf_or_member(leaf, unwrap, |leaf| items.iter().any(|item| values_equal(leaf, item))),
                None => items.iter().any(Value::is_null),
            })
        };
        match predicate {
            Predicate::Eq(expected) => equals(slice::from_ref(expected)),
            Predicate::In(items) if self.sorted => walk(value, path, &mut |leaf| match leaf {
                Some(leaf) => leaf_or_member(leaf, unwrap, |leaf| members::holds(items, leaf)),
                None => members::holds(items, &Value::Null),
            }),
            Predicate::In(items) => equals(items),
            Predicate::All(items) => !items.is_empty() && items.iter().all(|item| equals(slice::from_ref(item))),
            Predicate::Compare(comparison, Bound::Number(bound)) => {
                any(&|leaf| matches!(leaf, Value::Number(number) if comparison.accepts(compare_numbers(number, &bound.0))))
            }
            // UTF-8 sorts bytewise as its code points do.
            Predicate::Compare(comparison, Bound::String(bound)) => {
                any(&|leaf| matches!(leaf, Value::String(text) if comparison.accepts(text.as_str().cmp(bound))))
            }
            Predicate::Regex(pattern) => any(&|leaf| matches!(leaf, Value::String(text) if pattern.is_match(text))),
            Predicate::Contains(needle) if needle.is_ascii() => {
                any(&|leaf| matches!(leaf, Value::String(text) if holds_ascii(text, needle)))
            }
            Predicate::Contains(needle) => {
                let test = |folded: &Folded| any(&|leaf| matches!(leaf, Value::String(text) if folded.is_in(text)));
                match self.needles.iter().find(|(known, _)| known == needle) {
                    Some((_, folded)) => test(folded),
                    None => Folded::new(needle).is_some_and(|folded| test(&folded)),
                }
            }
            Predicate::Exists => walk(value, path, &mut |leaf| leaf.is_some()),
            Predicate::Size(size) => walk(
                value,
                path,
                &mut |leaf| matches!(leaf, Some(Value::Array(items)) if u64::try_from(items.len()) == Ok(*size)),
            ),
            Predicate::ElemMatch(members, inner) => walk(value, path, &mut |leaf| match leaf {
                Some(Value::Array(items)) => items.iter().any(|item| match members {
                    Members::Any => self.matches(inner, item, Root::Member),
                    Members::Objects => item.is_object() && self.matches(inner, item, Root::Document),
                }),
                _ => false,
            }),
        }
    }
}

/// Shows every branch that the path leads to, a missing one as `None`, until `found` says true.
fn walk<'v>(value: &'v Value, path: &[String], found: &mut impl FnMut(Option<&'v Value>) -> bool) -> bool {
    let Some((key, rest)) = path.split_first() else {
        return found(Some(value));
    };
    match value {
        Value::Object(map) => match map.get(key) {
            Some(inner) => walk(inner, rest, found),
            None => found(None),
        },
        Value::Array(items) => {
            let indexed = array_index(key).and_then(|index| items.get(index));
            if indexed.is_some_and(|member| walk(member, rest, found)) {
                return true;
            }
            let mut branched = indexed.is_some();
            for map in items.iter().filter_map(Value::as_object) {
                let stop = match map.get(key) {
                    Some(inner) => walk(inner, rest, found),
                    // A segment that was meant as an index does not miss in the objects beside it.
                    None => indexed.is_none() && found(None),
                };
                if stop {
                    return true;
                }
                branched = true;
            }
            !branched && found(None)
        }
        _ => found(None),
    }
}

/// Tests the leaf and, where it is an array to look into, its members one level down.
fn leaf_or_member(leaf: &Value, unwrap: bool, test: impl Fn(&Value) -> bool) -> bool {
    test(leaf) || (unwrap && leaf.as_array().is_some_and(|members| members.iter().any(&test)))
}
