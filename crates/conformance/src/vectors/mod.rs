//! The suite of vector stores, by subject. [`vector_store_suite!`](crate::vector_store_suite) makes tests of its cases.

pub mod administration;
pub mod approximate;
pub mod basics;
mod broken;
mod case_file;
pub mod claims;
pub mod concurrency;
mod differential;
pub mod filters;
pub(crate) mod fixture;
pub mod handles;
mod harness;
mod in_transaction;
mod model;
pub mod namespaces;
pub mod reads;
pub mod refusals;
pub mod required;
pub mod scores;
mod shrink;
mod suite;
pub mod text;
pub mod updates;
pub mod walks;
pub mod writes;

pub use broken::{BrokenVectors, Mistake};
pub use case_file::{VECTOR_BUILT_IN, run_vector_case_file};
pub use differential::{VECTOR_PAIRS, vector_differential};
pub use harness::{Level, TestVectors, VectorBody, VectorCase, VectorFactory, run_vector_case};
pub use in_transaction::EachInTransaction;
pub use suite::vector_cases;
