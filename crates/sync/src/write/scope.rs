//! What all writers of one run share.

use crate::{RunEvent, RunOptions, write::plan::TargetPlan};
use mastra_core::{
    Engine, Error, ErrorKind, Result,
    sync::{Hold, RunId, RunTarget, RunUpdate, SyncStore, TargetId},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// What all writers of one run share: the engine, the run, and what was done so far.
#[derive(Clone)]
pub(crate) struct RunScope(Arc<Inner>);

struct Inner {
    engine: Arc<dyn Engine>,
    sync_id: String,
    run_id: RunId,
    attempt: u32,
    options: RunOptions,
    state: Mutex<State>,
    noted: Notify,
}

/// How often the ledger is told of a note.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// The longest note, in characters.
const MAX_NOTE: usize = 500;

#[derive(Default)]
struct State {
    holds: BTreeMap<TargetId, Hold>,
    targets: Vec<RunTarget>,
    plans: Vec<TargetPlan>,
    stop: Option<Stop>,
    /// What the sync said last, and the ledger does not know yet.
    note: Option<String>,
}

/// Why a writer stopped a run, beyond what its error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The run was cancelled, or took too long.
    Cancelled,
    /// Another run writes the entity.
    Busy,
    /// The guard refused to delete.
    Refused,
    /// Another run took over.
    Lost,
}

impl fmt::Debug for RunScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunScope").field("sync", &self.0.sync_id).field("run", &self.0.run_id).finish_non_exhaustive()
    }
}

impl RunScope {
    /// Of a run that was begun in the ledger, or of a dry run. The engine has a [`SyncStore`], which the caller made sure of.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        sync_id: impl Into<String>,
        run_id: RunId,
        attempt: u32,
        options: RunOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            engine,
            sync_id: sync_id.into(),
            run_id,
            attempt,
            options,
            state: Mutex::default(),
            noted: Notify::new(),
        }))
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }

    pub(crate) fn syncs(&self) -> Result<&dyn SyncStore> {
        self.0.engine.syncs().ok_or_else(|| Error::unsupported("this engine remembers nothing of syncs"))
    }

    pub(crate) fn sync_id(&self) -> &str {
        &self.0.sync_id
    }

    pub(crate) fn run_id(&self) -> &RunId {
        &self.0.run_id
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.0.attempt
    }

    pub(crate) fn options(&self) -> &RunOptions {
        &self.0.options
    }

    /// Tells the observer.
    pub(crate) fn tell(&self, event: &RunEvent) {
        if let Some(observer) = &self.0.options.observer {
            observer.on_event(event);
        }
    }

    /// Why a writer stopped the run, if one did.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.state().stop
    }

    /// Notes why a writer stops the run; the first reason stays.
    pub(crate) fn stopping(&self, stop: Stop) {
        self.state().stop.get_or_insert(stop);
    }

    /// Takes note of what the sync says it is doing; the ledger learns of it with the next sign of life, which comes soon.
    pub(crate) fn note(&self, mut note: String) {
        if let Some((end, _)) = note.char_indices().nth(MAX_NOTE) {
            note.truncate(end);
        }
        self.tell(&RunEvent::Note { run_id: self.0.run_id.clone(), note: note.clone() });
        self.state().note = Some(note);
        self.0.noted.notify_one();
    }

    /// What the ledger does not know yet.
    pub(crate) fn take_note(&self) -> Option<String> {
        self.state().note.take()
    }

    /// What was done to each entity so far, in the order in which it was begun with.
    pub(crate) fn targets(&self) -> Vec<RunTarget> {
        self.state().targets.clone()
    }

    /// What a dry run found.
    pub(crate) fn plans(&self) -> Vec<TargetPlan> {
        self.state().plans.clone()
    }

    /// Takes note of what was done to an entity.
    pub(super) fn done(&self, target: &RunTarget) {
        let mut state = self.state();
        match state.targets.iter_mut().find(|known| known.entity_id == target.entity_id) {
            Some(known) => known.clone_from(target),
            None => state.targets.push(target.clone()),
        }
    }

    /// What was done to an entity by an earlier writer of the run.
    pub(super) fn so_far(&self, entity: mastra_core::EntityId) -> Option<RunTarget> {
        self.state().targets.iter().find(|known| known.entity_id == entity).cloned()
    }

    /// Takes note of what would be done to an entity.
    pub(super) fn planned(&self, plan: TargetPlan) {
        self.state().plans.push(plan);
    }

    /// Keeps a hold alive from now on; an error where a writer of this run has it already.
    pub(super) fn hold(&self, hold: Hold) {
        self.state().holds.insert(hold.target, hold);
    }

    /// Whether a writer of this run holds the target.
    pub(super) fn holds(&self, entity: &str, connection_id: &str) -> bool {
        self.state().holds.values().any(|hold| hold.entity.name == entity && hold.entity.connection_id == connection_id)
    }

    /// Gives signs of life until it is dropped. Where another run took over, the run is stopped.
    pub(crate) async fn keep_alive(&self) {
        let options = &self.0.options;
        let every = (options.lease / 3).max(Duration::from_millis(1));
        let pause = every.min(NOTE_EVERY);
        loop {
            tokio::time::sleep(pause).await;
            tokio::select! {
                () = tokio::time::sleep(every - pause) => {}
                () = self.0.noted.notified() => {}
            }
            let beat = self.beat().await;
            if let Err(error) = beat {
                if error.kind() == ErrorKind::Conflict && !error.is_retryable() {
                    tracing::warn!(run = %self.0.run_id, "another run took over");
                    self.stopping(Stop::Lost);
                    options.cancellation.cancel();
                    return;
                }
                tracing::warn!(run = %self.0.run_id, error = %error, "no sign of life could be given; trying again");
            }
        }
    }

    async fn beat(&self) -> Result<()> {
        let syncs = self.syncs()?;
        let lease = self.0.options.lease;
        let update = RunUpdate { lease: Some(lease), note: self.take_note(), finish: None };
        if let Err(error) = syncs.update_run(&self.0.run_id, self.0.attempt, &update).await {
            let mut state = self.state();
            state.note = state.note.take().or(update.note);
            return Err(error);
        }
        let holds: Vec<Hold> = self.state().holds.values().cloned().collect();
        for hold in holds {
            match syncs.extend_hold(&hold, lease).await {
                // It may have been released meanwhile.
                Err(error) if error.kind() == ErrorKind::Conflict && !self.state().holds.contains_key(&hold.target) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Lets go of one entity, as far as that works.
    pub(super) async fn let_go_of(&self, entity: &str, connection_id: &str) {
        let of = |hold: &Hold| hold.entity.name == entity && hold.entity.connection_id == connection_id;
        let Some(hold) = self.state().holds.values().find(|hold| of(hold)).cloned() else { return };
        self.state().holds.remove(&hold.target);
        self.release_one(&hold).await;
    }

    async fn release_one(&self, hold: &Hold) {
        let Ok(syncs) = self.syncs() else { return };
        if let Err(error) = syncs.release(hold).await {
            tracing::debug!(error = %error, "a target could not be released; its lease ends by itself");
        }
    }

    /// Lets go of whatever is still held, as far as that works: a lease ends by itself.
    pub(crate) async fn release(&self) {
        let holds = std::mem::take(&mut self.state().holds);
        for hold in holds.into_values() {
            self.release_one(&hold).await;
        }
    }

    /// An error where the run is to stop.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.options.cancellation.is_cancelled() {
            self.stopping(Stop::Cancelled);
            return Err(Error::new(ErrorKind::Unavailable, "the run was cancelled").retryable(false));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
