//! How a run is to go.

use crate::event::Observer;
use mastra_core::sync::RunId;
use std::{fmt, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How a run is to go.
///
/// ```
/// use mastra_sync::{RunOptions, WhenBusy};
/// use std::time::Duration;
///
/// let options = RunOptions { dry_run: true, when_busy: WhenBusy::Wait(Duration::from_secs(60)), ..RunOptions::default() };
/// # assert!(options.timeout.is_none());
/// ```
#[derive(Clone)]
pub struct RunOptions {
    /// The run's id; a fresh one where it is `None`. A run whose id has a result already returns that, and does nothing.
    pub run_id: Option<RunId>,
    /// Says what would be done, and does nothing: neither records nor the ledger are written.
    pub dry_run: bool,
    /// Reads the source from its beginning, whatever cursor is stored.
    pub restart: bool,
    /// Tries again what earlier runs set aside, and nothing else.
    pub retry_failed: bool,
    /// Deletes what the source no longer has, however much it is.
    pub confirm_deletes: bool,
    /// What to do where another run of the sync writes the same entity; refused by default.
    pub when_busy: WhenBusy,
    /// How long the run may take; as long as it likes by default.
    pub timeout: Option<Duration>,
    /// How long a run that is cancelled, or took too long, is given to come to a page's edge; 30 seconds by default.
    pub grace: Duration,
    /// How long a run that says nothing counts as alive; 30 seconds by default, between a millisecond and an hour. A sign of life is given
    /// three times as often.
    pub lease: Duration,
    /// Stops the run at the edge of a page.
    pub cancellation: CancellationToken,
    /// Is told of the run's steps.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            run_id: None,
            dry_run: false,
            restart: false,
            retry_failed: false,
            confirm_deletes: false,
            when_busy: WhenBusy::default(),
            timeout: None,
            grace: Duration::from_secs(30),
            lease: Duration::from_secs(30),
            cancellation: CancellationToken::new(),
            observer: None,
        }
    }
}

impl fmt::Debug for RunOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunOptions")
            .field("run_id", &self.run_id)
            .field("dry_run", &self.dry_run)
            .field("restart", &self.restart)
            .field("retry_failed", &self.retry_failed)
            .field("confirm_deletes", &self.confirm_deletes)
            .field("when_busy", &self.when_busy)
            .field("timeout", &self.timeout)
            .field("grace", &self.grace)
            .field("lease", &self.lease)
            .field("observed", &self.observer.is_some())
            .finish_non_exhaustive()
    }
}

/// What to do where another run writes the same entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenBusy {
    /// Fail at once.
    #[default]
    Refuse,
    /// Wait for it, for at most so long, then fail.
    Wait(Duration),
}
