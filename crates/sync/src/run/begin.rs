//! How a run begins.

use crate::{RunOptions, SyncError, SyncErrorKind, WhenBusy};
use mastra_core::{
    sync::{NewRun, Run, RunStart, SyncStore},
    time,
};
use std::time::Duration;
use tokio::time::Instant;

/// What came of wanting to begin.
pub(super) enum Begun {
    /// It is under way.
    Started(Run),
    /// It had a result before.
    Recorded(Run),
}

/// Begins a run in the ledger. Where a run of its id is under way, that one is waited for, as the options say.
pub(super) async fn begin(ledger: &dyn SyncStore, new: &NewRun, options: &RunOptions) -> Result<Begun, SyncError> {
    // One that is too long to be added is as good as none.
    let deadline = match options.when_busy {
        WhenBusy::Refuse => Some(Instant::now()),
        WhenBusy::Wait(limit) => Instant::now().checked_add(limit),
    };
    loop {
        if options.cancellation.is_cancelled() {
            return Err(cancelled(new));
        }
        let started = ledger.begin_run(new).await;
        let busy = match started.map_err(|source| failed(new, source))? {
            RunStart::Started(run) => return Ok(Begun::Started(run)),
            RunStart::Recorded(run) => return Ok(Begun::Recorded(run)),
            RunStart::Busy(run) => run,
        };
        let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            let message = "a run of this id is under way; wait for it, or give this run an id of its own";
            return Err(SyncError::new(SyncErrorKind::Busy, &new.sync_id, message).with_run(&new.id));
        }
        // A run that is lost does not change: its lease has to be watched.
        let lease = (busy.lease_until - time::now()).to_std().unwrap_or_default();
        let within = lease.clamp(Duration::from_millis(20), Duration::from_secs(30)).min(left);
        tokio::select! {
            () = options.cancellation.cancelled() => return Err(cancelled(new)),
            changed = ledger.wait_for_run(&new.id, busy.revision, within) => changed.map(drop).map_err(|source| failed(new, source))?,
        }
    }
}

fn cancelled(new: &NewRun) -> SyncError {
    SyncError::new(SyncErrorKind::Cancelled, &new.sync_id, "the run was cancelled before it began").with_run(&new.id)
}

fn failed(new: &NewRun, source: mastra_core::Error) -> SyncError {
    SyncError::engine(&new.sync_id, "the run could not begin", source).with_run(&new.id)
}
