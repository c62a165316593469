//! What an engine remembers of syncs: their runs, where each of them stands, what each of them wrote, and what was set aside.
//!
//! A *sync* brings data of a source into entities. Each execution of it is a *run*. What one sync does to one entity is a *target*: it has a
//! cursor, at most one run that may write (the one that holds its lease), and a *stake* in each record that the sync wrote, which says which
//! keys of the data are the sync's. An *enumeration* is one reading of everything a source has; the ids met during it are *seen*, and what
//! was not seen by its end is gone.
//!
//! All of it lives in the database of the records, so that a page of records, its cursor and the ledger commit together. `mastra-sync` decides
//! what to write; a [`SyncStore`] keeps it. Rules that do not depend on a database are pure functions here, which every backend calls.

mod check;
mod lease;
mod page;
mod quarantine;
mod run;
mod stake;
mod store;
mod target;

pub use check::{MAX_SYNC_LEASE, MAX_SYNC_PAGE};
pub(crate) use check::{external_ids, hold, lease, limit, new_run, page_commit, run_id, run_query, run_update, sync_id};
pub use lease::lapsed;
pub use page::{EnumerationChange, LedgerEntry, PageCommit};
pub use quarantine::{NewQuarantined, QuarantineQuery, Quarantined};
pub use run::{
    Begin, ErrorSample, FinishRun, NewRun, PruneRuns, Run, RunCounts, RunError, RunId, RunQuery, RunStart, RunState, RunTarget,
    RunUpdate, SyncMode,
};
pub use stake::{KeyStake, RecordMark, Stake, StakeView, StakeWrite};
pub use store::SyncStore;
pub use target::{Acquired, Enumeration, Hold, NewHold, TargetId, TargetInfo, TargetState, Unseen};
