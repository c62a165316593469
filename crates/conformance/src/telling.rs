//! What cases say on the way: seeds, tallies, recall. A test harness keeps it for when a test fails; beside a report it is noise.

use std::cell::Cell;
use std::fmt::Display;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the cases that run on this thread quiet from now on.
pub(crate) fn be_quiet() {
    QUIET.set(true);
}

/// Says it on standard error.
pub(crate) fn tell(what: impl Display) {
    if !QUIET.get() {
        eprintln!("{what}");
    }
}
