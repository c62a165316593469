//! Waiting between attempts, without a runtime of our own.

use futures_timer::Delay;
use std::time::Duration;

/// Pauses that grow and are jittered, up to a number of attempts.
///
/// The timer is one that needs no runtime: core has none. Conflicts are rare and short; a deadlock's loser has already waited
/// in the database.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

/// A deadlock among n writers costs a writer at most about n attempts.
const ATTEMPTS: u32 = 20;

impl Backoff {
    /// How many pauses there were.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next pause; `None` when enough is enough.
    pub(crate) fn next(&mut self) -> Option<Delay> {
        self.attempts += 1;
        let millis = 1_u64 << self.attempts.min(7);
        // UUIDv7's tail is random: enough to keep two losers from meeting again.
        let jitter = uuid::Uuid::now_v7().as_u128() as u64 % millis;
        (self.attempts <= ATTEMPTS).then(|| Delay::new(Duration::from_millis(millis / 2 + jitter)))
    }
}
