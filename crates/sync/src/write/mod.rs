//! Writing the records of a run: page by page, each with its cursor, the ledger and the queue of changes in one transaction.
//!
//! What to do with a record is decided by pure functions ; reading and writing is batched around them .

mod plan;
mod policy;
mod scope;

pub use plan::{PLAN_SAMPLES, PlannedAction, PlannedChange, TargetPlan};
pub use policy::{FieldPolicy, MergePolicy};
#[allow(unused_imports, dead_code, reason = "the runner uses them")]
pub(crate) use scope::{RunScope, Stop};
