//! Whether a request is made again, and when.

use mastra_core::Error;
use std::time::{Duration, SystemTime};

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether a repeat can help.
    pub(super) again: bool,
    /// How long the server asks to be left alone.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn again(error: Error) -> Self {
        Self { error, again: true, wait: None }
    }

    pub(super) fn last(error: Error) -> Self {
        Self { error: error.retryable(false), again: false, wait: None }
    }

    /// What the caller is told when there is no other attempt.
    pub(super) fn after(self, attempts: u32) -> Error {
        let error = if attempts > 1 { self.error.with("attempts", attempts) } else { self.error };
        match self.wait {
            Some(wait) => error.with("retry_after_s", wait.as_secs()),
            None => error,
        }
    }
}

/// How often, and with what pauses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) attempts: u32,
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pauses {
    /// How long to wait after so many attempts; `None` where enough is enough, or the server wants longer than it may. `jitter` is in 0..1.
    pub(super) fn before_repeat(&self, attempts: u32, failure: &Failure, jitter: f64) -> Option<Duration> {
        if !failure.again || attempts >= self.attempts {
            return None;
        }
        match failure.wait {
            // A little later than asked, and not all at once.
            Some(wait) => (wait <= self.longest).then(|| wait + self.first.mul_f64(jitter / 5.0)),
            // Between half and all of a pause that doubles each time.
            None => {
                let growing = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(16));
                Some(growing.mul_f64(0.5 + jitter / 2.0).min(self.longest))
            }
        }
    }
}

/// `Retry-After`, in seconds or as a date; a date that is past asks for nothing.
pub(super) fn asked_wait(retry_after: Option<&str>, now: SystemTime) -> Option<Duration> {
    let text = retry_after?.trim();
    match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSES: Pauses = Pauses { attempts: 4, first: Duration::from_millis(500), longest: Duration::from_secs(10) };

    fn asked(wait: Option<u64>) -> Failure {
        Failure { wait: wait.map(Duration::from_secs), ..Failure::again(Error::unavailable("busy")) }
    }

    #[test]
    fn pauses_grow_and_end() {
        let wait = |attempts, jitter| PAUSES.before_repeat(attempts, &asked(None), jitter);
        assert_eq!([wait(1, 0.0), wait(2, 0.0), wait(3, 0.0)], [250, 500, 1_000].map(|ms| Some(Duration::from_millis(ms))));
        assert!(wait(1, 0.99) > wait(1, 0.5));
        assert_eq!(wait(4, 0.0), None);
        assert_eq!(PAUSES.before_repeat(1, &Failure::last(Error::unavailable("no")), 0.0), None);
        let many = Pauses { attempts: 1_000, ..PAUSES };
        assert_eq!(many.before_repeat(900, &asked(None), 0.9), Some(PAUSES.longest));
    }

    #[test]
    fn what_the_server_asks_for_is_waited_for_or_not_tried() {
        let wait = |seconds| PAUSES.before_repeat(1, &asked(Some(seconds)), 0.0);
        assert_eq!(wait(7), Some(Duration::from_secs(7)));
        assert_eq!(wait(10), Some(Duration::from_secs(10)));
        assert_eq!(wait(11), None);
        assert_eq!(asked(Some(11)).after(1).get("retry_after_s"), Some("11"));
    }

    #[test]
    fn waits_are_read_in_every_form() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text| asked_wait(Some(text), now);
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait(" 0.25 "), Some(Duration::from_millis(250)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:40 GMT"), Some(Duration::from_secs(3)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "-1", "NaN", "inf", "1e400", "yesterday"] {
            assert_eq!(wait(nonsense), None, "{nonsense}");
        }
        assert_eq!(asked_wait(None, now), None);
    }
}
