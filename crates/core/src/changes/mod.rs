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
//! use mastra_core::{EntityRef, NewEntity, NewRecord, RecordStore as _, UpsertOptions};
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mastra_core::Result<()> {
//! let engine = mastra_mock::connect("mock://changes").await?;
//! let articles = EntityRef::Id(engine.create_entity(&NewEntity::new("Articles", "site")).await?.id);
//! let queue = engine.changes().expect("this engine has a queue");
//! queue.subscribe("search", &articles).await?;
//!
//! engine.upsert_records(&articles, &[NewRecord::new("intro", json!({ "title": "Hello" }))], &UpsertOptions::default()).await?;
//!
//! let claimed = queue.claim_changes("search", &ClaimOptions::default()).await?;
//! assert_eq!(claimed[0].external_id, "intro");
//! // … bring what is derived up to the state of that generation, then:
//! let done: Vec<_> = claimed.iter().map(|change| change.settle(SettlementOutcome::done())).collect();
//! assert_eq!(queue.settle_changes("search", &done).await?.done, 1);
//! assert_eq!(queue.queue_status("search").await?.waiting, 0);
//! # Ok(())
//! # }
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
