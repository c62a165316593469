//! The cases of the engine suite, by subject. [`engine_suite!`](crate::engine_suite) makes tests of them.

pub mod changes;
pub mod claims;
pub mod concurrency;
pub mod delete;
pub mod entities;
pub mod errors;
pub mod explaining;
pub mod field_indexes;
pub mod filters;
pub mod hostile;
pub mod injection;
pub mod lifecycle;
pub mod paging;
pub mod reads;
pub mod sorting;
pub mod streams;
pub mod sync;
pub mod syncs;
pub mod text;
pub mod transactions;
pub mod upsert;

pub use syncs::together as syncs_together;
