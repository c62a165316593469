//! The filter law as one jsonpath predicate.
//!
//! A filter becomes one predicate in lax mode, which is bound as text: `data @@ $n::jsonpath`. Lax mode walks as the law does, a
//! key through the objects of an array, one level; what it does too much (comparing inside an array of arrays, taking a scalar
//! for an array of one) is undone by asking for the type first. Every part is true or false and never unknown, so that `!` is
//! the complement.
//!
//! What jsonpath cannot say becomes a predicate that is true of more documents, and the caller asks
//! [`Matcher`](mastra_core::filter::Matcher) of what comes back.

mod compile;
mod contains;
mod node;
mod place;
mod value;

use crate::field_index::{FieldRange, ranges};
use mastra_core::{Filter, filter::Predicate};

/// What a filter became.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    /// The predicate; `None` where every document may match.
    pub jsonpath: Option<String>,
    /// Whether the predicate says what the filter says. Else it is true of more, and core has to look again.
    pub exact: bool,
    /// Whether no document matches.
    pub never: bool,
    /// The ranges that every document which matches lies in.
    pub ranges: Vec<FieldRange>,
    /// The operators that core has to finish.
    pub finished_in_core: Vec<&'static str>,
}

/// Compiles a filter on documents.
pub fn compile(filter: &Filter) -> Compiled {
    let mut compiler = compile::Compiler::default();
    let node = compiler.document(filter);
    let never = node.is_never();
    let exact = node.exact;
    Compiled {
        jsonpath: node.into_condition(),
        exact,
        never,
        ranges: ranges(filter),
        finished_in_core: if exact { Vec::new() } else { compiler.finished.into_iter().collect() },
    }
}

/// A predicate on the values that a path led to, given as the members of one array; `None` where it asks more than equality with
/// values of which none is null, an array or an object.
pub(crate) fn of_leaves(predicate: &Predicate) -> Option<String> {
    compile::leaves(predicate)?.into_condition()
}
