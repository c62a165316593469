//! Writing the records of a run: page by page, each with its cursor, the ledger and the queue of changes in one transaction.
//!
//! What to do with a record is decided by pure functions ; reading and writing is batched around them .

mod batch;
mod builder;
mod commit;
mod decide;
mod draft;
mod dry;
mod finish;
mod groups;
mod guard;
pub(crate) mod hash;
mod hold;
mod judge;
mod known;
mod plan;
mod policy;
mod provenance;
mod scope;
mod settings;
mod writer;

pub use builder::RecordsBuilder;
pub use draft::Draft;
pub use guard::DeleteGuard;
pub use plan::{PLAN_SAMPLES, PlannedAction, PlannedChange, TargetPlan};
pub use policy::{FieldPolicy, MergePolicy};
pub use provenance::{FieldProvenance, provenance};
pub(crate) use scope::{RunScope, Stop};
pub use settings::{DEFAULT_BATCH, DEFAULT_CONNECTION};
pub use writer::RecordWriter;
