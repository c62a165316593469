#![doc = include_str!("../README.md")]

pub mod bench;
mod case_file;
pub mod differential;
pub mod engine;
mod failure;
mod fixture;
mod harness;
mod model;
mod random;
pub mod runner;
mod suite;
pub mod table;
mod telling;
pub mod vectors;
mod verdict;

pub use case_file::{BUILT_IN, FailedCase, Report, run_case_file};
pub use failure::{Failure, Outcome, refused};
pub use harness::{Body, Case, Factory, TestEngine};
pub use random::Random;
pub use suite::engine_cases;
pub use verdict::Verdict;

#[doc(hidden)]
pub mod __private {
    pub use crate::harness::run_blocking;
    pub use futures::future::LocalBoxFuture;
    pub use mastra_core::Result;
}
