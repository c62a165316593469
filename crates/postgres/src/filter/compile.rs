//! From the filter tree to predicates.

use super::{
    contains,
    node::Node,
    place::{self, IS_OBJECT, Place},
    value::{compares, equals, typed},
};
use mastra_core::{
    Filter,
    filter::{Members, Predicate},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// The longest predicate that is nested in others, in bytes: the readings of paths multiply it.
const LONGEST: usize = 1 << 18;

/// What a predicate is asked of.
#[derive(Debug, Clone, Copy)]
enum Root {
    /// The whole document, `$`, or an object member of an array, `@`.
    Object(&'static str),
    /// Any member of an array, `@`, which conditions take as it is.
    Member,
}

/// Compiles one filter.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    /// The operators that jsonpath does not answer.
    pub(super) finished: BTreeSet<&'static str>,
}

impl Compiler {
    pub(super) fn document(&mut self, filter: &Filter) -> Node {
        self.filter(filter, Root::Object("$"))
    }

    fn filter(&mut self, filter: &Filter, root: Root) -> Node {
        match filter {
            Filter::And(filters) => Node::and(filters.iter().map(|filter| self.filter(filter, root)).collect::<Vec<_>>()),
            Filter::Or(filters) => Node::or(filters.iter().map(|filter| self.filter(filter, root)).collect::<Vec<_>>()),
            Filter::Not(inner) => self.filter(inner, root).negate(),
            Filter::Field { path, predicate } => {
                let node = match root {
                    Root::Object(root) if path.is_this() => self.this(root, predicate),
                    Root::Object(root) => match place::places(root, path.segments()) {
                        Some(places) => self.places(&places, root, path.segments(), predicate),
                        None => Node::UNKNOWN,
                    },
                    Root::Member if path.is_this() => self.this("@", predicate),
                    // The parser does not make these: a member may be an array, and is no place for a path to start.
                    Root::Member => Node::UNKNOWN,
                };
                if !node.exact {
                    self.finished.insert(operator(predicate));
                }
                node
            }
        }
    }

    /// A predicate on what a path leads to.
    fn places(&mut self, places: &[Place], root: &str, segments: &[String], predicate: &Predicate) -> Node {
        let any = |test: &Node| Node::or(places.iter().map(|place| place.value_or_member(test.clone())));
        let whole = |test: &dyn Fn(&str) -> Node| Node::or(places.iter().map(|place| place.value(test)));
        let equal_one_of = |items: &[Value]| {
            // Arrays are compared whole here; below, as members, with everything else.
            let arrays = items.iter().filter(|item| item.is_array()).map(|item| whole(&|at| equals(at, item)));
            let missing = items.iter().any(Value::is_null).then(|| place::missing(root, segments).unwrap_or(Node::UNKNOWN));
            let members = any(&Node::or(items.iter().map(|item| equals("@", item))));
            Node::or(arrays.chain(missing).chain([members]).collect::<Vec<_>>())
        };
        match predicate {
            Predicate::Eq(item) => equal_one_of(std::slice::from_ref(item)),
            Predicate::In(items) => equal_one_of(items),
            Predicate::All(items) if items.is_empty() => Node::NEVER,
            Predicate::All(items) => Node::and(items.iter().map(|item| equal_one_of(std::slice::from_ref(item)))),
            Predicate::Compare(comparison, bound) => any(&compares("@", *comparison, bound)),
            Predicate::Contains(text) => any(&contains::holds("@", text)),
            Predicate::Regex(_) => any(&typed("@", "string").too_wide()),
            Predicate::Exists => Node::or(places.iter().map(Place::exists)),
            Predicate::Size(size) => whole(&|at| has_size(at, *size)),
            Predicate::ElemMatch(members, inner) => {
                let test = self.member(*members, inner);
                Node::or(places.iter().map(|place| place.member_of_array(test.clone())))
            }
        }
    }

    /// A predicate on the root itself: a member of an array, which is not opened further, or an object.
    fn this(&mut self, root: &str, predicate: &Predicate) -> Node {
        match predicate {
            Predicate::Eq(item) => equals(root, item),
            Predicate::In(items) => Node::or(items.iter().map(|item| equals(root, item))),
            Predicate::All(items) if items.is_empty() => Node::NEVER,
            Predicate::All(items) => Node::and(items.iter().map(|item| equals(root, item))),
            Predicate::Compare(comparison, bound) => compares(root, *comparison, bound),
            Predicate::Contains(text) => contains::holds(root, text),
            Predicate::Regex(_) => typed(root, "string").too_wide(),
            Predicate::Exists => Node::ALWAYS,
            Predicate::Size(size) => has_size(root, *size),
            Predicate::ElemMatch(members, inner) => {
                let test = self.member(*members, inner);
                Node::and([typed(root, "array"), test.of_some_member(root)])
            }
        }
    }

    /// The inner filter of `$elemMatch`, about `@`.
    fn member(&mut self, members: Members, inner: &Filter) -> Node {
        let test = match members {
            Members::Any => self.filter(inner, Root::Member),
            Members::Objects => Node::and([Node::when(IS_OBJECT), self.filter(inner, Root::Object("@"))]),
        };
        if test.len() > LONGEST { Node::UNKNOWN } else { test }
    }
}

/// See [`of_leaves`](super::of_leaves).
pub(super) fn leaves(predicate: &Predicate) -> Option<Node> {
    let scalar = |item: &Value| !matches!(item, Value::Null | Value::Array(_) | Value::Object(_));
    // The values are opened here, and what is an array among them by the filter expression.
    let any = |items: &[Value]| Node::or(items.iter().map(|item| equals("@", item))).of_some("$[*]");
    match predicate {
        Predicate::Eq(item) if scalar(item) => Some(any(std::slice::from_ref(item))),
        Predicate::In(items) if items.iter().all(scalar) => Some(any(items)),
        Predicate::All(items) if !items.is_empty() && items.iter().all(scalar) => {
            Some(Node::and(items.iter().map(|item| any(std::slice::from_ref(item)))))
        }
        _ => None,
    }
}

fn has_size(at: &str, size: u64) -> Node {
    Node::and([typed(at, "array"), Node::when(format!("{at}.size() == {size}"))])
}

/// The operator as the filter language spells it.
const fn operator(predicate: &Predicate) -> &'static str {
    match predicate {
        Predicate::Eq(_) => "$eq",
        Predicate::In(_) => "$in",
        Predicate::All(_) => "$all",
        Predicate::Compare(..) => "$gt $gte $lt $lte",
        Predicate::Size(_) => "$size",
        Predicate::Exists => "$exists",
        Predicate::Regex(_) => "$regex",
        Predicate::Contains(_) => "$contains",
        Predicate::ElemMatch(..) => "$elemMatch",
    }
}
