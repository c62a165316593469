//! How much one answer may hold, and how long it may take.

use mastra_core::{Error, Result};
use std::time::Duration;

/// What a name, percent-encoded three times over in an address, can take of an answer; a smaller one could hold no record at all.
const LEAST_BYTES: usize = 20_000;

/// Bounds on what a client is given. What does not fit is cut, and the answer says so and how to go on.
///
/// ```
/// use mastra_mcp::Limits;
///
/// let wide = Limits { max_bytes: 100_000, ..Limits::default() };
/// assert_eq!((wide.max_records, wide.max_passages), (200, 50));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of JSON in the answer of a tool, 40,000 by default (about 10,000 tokens) and 20,000 at least.
    pub max_bytes: usize,
    /// The most bytes of JSON of a record that is read as a resource; 256 KiB by default, never fewer than `max_bytes`.
    pub max_resource_bytes: usize,
    /// The most records, entities or hits of one answer; 200 by default.
    pub max_records: u64,
    /// The most passages of one search of a knowledge base; 50 by default.
    pub max_passages: usize,
    /// How long one call may take before it is a `timeout`; a minute by default.
    pub time: Duration,
    /// How many calls are worked on at the same time, the others waiting their turn; 16 by default.
    pub concurrent: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 40_000,
            max_resource_bytes: 256 << 10,
            max_records: 200,
            max_passages: 50,
            time: Duration::from_secs(60),
            concurrent: 16,
        }
    }
}

impl Limits {
    pub(crate) fn checked(mut self) -> Result<Self> {
        if self.max_bytes < LEAST_BYTES {
            return Err(Error::invalid_input("an answer needs more room than that")
                .with("max_bytes", self.max_bytes)
                .with("least", LEAST_BYTES));
        }
        if self.max_records == 0 || self.max_passages == 0 || self.concurrent == 0 || self.time.is_zero() {
            return Err(Error::invalid_input("a limit of 0 would answer nothing"));
        }
        self.max_resource_bytes = self.max_resource_bytes.max(self.max_bytes);
        Ok(self)
    }

    /// What was asked for, or the default, refused where it is more than the most.
    pub(crate) fn count(what: &'static str, asked: Option<u64>, default: u64, most: u64) -> Result<u64> {
        match asked {
            Some(asked) if asked > most => {
                Err(Error::invalid_input(format!("{what} is {most} at most")).with(what, asked).with("most", most))
            }
            asked => Ok(asked.unwrap_or(default.min(most))),
        }
    }

    /// The same for what cannot be nothing.
    pub(crate) fn positive(what: &'static str, asked: Option<u64>, default: u64, most: u64) -> Result<u64> {
        match asked {
            Some(0) => Err(Error::invalid_input(format!("{what} is 1 at least"))),
            asked => Self::count(what, asked, default, most),
        }
    }
}
