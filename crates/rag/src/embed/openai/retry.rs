//! Whether a call is made again, and when.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use mastra_core::Error;
use tokio::time::Instant;

/// The first pause is about this long; each is twice as long as the one before.
const FIRST: Duration = Duration::from_millis(500);

/// A call that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether a repeat can help.
    pub(super) again: bool,
    /// How long the server asks to be left alone.
    pub(super) wait: Option<Duration>,
    /// Whether fewer or shorter texts could pass.
    pub(super) too_large: bool,
}

impl Failure {
    pub(super) fn again(error: Error) -> Self {
        Self { error, again: true, wait: None, too_large: false }
    }

    pub(super) fn last(error: Error) -> Self {
        Self { error: error.retryable(false), again: false, wait: None, too_large: false }
    }

    /// What the caller is told when there is no other attempt.
    pub(super) fn after(mut self, attempts: u32) -> Self {
        if attempts > 1 {
            self.error = self.error.with("attempts", attempts);
        }
        if let Some(wait) = self.wait {
            self.error = self.error.with("retry_after_s", wait.as_secs());
        }
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::last(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

/// The pauses of one embedder, whose calls wait together where the server throttles: each on its own would be throttled anew.
#[derive(Debug)]
pub(super) struct Pauses {
    retries: u32,
    longest: Duration,
    not_before: Mutex<Option<Instant>>,
}

impl Pauses {
    pub(super) fn new(retries: u32, longest: Duration) -> Self {
        Self { retries, longest, not_before: Mutex::new(None) }
    }

    /// How long to wait; `None` where enough is enough, or the server wants longer than it may.
    pub(super) fn before_repeat(&self, attempt: u32, failure: &Failure) -> Option<Duration> {
        if !failure.again || attempt >= self.retries {
            return None;
        }
        let jitter = fastrand::f64();
        match failure.wait {
            Some(wait) if wait > self.longest => None,
            // A little later than asked, and not all at once.
            Some(wait) => Some(wait + FIRST.mul_f64(jitter / 5.0)),
            None => Some(growing(attempt, jitter).min(self.longest)),
        }
    }

    /// Waits, and lets the other calls wait too where the server asked for it.
    pub(super) async fn wait(&self, wait: Duration, failure: &Failure) {
        let until = Instant::now() + wait;
        if failure.wait.is_some() {
            let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
            *not_before = Some(not_before.map_or(until, |other| other.max(until)));
        }
        tokio::time::sleep_until(until).await;
    }

    /// Returns when calls may go out.
    pub(super) async fn turn(&self) {
        let until = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Between half and all of a pause that doubles each time; `jitter` is in 0..1.
fn growing(attempt: u32, jitter: f64) -> Duration {
    FIRST.saturating_mul(1 << attempt.min(16)).mul_f64(0.5 + jitter / 2.0)
}

/// `retry-after-ms` of OpenAI and Azure, else `Retry-After` in seconds or as a date.
pub(super) fn asked_wait(milliseconds: Option<&str>, retry_after: Option<&str>, now: SystemTime) -> Option<Duration> {
    let number = |text: Option<&str>| text?.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    if let Some(milliseconds) = number(milliseconds) {
        return Duration::try_from_secs_f64(milliseconds / 1_000.0).ok();
    }
    match number(retry_after) {
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        // A date that is past asks for nothing.
        None => Some(httpdate::parse_http_date(retry_after?.trim()).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_every_form() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |milliseconds, after| asked_wait(milliseconds, after, now);
        assert_eq!(wait(None, Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(None, Some(" 0.25 ")), Some(Duration::from_millis(250)));
        assert_eq!(wait(Some("1500"), Some("7")), Some(Duration::from_millis(1_500)));
        assert_eq!(wait(Some("soon"), Some("7")), Some(Duration::from_secs(7)));
        assert_eq!(wait(None, Some("Sun, 06 Nov 1994 08:49:40 GMT")), Some(Duration::from_secs(3)));
        assert_eq!(wait(None, Some("Sun, 06 Nov 1994 08:00:00 GMT")), Some(Duration::ZERO));
        for nonsense in ["", "-1", "NaN", "inf", "1e400", "yesterday"] {
            assert_eq!(wait(None, Some(nonsense)), None, "{nonsense}");
        }
        assert_eq!(wait(None, None), None);
    }

    #[test]
    fn pauses_grow_and_end() {
        let pauses = Pauses::new(3, Duration::from_secs(10));
        let failure = Failure::again(Error::unavailable("down"));
        for (attempt, most) in [(0, 500), (1, 1_000), (2, 2_000)] {
            let pause = pauses.before_repeat(attempt, &failure);
            let (least, most) = (Duration::from_millis(most / 2), Duration::from_millis(most));
            assert!(pause.is_some_and(|pause| (least..=most).contains(&pause)), "{attempt}: {pause:?}");
        }
        assert_eq!(pauses.before_repeat(3, &failure), None);
        assert_eq!(pauses.before_repeat(0, &Failure::last(Error::unavailable("no"))), None);
    }

    #[test]
    fn no_wait_is_longer_than_allowed() {
        let pauses = Pauses::new(100, Duration::from_secs(10));
        let failure = Failure::again(Error::unavailable("down"));
        assert_eq!(pauses.before_repeat(40, &failure), Some(Duration::from_secs(10)));
        let asked = |seconds| Failure { wait: Some(Duration::from_secs(seconds)), ..Failure::again(Error::unavailable("down")) };
        assert!(pauses.before_repeat(0, &asked(10)).is_some_and(|pause| pause >= Duration::from_secs(10)));
        assert_eq!(pauses.before_repeat(0, &asked(11)), None);
    }
}
