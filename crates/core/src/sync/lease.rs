//! When a lease has ended.

use super::MAX_SYNC_LEASE;
use crate::time::Timestamp;
use chrono::TimeDelta;

/// Whether a lease that lasts until `until` has ended.
///
/// One that would last longer than any that can be taken was written before the clock was set back: it has ended too, or a wrong clock would
/// lock everybody out until it is right again.
///
/// ```
/// use chrono::TimeDelta;
/// use mastra_core::{sync::lapsed, time::now};
///
/// let now = now();
/// assert!(!lapsed(now + TimeDelta::seconds(1), now));
/// assert!(lapsed(now, now));
/// assert!(lapsed(now + TimeDelta::days(365), now));
/// ```
pub fn lapsed(until: Timestamp, now: Timestamp) -> bool {
    let longest = TimeDelta::from_std(MAX_SYNC_LEASE).unwrap_or(TimeDelta::MAX);
    until <= now || now.checked_add_signed(longest).is_some_and(|latest| until > latest)
}
