//! Letting a sync's code run until it returns, or no longer.

use crate::{
    context::Shared,
    define::{Prepared, Started},
};
use futures::FutureExt as _;
use std::{panic::AssertUnwindSafe, pin::pin};

/// How a sync's code ended.
pub(super) struct Ended {
    /// What it came to; `None` where it did not stop in time and was dropped.
    pub(super) came_to: Option<CameTo>,
    /// Why it was told to stop, if it was.
    pub(super) told: Option<Told>,
}

/// What a sync's code came to.
pub(super) enum CameTo {
    Returned(Started),
    Panicked,
}

/// Why a run was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// By its caller, or since another run took over.
    Cancelled,
    TimedOut,
}

/// Runs a sync's code. What stops it is first told to it, so that it can come to a page's edge; after the time of grace it is dropped.
pub(super) async fn drive(prepared: Prepared, shared: Shared) -> Ended {
    let scope = shared.scope.clone();
    let options = scope.options();
    let work = AssertUnwindSafe(async move { (prepared.start)(shared).await }).catch_unwind();
    let mut work = pin!(work.map(|result| result.map_or(CameTo::Panicked, CameTo::Returned)));
    let told = async {
        let cancelled = options.cancellation.cancelled();
        let Some(limit) = options.timeout else {
            cancelled.await;
            return Told::Cancelled;
        };
        match tokio::time::timeout(limit, cancelled).await {
            Ok(()) => Told::Cancelled,
            Err(_) => Told::TimedOut,
        }
    };
    let told = tokio::select! {
        // What is done is done, even where time ran out with it.
        biased;
        came_to = &mut work => return Ended { came_to: Some(came_to), told: None },
        told = told => told,
    };
    options.cancellation.cancel();
    let came_to = tokio::time::timeout(options.grace, work).await.ok();
    Ended { came_to, told: Some(told) }
}
