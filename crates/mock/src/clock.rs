//! The clock of a store.

use chrono::TimeDelta;
use mastra_core::time::{Timestamp, now};
use std::sync::atomic::{AtomicI64, Ordering};

/// The machine's clock, set apart from it by so many microseconds.
#[derive(Debug, Default)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        let (now, apart) = (now(), TimeDelta::microseconds(self.0.load(Ordering::Relaxed)));
        now.checked_add_signed(apart).unwrap_or(now)
    }

    pub(crate) fn step(&self, by: TimeDelta) {
        let by = by.num_microseconds().unwrap_or(0);
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}
