//! Bounds on a filter that comes from outside.

use super::ast::{Filter, Predicate};
use crate::error::{Error, Result};

/// How large a filter the parser accepts.
///
/// ```
/// use mastra_core::filter::{Filter, FilterLimits};
/// use serde_json::json;
///
/// let limits = FilterLimits { nodes: 2, ..FilterLimits::default() };
/// assert!(Filter::from_json_with_limits(&json!({"a": 1}), limits).is_ok());
/// assert!(Filter::from_json_with_limits(&json!({"a": 1, "b": 2}), limits).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FilterLimits {
    /// How many conjunctions, disjunctions, negations and `$elemMatch` may stand above a condition, 32 by default. `$ne`, `$nin` and `$nor`
    /// count as their positive form.
    pub depth: usize,
    /// How many conditions and logical operators there may be, 1,024 by default, counted the same way. Items of a list do not count.
    pub nodes: usize,
}

impl Default for FilterLimits {
    fn default() -> Self {
        Self { depth: 32, nodes: 1_024 }
    }
}

impl FilterLimits {
    /// How deep conditions may nest in the JSON; more than the tree, since `{"a": {"b": 1}}` and a field's `$not` are no node of
    /// their own. It only keeps the parser's stack flat: [`FilterLimits::check`] has the last word.
    pub(super) const fn nesting(self) -> usize {
        self.depth.saturating_mul(2).saturating_add(2)
    }

    /// Refuses a tree that is too deep or too large.
    pub(super) fn check(self, filter: &Filter) -> Result<()> {
        let (depth, nodes) = measure(filter);
        if depth > self.depth {
            return Err(self.too_deep());
        }
        if nodes > self.nodes { Err(self.too_large()) } else { Ok(()) }
    }

    pub(super) fn too_deep(self) -> Error {
        Error::invalid_input("the filter is nested too deeply").with("depth_allowed", self.depth)
    }

    pub(super) fn too_large(self) -> Error {
        Error::invalid_input("the filter has too many conditions").with("nodes_allowed", self.nodes)
    }
}

/// The depth above a condition and the number of nodes.
fn measure(filter: &Filter) -> (usize, usize) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => {
            let add = |(depth, nodes): (usize, usize), inner| {
                let (inner_depth, inner_nodes) = measure(inner);
                (depth.max(inner_depth + 1), nodes + inner_nodes)
            };
            filters.iter().fold((1, 1), add)
        }
        Filter::Not(inner) => {
            let (depth, nodes) = measure(inner);
            match **inner {
                Filter::Or(_) | Filter::Field { .. } => (depth, nodes),
                Filter::And(_) | Filter::Not(_) => (depth + 1, nodes + 1),
            }
        }
        Filter::Field { predicate: Predicate::ElemMatch(_, inner), .. } => {
            let (depth, nodes) = measure(inner);
            (depth + 1, nodes + 1)
        }
        Filter::Field { .. } => (0, 1),
    }
}
