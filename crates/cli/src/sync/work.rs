//! One run, with what is said of it while it is under way and behind it.

use super::{config::SyncConfig, tell};
use crate::{
    context::Context,
    exit::{Exit, HINT},
    output::{Output, progress, text},
};
use indicatif::ProgressBar;
use mastra_core::{
    Error, ErrorKind,
    sync::{Run, RunCounts, RunId, RunTarget},
};
use mastra_sync::{Completed, Mastra, Observer, RunEvent, RunOptions, SyncError, SyncErrorKind, write::TargetPlan};
use serde::Serialize;
use serde_json::Value;
use std::{
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// What came of a run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done {
    pub(crate) sync: String,
    /// None where it did not begin.
    pub(super) run_id: Option<RunId>,
    /// The entry of the ledger; of a dry run what it would be.
    pub(super) run: Option<Run>,
    /// Whether it was done before, under the same id.
    pub(super) recorded: bool,
    pub(crate) seconds: f64,
    pub(super) error: Option<Failed>,
    /// The knowledge bases that follow what was changed.
    pub(super) knowledge: Vec<String>,
    /// What a dry run found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) plans: Vec<TargetPlan>,
    #[serde(skip)]
    pub(crate) failure: Option<SyncError>,
}

/// Why a run came to no result.
#[derive(Debug, Serialize)]
pub(crate) struct Failed {
    kind: &'static str,
    message: String,
    retryable: bool,
}

impl Done {
    /// The counts of all entities.
    pub(crate) fn counts(&self) -> RunCounts {
        self.run.as_ref().map(|run| sum(&run.targets)).unwrap_or_default()
    }

    /// What a command of this run alone ends with.
    pub(super) fn exit(&self) -> Exit {
        if let Some(failure) = &self.failure {
            return Exit::from(&explained(&self.sync, failure));
        }
        if self.plans.iter().any(|plan| plan.refused.is_some()) {
            return Exit::Conflict;
        }
        if self.counts().failed > 0 { Exit::Partial } else { Exit::Done }
    }
}

/// Runs a sync that the registry knows. Under `--json` every step is a line.
pub(super) async fn run(context: &Context, mastra: &Mastra, config: &SyncConfig, options: RunOptions) -> Done {
    attended(context, mastra, config, options, context.out.is_json()).await
}

/// The same without these lines, for commands that give one document.
pub(crate) async fn run_quietly(context: &Context, mastra: &Mastra, config: &SyncConfig, options: RunOptions) -> Done {
    attended(context, mastra, config, options, false).await
}

async fn attended(context: &Context, mastra: &Mastra, config: &SyncConfig, mut options: RunOptions, events: bool) -> Done {
    let watcher = Arc::new(Watcher { events, ..Watcher::new(context.out, &config.id) });
    options.observer = Some(Arc::<Watcher>::clone(&watcher));
    let began = Instant::now();
    let outcome = mastra.sync(&config.id, Value::Null).options(options).await;
    watcher.finish();
    let seconds = (began.elapsed().as_secs_f64() * 1e3).round() / 1e3;
    let mut done = match outcome {
        Ok(Completed { run, recorded, plans, .. }) => Done {
            sync: config.id.clone(),
            run_id: Some(run.id.clone()),
            run: Some(run),
            recorded,
            seconds,
            error: None,
            knowledge: Vec::new(),
            plans,
            failure: None,
        },
        Err(error) => Done {
            sync: config.id.clone(),
            run_id: error.run_id().cloned(),
            run: entry(mastra, &error).await,
            recorded: false,
            seconds,
            error: Some(Failed {
                kind: error.kind().as_str(),
                message: error.message().to_owned(),
                retryable: error.is_retryable(),
            }),
            knowledge: Vec::new(),
            plans: Vec::new(),
            failure: Some(error),
        },
    };
    let counts = done.counts();
    if done.plans.is_empty() && !done.recorded && counts.created + counts.updated + counts.deleted > 0 {
        let follows = context.settings.knowledge.iter().filter(|knowledge| {
            knowledge.entity == config.entity && knowledge.connection.as_deref().is_none_or(|id| id == config.connection())
        });
        done.knowledge = follows.map(|knowledge| knowledge.name.clone()).collect();
    }
    done
}

/// What the ledger says of a run that failed; nothing where it did not begin, or cannot be asked.
async fn entry(mastra: &Mastra, error: &SyncError) -> Option<Run> {
    let run = mastra.runs().ok()?.get(error.run_id()?).await.ok()?;
    (run.sync_id == error.sync_id() && error.kind() != SyncErrorKind::Busy || !run.targets.is_empty()).then_some(run)
}

/// The failure as commands tell it, with what to do.
pub(crate) fn explained(id: &str, failure: &SyncError) -> Error {
    let core = std::error::Error::source(failure).and_then(|source| source.downcast_ref::<Error>());
    let kind = match failure.kind() {
        SyncErrorKind::Busy | SyncErrorKind::Refused | SyncErrorKind::Lost => ErrorKind::Conflict,
        SyncErrorKind::TimedOut => ErrorKind::Timeout,
        SyncErrorKind::Failed | SyncErrorKind::Engine => match core.map(Error::kind) {
            // The command line was right, and something may have been changed.
            Some(ErrorKind::InvalidInput | ErrorKind::Conflict) | None => ErrorKind::Internal,
            Some(kind) => kind,
        },
        SyncErrorKind::InvalidInput => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    let mut error = Error::new(kind, failure.message().to_owned()).retryable(failure.is_retryable()).with("sync", id);
    if let Some(run) = failure.run_id() {
        error = error.with("run", run);
    }
    let hint = match failure.kind() {
        SyncErrorKind::Refused => {
            format!("mastra sync plan {id} shows what would go; mastra sync run {id} --confirm-deletes deletes it")
        }
        SyncErrorKind::Busy => format!("mastra sync run {id} --wait 10m waits for it; mastra sync watch {id} follows it"),
        SyncErrorKind::TimedOut => "the same command goes on from there; --timeout gives it longer".to_owned(),
        SyncErrorKind::Lost => format!("mastra sync runs {id} shows who took over"),
        _ if failure.is_retryable() => "the same command goes on from there".to_owned(),
        _ => return error,
    };
    error.with(HINT, hint)
}

/// What several targets come to.
pub(super) fn sum(targets: &[RunTarget]) -> RunCounts {
    targets.iter().fold(RunCounts::default(), |mut sum, RunTarget { counts, .. }| {
        sum.read += counts.read;
        sum.created += counts.created;
        sum.updated += counts.updated;
        sum.unchanged += counts.unchanged;
        sum.deleted += counts.deleted;
        sum.failed += counts.failed;
        sum
    })
}

/// Shows how a run goes on: a line that moves, or a line of JSON a step.
#[derive(Debug)]
struct Watcher {
    out: Output,
    sync: String,
    bar: ProgressBar,
    began: Instant,
    targets: Mutex<Vec<RunTarget>>,
    /// Whether every step is a line of JSON.
    events: bool,
    /// Whoever read the events has gone; the run goes on without them.
    closed: AtomicBool,
}

impl Watcher {
    fn new(out: Output, sync: &str) -> Self {
        let bar = if out.is_json() { ProgressBar::hidden() } else { progress::waiting(text::clean(sync)) };
        Self {
            out,
            sync: sync.to_owned(),
            bar,
            began: Instant::now(),
            targets: Mutex::default(),
            events: false,
            closed: AtomicBool::new(false),
        }
    }

    /// Takes the moving line away.
    fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Shows where the run stands.
    fn moved(&self, target: &RunTarget) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        match targets.iter_mut().find(|known| known.entity_id == target.entity_id) {
            Some(known) => *known = target.clone(),
            None => targets.push(target.clone()),
        }
        let counts = sum(&targets);
        let rate = counts.read as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let said = tell::counts(&counts);
        self.bar.set_message(format!("{}: {said}, {}/s", text::clean(&self.sync), text::count(rate as u64)));
    }

    fn note(&self, line: &str) {
        self.bar.suspend(|| self.out.note(line));
    }
}

impl Observer for Watcher {
    fn on_event(&self, event: &RunEvent) {
        if self.events {
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            let line = serde_json::to_string(event).unwrap_or_default();
            let mut stdout = std::io::stdout().lock();
            if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
                self.closed.store(true, Ordering::Relaxed);
            }
            return;
        }
        let sync = text::clean(&self.sync);
        match event {
            RunEvent::Page { target, .. } => self.moved(target),
            RunEvent::Note { note, .. } => self.bar.set_message(format!("{sync}: {}", text::clean(note))),
            RunEvent::Waiting { entity, holder, until, .. } => self.note(&format!(
                "{sync}: waiting for run {holder}, which writes {}; unless it gives a sign of life, this one takes over at {}",
                text::clean(entity),
                until.format("%H:%M:%S UTC"),
            )),
            RunEvent::Deleting { entity, records, .. } => {
                let gone = text::plural(*records, "record");
                self.bar.set_message(format!("{sync}: deleting {gone} of {} that the source no longer has", text::clean(entity)));
            }
            _ => {}
        }
    }
}
