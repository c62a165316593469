//! A plain loop: a sync every so often, in one process, until it is told to stop.

use mastra_sync::{Completed, Mastra, SyncError};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Runs a sync now and then every so often, until `stop` is cancelled; a run that is under way then stops at the edge of a page.
///
/// A run that takes longer than that is waited for, and the times it missed are left out. A run that fails does not end the loop: the next one
/// goes on where it stopped.
pub async fn run_every(
    every: Duration,
    mastra: &Mastra,
    sync: &str,
    input: &Value,
    stop: &CancellationToken,
    mut told: impl FnMut(Result<Completed<Value>, SyncError>),
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => told(mastra.sync(sync, input.clone()).cancellation(stop.clone()).await),
        }
    }
}
