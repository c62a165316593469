//! Signs of life, and the end of a run in the ledger, whatever becomes of its caller.

use super::verdict::Verdict;
use crate::{SyncError, SyncErrorKind, write::RunScope};
use mastra_core::{
    Error, ErrorKind, Result,
    sync::{FinishRun, Run, RunError, RunState, RunUpdate},
    time,
};
use std::time::Duration;
use tokio::{runtime::Handle, task::JoinHandle};
use tracing::{Instrument as _, Span};

/// How often the end of a run is written again where the engine is not there.
const TRIES: u32 = 6;

/// A run that is under way. Dropping it ends the run as cancelled, as far as that can be done.
pub(super) struct Unfinished {
    scope: RunScope,
    /// Gives signs of life: as a task of its own, so that code which computes for long does not keep it from doing so.
    alive: Option<JoinHandle<()>>,
    ended: bool,
    span: Span,
}

impl Unfinished {
    /// Begins to give signs of life. A dry run gives none.
    pub(super) fn new(scope: RunScope, span: &Span) -> Self {
        let dry_run = scope.options().dry_run;
        let alive = (!dry_run).then(|| {
            let scope = scope.clone();
            tokio::spawn(async move { scope.keep_alive().await }.instrument(span.clone()))
        });
        Self { scope, alive, ended: dry_run, span: span.clone() }
    }

    /// Writes how the run ended, and returns its entry.
    pub(super) async fn end(mut self, begun: Run, verdict: &Verdict) -> Result<Run, SyncError> {
        // A sign of life that came behind the end would look like another run's.
        if let Some(alive) = self.alive.take() {
            alive.abort();
            let _ = alive.await;
        }
        self.scope.release().await;
        let finished = match verdict.finish() {
            Some(finish) if !self.ended => write(&self.scope, finish).await,
            _ => Ok(()),
        };
        self.ended = true;
        if let Err(source) = finished {
            tracing::warn!(error = %source, "the end of the run could not be written; it counts as lost when its lease ends");
            if matches!(verdict, Verdict::Output { .. }) {
                return Err(unwritten(&self.scope, source));
            }
        }
        Ok(entry(&self.scope, begun, verdict).await)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(alive) = self.alive.take() {
            alive.abort();
        }
        if self.ended {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let scope = self.scope.clone();
        runtime.spawn(async move { abandon(&scope).await }.instrument(self.span.clone()));
    }
}

/// Ends a run that nobody waits for any longer.
async fn abandon(scope: &RunScope) {
    scope.release().await;
    let error = RunError { kind: SyncErrorKind::Cancelled.as_str().to_owned(), message: "its caller gave the run up".to_owned() };
    let finish = FinishRun { state: RunState::Cancelled, output: None, error: Some(error) };
    if let Err(error) = write(scope, finish).await {
        tracing::warn!(error = %error, "the end of a run that was given up could not be written; it counts as lost when its lease ends");
    }
}

/// Writes the end of a run, more than once where that can help.
async fn write(scope: &RunScope, finish: FinishRun) -> Result<()> {
    let state = finish.state;
    let update = RunUpdate { lease: None, note: scope.take_note(), finish: Some(finish) };
    let mut pause = Duration::from_millis(50);
    let mut tries = 1;
    loop {
        let ledger = scope.syncs()?;
        let Err(error) = ledger.update_run(scope.run_id(), scope.attempt(), &update).await else { return Ok(()) };
        if tries > 1 && error.kind() == ErrorKind::Conflict {
            // The answer to an earlier try may have been lost on its way.
            let run = ledger.get_run(scope.run_id()).await?;
            return if (run.attempt, run.state) == (scope.attempt(), state) { Ok(()) } else { Err(error) };
        }
        if tries == TRIES || !error.is_retryable() {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        tries += 1;
    }
}

/// The ledger's entry; what it says, where it cannot be read.
async fn entry(scope: &RunScope, begun: Run, verdict: &Verdict) -> Run {
    if !scope.options().dry_run
        && let Ok(ledger) = scope.syncs()
        && let Ok(run) = ledger.get_run(scope.run_id()).await
    {
        return run;
    }
    let finish = verdict.finish();
    Run {
        state: verdict.state(),
        finished_at: Some(time::now()),
        output: finish.as_ref().and_then(|finish| finish.output.clone()),
        error: finish.and_then(|finish| finish.error),
        targets: scope.targets(),
        ..begun
    }
}

fn unwritten(scope: &RunScope, source: Error) -> SyncError {
    let lost = source.kind() == ErrorKind::Conflict;
    let error = if lost {
        SyncError::new(SyncErrorKind::Lost, scope.sync_id(), "another run took over before the end of this one was written")
            .with_source(Some(Box::new(source)), false)
    } else {
        SyncError::engine(
            scope.sync_id(),
            "the sync did its work, and its end could not be written; run it again under its id",
            source,
        )
    };
    error.with_run(scope.run_id())
}
