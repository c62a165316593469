//! `mastra sync`: outside data becomes records, by the `[[sync]]` of `mastra.toml`.

mod config;
mod declared;
mod duration;
mod failed;
mod list;
mod mapping;
mod marked;
mod plan;
mod prune;
mod retry;
mod run;
mod runs;
mod show;
mod source;
mod stopping;
mod tell;
mod watch;
mod work;

pub(crate) use config::{DocumentsConfig, GuardConfig, Mode, SourceConfig, SyncConfig, read as read_syncs, take as take_key};
pub(crate) use declared::{all, registry_with};
pub(crate) use stopping::Stopping;
pub(crate) use work::{explained, run_quietly};

use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    interrupt::unless_interrupted,
};
use clap::Subcommand;
use mastra_core::{
    Error, Result,
    sync::{Run, RunId, RunQuery},
};
use mastra_sync::Runs;

const ABOUT: &str = "\
Nothing runs by itself: a schedule is that of cron, a systemd timer or a workflow of yours, such as
  */15 * * * *  cd /srv/app && mastra sync run --all --wait 5m
A run that was stopped or killed goes on where it was when the sync is run again. Syncs of a program of your own stand in the same ledger: \
list, runs, show, watch and failed know them too.";

/// What can be done with syncs.
#[derive(Debug, Subcommand)]
#[command(after_help = ABOUT)]
pub(crate) enum SyncCommand {
    /// Every sync that is described or has run: where it stands, and how its last run ended
    List(list::List),
    /// Run syncs: read their sources and write what has changed
    Run(run::Run),
    /// Say what a run would do, with samples, and change nothing
    Plan(plan::Plan),
    /// What every run did, the newest first
    Runs(runs::RunsOf),
    /// All about one run
    Show(show::Show),
    /// Follow a run until it ends, wherever it runs
    Watch(watch::Watch),
    /// What was set aside, and why
    Failed(failed::Failed),
    /// Try again what was set aside, and nothing else
    RetryFailed(retry::RetryFailed),
    /// Remove old runs from the ledger; what they wrote stays
    Prune(prune::Prune),
}

impl SyncCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        match self {
            // These stop by themselves, at the edge of a page.
            Self::Run(command) => command.run(context).await,
            Self::Plan(command) => command.run(context).await,
            Self::RetryFailed(command) => command.run(context).await,
            Self::List(command) => unless_interrupted(command.run(context)).await,
            Self::Runs(command) => unless_interrupted(command.run(context)).await,
            Self::Show(command) => unless_interrupted(command.run(context)).await,
            Self::Watch(command) => unless_interrupted(command.run(context)).await,
            Self::Failed(command) => unless_interrupted(command.run(context)).await,
            Self::Prune(command) => unless_interrupted(command.run(context)).await,
        }
    }
}

/// The ledger of the engine, which has to be there.
async fn ledger(context: &Context) -> Result<Runs> {
    Runs::new(context.connect_existing().await?)
}

/// The run that is meant: of this id, the newest of the sync of this id, or of this number.
async fn run_of(runs: &Runs, name: &str) -> Result<Run> {
    let missing = match runs.get(&RunId::new(name)).await {
        Err(error) if error.is_not_found() => error,
        run => return run,
    };
    let query = RunQuery { sync_id: Some(name.to_owned()), limit: Some(1), ..RunQuery::default() };
    if let Some(run) = runs.list(&query).await?.into_iter().next() {
        return Ok(run);
    }
    let numbered = match name.parse::<i64>().ok().and_then(|number| number.checked_add(1)) {
        Some(before) => runs.list(&RunQuery { before: Some(before), limit: Some(1), ..RunQuery::default() }).await?,
        None => Vec::new(),
    };
    numbered.into_iter().next().filter(|run| run.number.to_string() == name).ok_or_else(|| {
        Error::not_found("there is no such run, and no run of such a sync")
            .with("run", name)
            .with(HINT, "mastra sync runs shows what there is")
            .with_source(missing)
    })
}

/// The exit that a run's state stands for.
fn exit_of(run: &Run) -> Exit {
    use mastra_core::sync::RunState;
    match run.state {
        RunState::Succeeded | RunState::Running => Exit::Done,
        RunState::Partial => Exit::Partial,
        RunState::TimedOut => Exit::Unavailable,
        RunState::Failed if matches!(run.error.as_ref().map(|error| error.kind.as_str()), Some("refused" | "busy")) => {
            Exit::Conflict
        }
        RunState::Failed | RunState::Cancelled | RunState::Lost => Exit::Failed,
    }
}
