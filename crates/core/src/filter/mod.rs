//! The filter language: MongoDB's query semantics over JSON, two-valued, with Mastra's additions.
//!
//! A [`Filter`] comes from builders ([`Filter::eq`] and kin), from the Mongo-style JSON ([`Filter::from_json`], serde), or from
//! the older condition list ([`Filter::from_conditions`]). [`Filter::matches`] is the reference that every backend's compiler is
//! tested against.
//!
//! ```
//! use mastra_core::Filter;
//! use serde_json::json;
//!
//! let filter = Filter::from_json(&json!({"stage": {"$in": ["won", "open"]}, "amount": {"$gte": 100}}))?;
//! assert!(filter.matches(&json!({"stage": "won", "amount": 250})));
//! assert!(!filter.matches(&json!({"stage": "won", "amount": "250"})));
//! # Ok::<(), mastra_core::Error>(())
//! ```

mod ast;
mod build;
mod contains;
mod convert;
mod evaluate;
mod fingerprint;
mod legacy;
mod limits;
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
