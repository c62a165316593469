//! Filters: what a request's conditions mean, and which points they hold for.
//!
//! [`ast`] is the filter as this double understands it, [`read`] makes it of the wire's messages and refuses what is malformed,
//! [`matches`](check::matches) decides. Where a field has an index, Qdrant asks the index and not the payload, and the two differ
//! in corners: [`indexed`] holds those.

pub(crate) mod ast;
pub(crate) mod check;
mod datetime;
mod indexed;
mod read;
mod tokens;
mod value;

pub(crate) use ast::{Condition, Field, Filter, Match, Range};
pub(crate) use check::{Candidate, matches};
pub(crate) use datetime::parse as parse_time;
pub(crate) use indexed::{facet_values, range_keys};
