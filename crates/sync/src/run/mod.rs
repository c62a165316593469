//! A run, from its beginning in the ledger to its end.

mod begin;
mod drive;
mod finish;
mod verdict;

use crate::{
    RunEvent, RunOptions, SyncError, SyncErrorKind,
    context::Shared,
    define::Prepared,
    mastra::{NO_ENGINE, NO_LEDGER, Registered, Registry},
    write::{RunScope, TargetPlan, hash},
};
use begin::Begun;
use finish::Unfinished;
use mastra_core::{
    Error,
    sync::{NewRun, Run, RunId, RunState},
    time,
};
use serde_json::Value;
use std::sync::Arc;
use tracing::{Instrument as _, Span, field::Empty};
use verdict::Verdict;

/// A sync that came to a result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Completed<O> {
    /// What it returned.
    pub output: O,
    /// What the ledger says. Of a dry run, which the ledger does not know, what it would say; its number is 0.
    pub run: Run,
    /// The run was done before, under the same id, and nothing was done now.
    pub recorded: bool,
    /// What a dry run found, an entity at a time; empty otherwise.
    pub plans: Vec<TargetPlan>,
}

/// Runs a sync by its id or key.
pub(crate) async fn execute(
    registry: &Registry,
    name: &str,
    input: Value,
    options: RunOptions,
) -> Result<Completed<Value>, SyncError> {
    let registered = registry.find(name).ok_or_else(|| registry.unknown(name))?;
    let id = registered.sync.id();
    let engine = registry.engine.as_ref().ok_or_else(|| SyncError::new(SyncErrorKind::MissingEngine, id, NO_ENGINE))?;
    let invalid =
        |violations| SyncError::new(SyncErrorKind::InvalidInput, id, "the input is not valid").with_violations(violations);
    registered.input.check(&input).map_err(invalid)?;
    let prepared = registered.sync.prepare(input).map_err(invalid)?;
    let Some(ledger) = engine.syncs() else {
        return Err(SyncError::engine(id, "the sync cannot run", Error::unsupported(NO_LEDGER)));
    };

    let run_id = options.run_id.clone().unwrap_or_else(RunId::generate);
    // Stopping the run must not stop whatever else the caller's token stops.
    let options = RunOptions { cancellation: options.cancellation.child_token(), ..options };
    let new = NewRun { id: run_id.clone(), sync_id: id.to_owned(), input_hash: hash::of(&prepared.input), lease: options.lease };
    let begun = if options.dry_run { Begun::Started(imagined(&new)) } else { begin::begin(ledger, &new, &options).await? };
    let run = match begun {
        Begun::Started(run) => run,
        Begun::Recorded(run) => return Ok(recorded(run)),
    };

    let span = tracing::info_span!(
        "sync",
        otel.name = %format_args!("sync {id}"),
        sync = id,
        run = %run_id,
        attempt = run.attempt,
        dry_run = options.dry_run,
        state = Empty,
        error.r#type = Empty,
    );
    let scope = RunScope::new(Arc::clone(engine), id, run_id, run.attempt, options);
    let unfinished = Unfinished::new(scope.clone(), &span);
    attend(registered, prepared, Shared { services: Arc::clone(&registry.services), scope }, run, unfinished)
        .instrument(span)
        .await
}

/// What happens inside of the run's span.
async fn attend(
    registered: &Registered,
    prepared: Prepared,
    shared: Shared,
    run: Run,
    unfinished: Unfinished,
) -> Result<Completed<Value>, SyncError> {
    let scope = shared.scope.clone();
    let dry_run = scope.options().dry_run;
    scope.tell(&RunEvent::Started {
        run_id: scope.run_id().clone(),
        sync_id: scope.sync_id().to_owned(),
        attempt: scope.attempt(),
        dry_run,
    });
    tracing::debug!("the sync begins");

    let ended = drive::drive(prepared, shared).await;
    let verdict = verdict::of(ended, &scope, |output| registered.output.check(output));
    let span = Span::current();
    span.record("state", verdict.state().as_str());
    if let Verdict::Error(error) = &verdict {
        span.record("error.type", error.kind().as_str());
    }
    let run = unfinished.end(run, &verdict).await?;
    scope.tell(&RunEvent::Finished { run_id: run.id.clone(), state: run.state, targets: run.targets.clone() });
    match verdict {
        Verdict::Output { output, .. } => {
            tracing::info!(state = run.state.as_str(), "the sync ended");
            Ok(Completed { output, run, recorded: false, plans: scope.plans() })
        }
        Verdict::Error(error) => {
            tracing::warn!(kind = error.kind().as_str(), "the sync came to no result");
            Err(error)
        }
    }
}

/// The answer of a run that has a result already.
fn recorded(run: Run) -> Completed<Value> {
    Completed { output: run.output.clone().unwrap_or_default(), run, recorded: true, plans: Vec::new() }
}

/// The entry that a dry run would have.
fn imagined(new: &NewRun) -> Run {
    let now = time::now();
    Run {
        id: new.id.clone(),
        number: 0,
        sync_id: new.sync_id.clone(),
        state: RunState::Running,
        attempt: 1,
        input_hash: new.input_hash.clone(),
        started_at: now,
        heartbeat_at: now,
        lease_until: now,
        finished_at: None,
        note: None,
        output: None,
        error: None,
        revision: 0,
        targets: Vec::new(),
    }
}
