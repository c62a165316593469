//! Times as every engine stores them: UTC, to the microsecond.

use chrono::{DateTime, SubsecRound as _, Utc};

/// A point in time, in UTC; engines keep microseconds.
pub type Timestamp = DateTime<Utc>;

/// The time now, cut to the microseconds that an engine keeps.
pub fn now() -> Timestamp {
    Utc::now().trunc_subsecs(6)
}

/// The time of a change that follows `previous`: now, or one microsecond behind `previous` where the clock stands or ran back.
///
/// ```
/// use mastra_core::time::{next_after, now};
///
/// let future = now() + chrono::TimeDelta::hours(1);
/// assert!(next_after(future) > future);
/// ```
pub fn next_after(previous: Timestamp) -> Timestamp {
    now().max(previous.trunc_subsecs(6) + chrono::TimeDelta::microseconds(1))
}
