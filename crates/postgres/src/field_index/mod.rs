//! Indexes on a field of one entity.
//!
//! Each covers the live records of its entity alone, so that writes to other entities do not pay for it. It is an index on
//! expressions, and what a query asks for is written by the same function from the same path, so that the planner knows it
//! again. That a query may be served by an index is only ever a matter of speed: its conditions say the same without one.

mod builder;
mod catalog;
mod columns;
mod ddl;
mod definition;
mod operand;
mod ranges;
mod statistics;

pub(crate) use catalog::{FieldIndexes, KnownIndexes};
pub(crate) use columns::{Columns, MISSING, has_array};
pub(crate) use ddl::{create, drop, list};
pub(crate) use operand::{Indexed, coarse, indexed};
pub(crate) use ranges::ranges;
pub use ranges::{FieldRange, range_columns};
pub(crate) use statistics::Estimate;
