//! Ending a run before its end.

use std::sync::Arc;
use tokio::sync::watch;

/// Ends a run early, from wherever a clone of it is: cases that run are given up, and clean up behind them; no other begins.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Ends the run.
    pub fn now(&self) {
        self.0.send_replace(true);
    }

    /// Whether the run is to end.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves once the run is to end.
    pub(crate) async fn wait(&self) {
        // The sender lives as long as `self`, so that the only error there is cannot happen.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
