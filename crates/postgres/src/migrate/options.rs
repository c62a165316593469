//! How patient a migration is.

use std::time::Duration;

/// Settings of a [`PostgresMigrator`](super::PostgresMigrator).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrateOptions {
    /// How long to wait, in all, for the turn to migrate and for tables that other sessions hold. Five minutes by default.
    pub timeout: Duration,
    /// How long one statement may wait for a table, during which every later reader of it waits too. Three seconds by default.
    pub lock_timeout: Duration,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(300), lock_timeout: Duration::from_secs(3) }
    }
}

impl MigrateOptions {
    /// Sets [`MigrateOptions::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets [`MigrateOptions::lock_timeout`].
    #[must_use]
    pub fn lock_timeout(mut self, lock_timeout: Duration) -> Self {
        self.lock_timeout = lock_timeout;
        self
    }
}

/// A duration as the milliseconds of a server's setting, where 0 would mean for ever.
pub(super) fn setting(duration: Duration) -> String {
    format!("{}", duration.as_millis().clamp(1, 2_147_483_647))
}
