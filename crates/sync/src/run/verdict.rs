//! What a run came to: decided from how its code ended and what its writers said.

use super::drive::{CameTo, Ended, Told};
use crate::{
    SyncError, SyncErrorKind,
    define::{Failure, Started},
    schema::Violations,
    write::{RunScope, Stop},
};
use mastra_core::{
    ErrorKind,
    sync::{FinishRun, RunError, RunState},
};
use serde_json::Value;

/// What a run came to.
pub(super) enum Verdict {
    Output { output: Value, partial: bool },
    Error(SyncError),
}

impl Verdict {
    /// How the run ends.
    pub(super) fn state(&self) -> RunState {
        match self {
            Self::Output { partial: false, .. } => RunState::Succeeded,
            Self::Output { partial: true, .. } => RunState::Partial,
            Self::Error(error) => match error.kind() {
                SyncErrorKind::Cancelled => RunState::Cancelled,
                SyncErrorKind::TimedOut => RunState::TimedOut,
                SyncErrorKind::Lost => RunState::Lost,
                _ => RunState::Failed,
            },
        }
    }

    /// What the ledger says; `None` where the run is no longer this process's to end.
    pub(super) fn finish(&self) -> Option<FinishRun> {
        let state = self.state();
        let (output, error) = match self {
            Self::Output { output, .. } => (Some(output.clone()), None),
            Self::Error(error) => {
                (None, Some(RunError { kind: error.kind().as_str().to_owned(), message: error.message().to_owned() }))
            }
        };
        (state != RunState::Lost).then_some(FinishRun { state, output, error })
    }
}

/// Decides what a run came to.
pub(super) fn of(ended: Ended, scope: &RunScope, check: impl FnOnce(&Value) -> Result<(), Violations>) -> Verdict {
    let error = |kind, message: &str| SyncError::new(kind, scope.sync_id(), message).with_run(scope.run_id());
    let told = || match ended.told {
        Some(Told::TimedOut) => {
            error(SyncErrorKind::TimedOut, "the sync took longer than it was given; what it wrote by then is kept")
        }
        _ => error(SyncErrorKind::Cancelled, "the sync was cancelled; what it wrote by then is kept"),
    };
    if scope.stop() == Some(Stop::Lost) {
        let message = "the run gave no sign of life for longer than its lease, and another one took over";
        return Verdict::Error(error(SyncErrorKind::Lost, message));
    }
    let started = match ended.came_to {
        None => return Verdict::Error(told()),
        Some(CameTo::Panicked) => return Verdict::Error(error(SyncErrorKind::Failed, "the sync panicked")),
        Some(CameTo::Returned(started)) => started,
    };
    let saw_it = scope.stop() == Some(Stop::Cancelled);
    let output = match started {
        // Who saw that it was to stop did not do everything, whatever it returned: recorded as a result, it would never be done.
        Started::Output(_) | Started::Unwritable if saw_it => return Verdict::Error(told()),
        Started::Failure(_) if saw_it => return Verdict::Error(told()),
        Started::Failure(failure) => return Verdict::Error(failed(failure, scope)),
        Started::Unwritable => {
            let violations = Violations::whole("it cannot be written as JSON");
            return Verdict::Error(error(SyncErrorKind::InvalidOutput, NOT_VALID).with_violations(violations));
        }
        Started::Output(output) => output,
    };
    if let Err(violations) = check(&output) {
        return Verdict::Error(error(SyncErrorKind::InvalidOutput, NOT_VALID).with_violations(violations));
    }
    let partial = scope.targets().iter().any(|target| target.counts.failed > 0);
    Verdict::Output { output, partial }
}

const NOT_VALID: &str = "the sync did its work, and returned an output that is not valid";

/// The error of code that gave up by itself.
fn failed(failure: Failure, scope: &RunScope) -> SyncError {
    let conflict = failure.core().is_some_and(|error| error.kind() == ErrorKind::Conflict);
    let (kind, message) = match scope.stop() {
        // Only where the error is the writer's: the code may have gone on without it.
        Some(Stop::Busy) if conflict => (SyncErrorKind::Busy, failure.to_string()),
        Some(Stop::Refused) if conflict => (SyncErrorKind::Refused, failure.to_string()),
        _ => (SyncErrorKind::Failed, format!("the sync failed: {failure}")),
    };
    let retryable = failure.is_retryable() || kind == SyncErrorKind::Busy;
    SyncError::new(kind, scope.sync_id(), one_line(&message))
        .with_run(scope.run_id())
        .with_source(failure.into_source(), retryable)
}

/// A message of somebody else's, as one line of bounded length.
fn one_line(text: &str) -> String {
    text.chars().take(1_000).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
