//! Waiting between attempts, without a runtime of our own.

use std::future::Future;
use std::time::Duration;

/// Pauses that grow and are jittered, up to a number of attempts.
///
/// Core has no timer: a pause yields to other tasks and, from the third on, sleeps on a helper thread, so that it works in
/// every runtime. Conflicts are rare and short; a deadlock's loser has already waited in the database.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempts: u32,
}

/// A deadlock among n writers costs a writer at most about n attempts.
const ATTEMPTS: u32 = 20;

impl Default for Backoff {
    fn default() -> Self {
        Self { attempts: 0 }
    }
}

impl Backoff {
    /// How many pauses there were.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next pause; `None` when enough is enough.
    pub(crate) fn next(&mut self) -> Option<impl Future<Output = ()> + Send + use<>> {
        self.attempts += 1;
        let millis = 1_u64 << self.attempts.min(7);
        // UUIDv7's tail is random: enough to keep two losers from meeting again.
        let jitter = uuid::Uuid::now_v7().as_u128() as u64 % millis;
        (self.attempts <= ATTEMPTS).then(|| sleep(Duration::from_millis(millis / 2 + jitter)))
    }
}

async fn sleep(duration: Duration) {
    let (wake, woken) = futures::channel::oneshot::channel::<()>();
    let timer = std::thread::Builder::new().name("mastra-retry".into()).spawn(move || {
        std::thread::sleep(duration);
        drop(wake);
    });
    if timer.is_ok() {
        // The sender is dropped when the time is over; an error is the signal.
        let _ = woken.await;
    }
}
