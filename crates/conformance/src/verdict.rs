//! What a case came to, told apart from what it had nothing to ask.

use crate::failure::{Failure, Outcome};
use crate::vectors::Level;
use futures::FutureExt as _;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// What a case came to.
#[derive(Debug)]
pub enum Verdict {
    /// The backend did what it has to.
    Passed,
    /// It did otherwise.
    Failed(Failure),
    /// The case is about this capability, which the backend does not claim. Where the law says what happens then, that was seen.
    NotClaimed(&'static str),
    /// The case belongs to this level, and the factory does not go so far.
    BeyondLevel(Level),
}

impl Verdict {
    /// As a test has it: what there was nothing to run for is told on standard error, and passes.
    pub(crate) fn outcome(self, case: &impl Display) -> Outcome {
        match self {
            Self::Passed => {}
            Self::Failed(failure) => return Err(failure),
            Self::NotClaimed(capability) => eprintln!("not run: {case} is about {capability}, which is not claimed"),
            Self::BeyondLevel(level) => {
                eprintln!("not run: {case} is of the level {level}, and the factory does not go so far");
            }
        }
        Ok(())
    }
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Ok(()) => Self::Passed,
            Err(failure) => failure.lacking().map_or(Self::Failed(failure), Self::NotClaimed),
        }
    }
}

/// Runs a case to its end; `None` where it was to stop before. One that hangs or panics fails, so that whatever it used is cleaned up.
pub(crate) async fn within<T>(
    limit: Duration,
    case: impl Future<Output = Outcome<T>>,
    stopped: impl Future<Output = ()>,
) -> Option<Outcome<T>> {
    tokio::select! {
        ran = AssertUnwindSafe(case).catch_unwind() => Some(ran.unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(Failure::new(format!("the backend panicked: {}", said.unwrap_or("without a word"))))
        })),
        () = tokio::time::sleep(limit) => Some(Err(Failure::new("the case hangs"))),
        () = stopped => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_claimed_is_no_failure_and_no_pass() {
        let verdict = Verdict::from(Err(Failure::not_claimed("search.text").about("somewhere")));
        assert!(matches!(verdict, Verdict::NotClaimed("search.text")));
        assert!(verdict.outcome(&"text::words").is_ok());
        assert!(Verdict::from(Err(Failure::new("wrong"))).outcome(&"a case").is_err());
        assert!(matches!(Verdict::from(Ok(())), Verdict::Passed));
    }
}
