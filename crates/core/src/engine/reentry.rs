//! Telling a call on the outer engine from inside `transaction(closure)`.
//!
//! Such a call would wait for a connection or a lock that its own transaction holds: a hang. A flag of the thread is set while
//! the closure's future is polled, so it is seen by that future alone, on whatever thread it runs.

use crate::error::{Error, Result};
use std::cell::RefCell;
use std::future::{Future, poll_fn};

thread_local! {
    static OPEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        OPEN.with_borrow_mut(|open| {
            open.pop();
        });
    }
}

/// Polls `future` as the body of a transaction on `engine`.
pub(super) async fn inside<F: Future>(engine: usize, future: F) -> F::Output {
    let mut future = Box::pin(future);
    poll_fn(move |context| {
        OPEN.with_borrow_mut(|open| open.push(engine));
        let _leave = Leave;
        future.as_mut().poll(context)
    })
    .await
}

/// Refuses a call on an engine from inside its own transaction closure.
pub(super) fn refuse(engine: usize) -> Result<()> {
    if OPEN.with_borrow(|open| open.contains(&engine)) {
        return Err(Error::invalid_input(
            "the engine was called inside its own transaction, which could wait for itself; use the transaction instead",
        ));
    }
    Ok(())
}
