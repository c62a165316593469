//! `mastra sync run`.

use super::{
    declared::{chosen, opened, registry},
    duration::{duration, some_time},
    stopping::Stopping,
    tell,
    work::{self, Done, explained},
};
use crate::{
    context::Context,
    exit::{Exit, Outcome, Stop},
};
use clap::Args;
use mastra_core::{Error, sync::RunId};
use mastra_sync::{RunOptions, SyncErrorKind, WhenBusy};
use serde::Serialize;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  mastra sync run contacts                    what has changed since the last run
  mastra sync run contacts deals --wait 10m   one after the other; a run elsewhere is waited for
  mastra sync run --all --timeout 30m         for a schedule
  mastra sync run contacts --restart          everything anew, whatever earlier runs stored
  mastra sync run contacts --confirm-deletes  where the guard refused, and a plan shows that it is right
  mastra sync run contacts --run-id night-2026-11-21 --json

Ctrl-C stops at the edge of a page; run again, it goes on from there, and so it does after a kill: what the killed run held is taken over \
once its lease ends, after 30 seconds, for which the default --wait is long enough. The same --run-id again answers with what that run \
came to, and does nothing. With --json every step is a line, and the last one holds the results.

Exit codes: 0 everything was written, 6 some records were set aside, 4 another run is at work or the guard refused to delete, \
5 the source or the engine did not answer or time ran out, 3 the source is not there, 1 it failed otherwise, 130 stopped by Ctrl-C. Of several syncs, the worst.";

/// So much longer than a lease is waited: what a killed run held is free by then.
const MARGIN: Duration = Duration::from_secs(10);

/// Which ones, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// Ids of syncs, in this order
    #[arg(value_name = "ID", required_unless_present = "all")]
    ids: Vec<String>,
    /// Every sync of mastra.toml
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Read the source from its beginning, whatever earlier runs stored
    #[arg(long)]
    restart: bool,
    /// Delete what the source no longer has, however much it is
    #[arg(long)]
    confirm_deletes: bool,
    /// The run's id, such as that of a job
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    run_id: Option<String>,
    #[command(flatten)]
    bounds: Bounds,
}

/// How long a run may wait and take.
#[derive(Debug, Args)]
pub(super) struct Bounds {
    /// How long to wait where another run of the sync is at work; 0 does not wait [default: 10 s longer than a lease]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// How long a run may take [default: that of mastra.toml, else as long as it likes]
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    timeout: Option<Duration>,
}

/// What all runs of a command came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'d> {
    #[serde(rename = "type")]
    kind: &'static str,
    interrupted: bool,
    syncs: &'d [Done],
}

impl Run {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let (restart, confirm_deletes) = (self.restart, self.confirm_deletes);
        let run_id = self.run_id.clone().map(RunId::new);
        let chosen_ids = if self.all { Vec::new() } else { self.ids.clone() };
        if run_id.is_some() && (self.all || chosen_ids.len() > 1) {
            return Err(Error::invalid_input("a run id names one run: give one sync with it").into());
        }
        let options = RunOptions { restart, confirm_deletes, run_id, ..RunOptions::default() };
        runs(context, &chosen_ids, self.all, &self.bounds, options).await
    }
}

/// Runs syncs one after the other: one that fails does not keep the others from running.
pub(super) async fn runs(context: &Context, ids: &[String], all: bool, bounds: &Bounds, options: RunOptions) -> Outcome {
    let configs = chosen(context, ids, all)?;
    let stopping = Stopping::default();
    stopping
        .run(&context.out, async {
            let syncs = opened(&configs, &context.settings.variables)?;
            let mastra = registry(context.connect().await?, syncs)?;
            let mut done = Vec::with_capacity(configs.len());
            for config in &configs {
                let wait = bounds.wait.unwrap_or(config.lease() + MARGIN);
                let options = RunOptions {
                    when_busy: if wait.is_zero() { WhenBusy::Refuse } else { WhenBusy::Wait(wait) },
                    lease: config.lease(),
                    timeout: bounds.timeout.or(config.timeout()),
                    cancellation: stopping.token(),
                    ..options.clone()
                };
                let one = work::run(context, &mastra, config, options).await;
                if !context.out.is_json() {
                    tell::done(&context.out, &one)?;
                }
                done.push(one);
                if stopping.is_asked() {
                    break;
                }
            }
            let interrupted = stopping.is_asked();
            context.out.document(&Report { kind: "result", interrupted, syncs: &done })?;
            ended(context, interrupted, done.len() == configs.len(), &done)
        })
        .await
}

/// The worst of all. Under `--json` the first failure is the document on standard error.
fn ended(context: &Context, interrupted: bool, all: bool, done: &[Done]) -> Outcome {
    let failed = done.iter().find_map(|done| Some((done, done.failure.as_ref()?)));
    if let Some((one, failure)) = failed
        && failure.kind() != SyncErrorKind::Cancelled
        && context.out.is_json()
    {
        context.out.failure(&explained(&one.sync, failure));
    }
    let cancelled = |done: &Done| done.failure.as_ref().is_some_and(|error| error.kind() == SyncErrorKind::Cancelled);
    if interrupted && (!all || done.iter().any(cancelled)) {
        return Err(Stop::Interrupted);
    }
    Ok(worst(done.iter().map(Done::exit)))
}

/// The exit that tells most.
fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    let rank = |exit: &Exit| match exit {
        Exit::Done => 0,
        Exit::Partial => 1,
        Exit::Unavailable => 2,
        Exit::Conflict => 3,
        Exit::NotFound => 4,
        _ => 5,
    };
    exits.max_by_key(rank).unwrap_or(Exit::Done)
}
