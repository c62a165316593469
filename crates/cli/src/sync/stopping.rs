//! Ctrl-C and the signal that ends services: the first stops runs at the edge of a page, the second at once.

use crate::{
    exit::{Outcome, Stop},
    interrupt::{Ends, Interrupts},
    output::Output,
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a run that is dropped is given to say so in the ledger, so that nobody has to wait for its lease.
const LAST_WORD: Duration = Duration::from_millis(300);

/// Whether runs are to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping(CancellationToken);

impl Stopping {
    /// What runs are given.
    pub(crate) fn token(&self) -> CancellationToken {
        self.0.clone()
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Does work to its end, or until it is asked to stop twice.
    pub(crate) async fn run<T>(&self, out: &Output, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let mut interrupts = Interrupts::listen();
        let mut ends = Ends::listen();
        let mut work = Box::pin(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = interrupts.pressed() => {}
                () = ends.asked() => {}
            }
            if self.is_asked() {
                drop(work);
                tokio::time::sleep(LAST_WORD).await;
                return Err(Stop::Interrupted);
            }
            self.0.cancel();
            out.note("stopping behind the page in hand; Ctrl-C again stops at once");
        }
    }
}
