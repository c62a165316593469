//! The queue of changes: what derived data, such as the vectors of records, still has to follow.
//!
//! A *subscription* follows the records of one entity. From then on each transaction that creates, changes, revives or deletes a
//! record also writes a row into the queue, so that no crash can part the two. There is one row a subscription and record:
//! changes of a record that wait are one change, of the newest generation.
//!
//! A worker *claims* some changes for a time, its lease, does its work with no transaction open, and *settles* them. Many workers
//! may share a queue. A change is done only when the generation that the worker saw is still the newest; else it is due again at once.
//! A worker that does not settle in time has lost its lease: the change is given to another, and what the late one writes has to be
//! found by the generation that stands in it. Therefore a change whose lease lapsed comes once more, as a `repeat`, after it was done.
//!
//! ```
//! use mastra_core::changes::{ClaimOptions, SettlementOutcome};
//! use mastra_core::{Engine, EntityRef, Error, Result};
//!
//! /// Works until nothing is due.
//! async fn follow(engine: &dyn Engine, articles: &EntityRef) -> Result<u64> {
//!     let queue = engine.changes().ok_or_else(|| Error::unsupported("this engine has no queue"))?;
//!     queue.subscribe("search", articles).await?;
//!     let mut done = 0;
//!     loop {
//!         let claimed = queue.claim_changes("search", &ClaimOptions::default()).await?;
//!         if claimed.is_empty() {
//!             return Ok(done);
//!         }
//!         // … bring what is derived up to the state of each `change.generation`, then:
//!         let settled: Vec<_> = claimed.iter().map(|change| change.settle(SettlementOutcome::done())).collect();
//!         done += queue.settle_changes("search", &settled).await?.done;
//!     }
//! }
//! # let _ = follow;
//! ```

mod check;
mod queue;
mod row;
mod types;

pub use check::{MAX_CLAIM, MAX_ERROR_BYTES, MAX_LEASE};
pub(crate) use check::{claim, requeue, settlements, subscription_name};
pub use queue::ChangeQueue;
pub use row::{QueueRow, cut};
pub use types::{
    ClaimOptions, LeaseId, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport, Settlement, SettlementOutcome,
    Subscription,
};
