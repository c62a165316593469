#![doc = include_str!("../docs/filters.md")]
//!
//! A [`Filter`] comes from builders ([`Filter::eq`] and kin), from the Mongo-style JSON ([`Filter::from_json`], serde), or from
//! the older condition list ([`Filter::from_conditions`]). [`Filter::matches`] is the reference that every backend's compiler is
//! tested against.

mod ast;
mod build;
mod contains;
mod convert;
mod evaluate;
mod fingerprint;
mod fold;
mod legacy;
mod limits;
mod members;
mod operand;
mod parse;
mod pattern;
mod serialize;
mod unique;

pub use ast::{Bound, Comparison, Filter, Members, Pattern, Predicate};
pub use convert::{IntoBound, IntoPath};
pub use evaluate::Matcher;
pub(crate) use legacy::relative_to_data;
pub use legacy::{Condition, older_path};
pub use limits::FilterLimits;
pub use unique::UniqueValue;
