//! The ledger.

use super::until;
use crate::{
    state::{Reader, to_usize},
    writer::Writer,
};
use mastra_core::{
    Error, Result,
    sync::{Begin, NewRun, PruneRuns, Run, RunId, RunQuery, RunStart, RunState, RunUpdate},
};
use std::{cmp::Reverse, collections::BTreeMap};

/// How many runs a list holds that says nothing of it.
const LISTED: u32 = 50;

impl<'s> Reader<'s> {
    /// The run as it is stored: lost ones say that they are running.
    pub(super) fn stored_run(self, id: &RunId) -> Result<&'s Run> {
        let found = self.state.syncs.runs.get(self.view, id.as_str());
        found.ok_or_else(|| Error::not_found("there is no run of this id").with("run", id))
    }

    /// The run that this attempt may still write to.
    pub(super) fn own_run(self, id: &RunId, attempt: u32) -> Result<&'s Run> {
        let run = self.stored_run(id)?;
        let refused = |message: &str| Err(Error::conflict(message).with("run", id).with("attempt", attempt));
        if run.attempt != attempt {
            return refused("the run was begun again, and this attempt writes no more");
        }
        if run.state != RunState::Running {
            return refused("the run has ended");
        }
        Ok(run)
    }

    fn shown(self, run: &Run) -> Run {
        Run { state: run.seen(self.now), ..run.clone() }
    }

    fn stored_runs(self) -> impl Iterator<Item = &'s Run> {
        self.state.syncs.runs.range(self.view, ..).map(|(_, run)| run)
    }

    pub(super) fn run(self, id: &RunId) -> Result<Run> {
        self.stored_run(id).map(|run| self.shown(run))
    }

    pub(super) fn runs(self, query: &RunQuery) -> Vec<Run> {
        let wanted = |run: &&Run| {
            query.sync_id.as_ref().is_none_or(|sync_id| run.sync_id == *sync_id)
                && query.entity.as_ref().is_none_or(|entity| run.targets.iter().any(|target| target.entity == *entity))
                && query.state.is_none_or(|state| run.seen(self.now) == state)
                && query.before.is_none_or(|before| run.number < before)
        };
        let mut runs: Vec<&Run> = self.stored_runs().filter(wanted).collect();
        runs.sort_by_key(|run| Reverse(run.number));
        runs.truncate(to_usize(query.limit.unwrap_or(LISTED).into()));
        runs.into_iter().map(|run| self.shown(run)).collect()
    }
}

impl Writer<'_> {
    pub(super) fn put_run(&mut self, run: Run) {
        self.state.syncs.runs.put(run.id.as_str().to_owned(), run);
    }

    pub(super) fn begin_run(&mut self, new: &NewRun) -> Result<RunStart> {
        let now = self.now;
        let known = self.reader().stored_run(&new.id).ok().cloned();
        if let Some(known) = &known {
            match known.begin(new, now)? {
                Begin::Recorded => return Ok(RunStart::Recorded(self.reader().shown(known))),
                Begin::Busy => return Ok(RunStart::Busy(known.clone())),
                Begin::Again => {}
            }
        }
        let (number, attempt, revision) = match &known {
            Some(known) => (known.number, known.attempt.saturating_add(1), known.revision.saturating_add(1)),
            None => (self.next_sync_number(), 1, 1),
        };
        let run = Run {
            id: new.id.clone(),
            number,
            sync_id: new.sync_id.clone(),
            state: RunState::Running,
            attempt,
            input_hash: new.input_hash.clone(),
            started_at: now,
            heartbeat_at: now,
            lease_until: until(now, new.lease),
            finished_at: None,
            note: None,
            output: None,
            error: None,
            revision,
            targets: Vec::new(),
        };
        self.put_run(run.clone());
        Ok(RunStart::Started(run))
    }

    pub(super) fn update_run(&mut self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        let mut run = self.reader().own_run(id, attempt)?.clone();
        run.heartbeat_at = self.now;
        run.revision = run.revision.saturating_add(1);
        if let Some(lease) = update.lease {
            run.lease_until = until(self.now, lease);
        }
        if update.note.is_some() {
            run.note.clone_from(&update.note);
        }
        if let Some(finish) = &update.finish {
            run.state = finish.state;
            run.output.clone_from(&finish.output);
            run.error.clone_from(&finish.error);
            run.finished_at = Some(self.now);
        }
        self.put_run(run);
        Ok(())
    }

    pub(super) fn prune_runs(&mut self, prune: &PruneRuns) -> u64 {
        let now = self.now;
        let mut newest: BTreeMap<&str, i64> = BTreeMap::new();
        for run in self.reader().stored_runs() {
            let number = newest.entry(&run.sync_id).or_insert(run.number);
            *number = run.number.max(*number);
        }
        let doomed = |run: &&Run| {
            run.seen(now).is_finished()
                && run.finished_at.unwrap_or(run.heartbeat_at) < prune.finished_before
                && newest.get(run.sync_id.as_str()).is_none_or(|newest| run.number < *newest)
        };
        let doomed: Vec<String> = self.reader().stored_runs().filter(doomed).map(|run| run.id.as_str().to_owned()).collect();
        let count = doomed.len() as u64;
        if !prune.dry_run {
            doomed.into_iter().for_each(|id| self.state.syncs.runs.remove(id));
        }
        count
    }
}
