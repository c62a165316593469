//! The trait that a backend implements.

use super::{
    Acquired, Hold, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId, RunQuery, RunStart,
    RunUpdate, Stake, StakeView, TargetId, TargetInfo, Unseen,
};
use crate::{error::Result, ids::EntityId};
use async_trait::async_trait;
use std::{fmt, time::Duration};

/// What an engine remembers of syncs, or as it is seen in a [`Transaction`](crate::Transaction); from
/// [`RecordStore::syncs`](crate::RecordStore::syncs).
///
/// Every method is atomic and takes a number of round trips that does not grow with its input. Times are those of the database, where it has
/// a clock of its own. An unknown run is `NotFound`; whoever no longer holds a target, or no longer is the run's newest attempt, gets a
/// `Conflict` that no retry helps, and nothing is written.
#[async_trait]
pub trait SyncStore: Send + Sync + fmt::Debug {
    /// Begins a run, or answers with the one of its id, as [`Run::begin`] decides: one that had no result is begun again, as its next attempt.
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart>;

    /// A sign of life of an attempt, or its end. `Conflict` where it has ended, or a later attempt was begun.
    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()>;

    /// A run, in the state as it is seen now.
    async fn get_run(&self, id: &RunId) -> Result<Run>;

    /// Runs, the newest first.
    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>>;

    /// Removes finished runs; how many. What was written and where syncs stand is not touched.
    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64>;

    /// Waits until the run's revision is greater than `revision`, or for at most `within`, and returns the run. Outside of transactions.
    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run>;

    /// Takes a target, with a new fence, where nobody alive holds it; creates entity and target where they are not there.
    async fn acquire(&self, hold: &NewHold) -> Result<Acquired>;

    /// Holds it for longer; `Conflict` where another one holds it, or its entity was deleted.
    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()>;

    /// Lets go of it; nothing happens where it is held no more.
    async fn release(&self, hold: &Hold) -> Result<()>;

    /// The targets, of one sync or of all, in order of sync, connection and entity.
    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>>;

    /// What is known of records, in the order of the ids, each once; `target` tells own stakes from others.
    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>>;

    /// Stakes of a target behind an external id, in order of that, by code point.
    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>>;

    /// Writes what goes with a page, first of all making sure that the target is still held: `Conflict` where it is not.
    async fn commit_page(&self, page: &PageCommit) -> Result<()>;

    /// How much the enumeration of a target has not seen.
    async fn count_unseen(&self, target: TargetId) -> Result<Unseen>;

    /// Stakes in records that the enumeration of a target has not seen, in order of external id.
    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>>;

    /// Items that were set aside.
    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>>;
}
