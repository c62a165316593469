#![doc = include_str!("../README.md")]

mod changes;
mod clock;
mod connect;
mod connection;
mod engine;
#[cfg(feature = "mockall")]
mod expect;
mod explain;
mod faults;
mod state;
mod syncs;
mod table;
mod vectors;
mod writer;

/// The guide's examples run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/vector-stores.md")]
struct Guide;

pub use connect::{connect, connect_vectors};
pub use connection::EachCall;
pub use engine::{Mock, MockEngine};
#[cfg(feature = "mockall")]
pub use expect::ExpectingEngine;
pub use faults::{Fault, FaultOn, FaultPlan, Faults};
