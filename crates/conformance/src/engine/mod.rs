//! The cases of the engine suite, by subject. [`engine_suite!`](crate::engine_suite) makes tests of them.

pub mod concurrency;
pub mod delete;
pub mod entities;
pub mod paging;
pub mod reads;
pub mod sorting;
pub mod streams;
pub mod sync;
pub mod transactions;
pub mod upsert;
