//! What commits with a page of records.

use super::{NewQuarantined, RunId, RunTarget, StakeWrite, TargetId};
use std::time::Duration;

/// What a holder writes beside the records of a page, in their transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct PageCommit {
    /// The target.
    pub target: TargetId,
    /// The holder's fence.
    pub fence: i64,
    /// How long the target is held from now on.
    pub lease: Duration,
    /// The cursor that is true now; not changed where it is `None`. It becomes the entity's `last_sync_id` too.
    pub cursor: Option<String>,
    /// What becomes of the enumeration.
    pub enumeration: EnumerationChange,
    /// The ids that were met, for an enumeration; an id may be given again.
    pub seen: Vec<String>,
    /// Stakes to write, one an id.
    pub stakes: Vec<StakeWrite>,
    /// Ids whose stake is given up.
    pub dropped: Vec<String>,
    /// Items to set aside, one a key.
    pub quarantined: Vec<NewQuarantined>,
    /// Keys of items that are no longer set aside.
    pub settled: Vec<String>,
    /// The entry of the ledger.
    pub ledger: LedgerEntry,
}

/// What the ledger says of the run's work on the target.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// The run.
    pub run_id: RunId,
    /// Its attempt: an earlier one writes no more.
    pub attempt: u32,
    /// What it did so far; takes the place of what stood there.
    pub target: RunTarget,
}

/// What becomes of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EnumerationChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// One begins: what was seen before is forgotten.
    Begin,
    /// It goes on behind this cursor; `None` where it cannot be continued.
    Advance(Option<String>),
    /// The source was read to its end.
    Read,
    /// It has ended, or is given up: what was seen is forgotten.
    End,
}
