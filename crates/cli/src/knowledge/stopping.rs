//! Ctrl-C for work that stops by itself, behind what it has in hand.

use crate::{
    exit::{Outcome, Stop},
    interrupt::{Ends, Interrupts},
    output::Output,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a wait looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the work is to stop. Shared with the library, which looks at it between batches.
#[derive(Debug, Clone, Default)]
pub(super) struct Stopping(Arc<AtomicBool>);

impl Stopping {
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits so long, or until the work is to stop.
    pub(super) async fn pause(&self, length: Duration) {
        let began = Instant::now();
        while !self.is_asked() && began.elapsed() < length {
            tokio::time::sleep(LOOK.min(length)).await;
        }
    }

    /// Work that can be dropped wherever it is, such as opening: it ends at once.
    pub(super) async fn unless_asked<T>(&self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            done = work => done,
            () = self.pause(Duration::MAX) => Err(Stop::Interrupted),
        }
    }

    /// Runs work to its end. The first Ctrl-C (or the signal that ends services) asks it to stop; the second drops it: what it held is due
    /// again when its lease ends.
    pub(super) async fn run<T>(&self, out: &Output, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        let mut interrupts = Interrupts::listen();
        let mut ends = Ends::listen();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = interrupts.pressed() => {}
                () = ends.asked() => {}
            }
            if self.0.swap(true, Ordering::Relaxed) {
                return Err(Stop::Interrupted);
            }
            out.note("stopping behind what is in hand; Ctrl-C again stops at once");
        }
    }
}
