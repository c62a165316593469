//! The filter language: MongoDB's query semantics over JSON, two-valued, with Mastra's additions.

mod ast;

pub use ast::{Bound, Comparison, Filter, Members, Pattern, Predicate};
