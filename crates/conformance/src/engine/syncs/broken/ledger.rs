//! The ledger, targets and lists of a broken store.

use super::{BrokenSyncs, SyncMistake as Mistake};
use async_trait::async_trait;
use mastra_core::{
    EntityId, Error, ErrorKind, RecordStore, Result,
    sync::{
        Acquired, Hold, MAX_SYNC_PAGE, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId,
        RunQuery, RunStart, RunState, RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, TargetState, Unseen,
    },
};
use std::{cmp::Reverse, time::Duration};

impl<S: RecordStore> BrokenSyncs<S> {
    pub(super) fn sound(&self) -> Result<&dyn SyncStore> {
        self.inner.syncs().ok_or_else(|| Error::internal("the store inside remembers nothing of syncs"))
    }

    fn run_as_shown(&self, mut run: Run) -> Run {
        if self.is(Mistake::NeverLost) && run.state == RunState::Lost {
            run.state = RunState::Running;
        }
        if self.is(Mistake::RevisionStands) {
            run.revision = 1;
        }
        run
    }

    pub(super) fn refusal<T>(&self, done: Result<T>) -> Result<T> {
        done.map_err(|error| match error.kind() {
            ErrorKind::Conflict if self.is(Mistake::InvitesToRetry) => error.retryable(true),
            _ => error,
        })
    }

    fn listed(&self, mut stakes: Vec<Stake>) -> Vec<Stake> {
        if self.is(Mistake::SortsByLanguage) {
            stakes.sort_by_key(|stake| stake.external_id.to_lowercase());
        }
        for stake in &mut stakes {
            stake.created &= !self.is(Mistake::ForgetsCreated);
            stake.version = stake.version.take().filter(|_| !self.is(Mistake::ForgetsVersions));
        }
        stakes
    }

    fn limit(&self, limit: u32) -> u32 {
        if self.is(Mistake::IgnoresLimits) { u32::try_from(MAX_SYNC_PAGE).unwrap_or(limit) } else { limit }
    }

    fn remembered(&self, mut hold: Box<Hold>) -> Acquired {
        self.memory().holds.insert(hold.target, Hold::clone(&hold));
        if self.is(Mistake::ForgetsState) {
            hold.state = TargetState::default();
        }
        Acquired::Held(hold)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> SyncStore for BrokenSyncs<S> {
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        let mut new = run.clone();
        if self.is(Mistake::TakesBlankIds) && new.id.as_str().trim().is_empty() {
            new.id = RunId::new("blank");
        }
        let start = self.refusal(self.sound()?.begin_run(&new).await)?;
        Ok(match start {
            RunStart::Recorded(run) if self.is(Mistake::BeginsRecordedRuns) => RunStart::Started(run),
            RunStart::Busy(run) if self.is(Mistake::BeginsBusyRuns) => RunStart::Started(run),
            other => other,
        })
    }

    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        let mut attempt = attempt;
        if self.is(Mistake::IgnoresAttempts) {
            attempt = self.sound()?.get_run(id).await?.attempt;
        }
        self.refusal(self.sound()?.update_run(id, attempt, update).await)
    }

    async fn get_run(&self, id: &RunId) -> Result<Run> {
        self.sound()?.get_run(id).await.map(|run| self.run_as_shown(run))
    }

    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        let mut query = query.clone();
        if self.is(Mistake::IgnoresBefore) {
            // Not the very same page for ever, or nobody who walks it would come to an end.
            query.before = query.before.map(|before| before.saturating_add(1));
        }
        if self.is(Mistake::IgnoresTheEntityOfRuns) {
            query.entity = None;
        }
        let stored = self.is(Mistake::ListsByStoredState) && query.state == Some(RunState::Running);
        if stored {
            query.state = None;
        }
        let mut runs = self.sound()?.list_runs(&query).await?;
        runs.retain(|run| !stored || !run.state.is_finished() || run.state == RunState::Lost);
        if self.is(Mistake::OldestRunFirst) {
            runs.sort_by_key(|run| run.number);
        }
        Ok(runs.into_iter().map(|run| self.run_as_shown(run)).collect())
    }

    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        let mut prune = *prune;
        prune.dry_run &= !self.is(Mistake::PrunesDryRuns);
        if self.is(Mistake::PrunesTheYoung) {
            prune.finished_before = mastra_core::time::now() + chrono::TimeDelta::days(1);
        }
        let pruned = self.sound()?.prune_runs(&prune).await?;
        Ok(if self.is(Mistake::PrunesNothing) { 0 } else { pruned })
    }

    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        let within = if self.is(Mistake::NeverWaits) { Duration::ZERO } else { within };
        self.sound()?.wait_for_run(id, revision, within).await
    }

    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        match self.sound()?.acquire(hold).await? {
            Acquired::Held(hold) => Ok(self.remembered(hold)),
            busy @ Acquired::Busy { .. } if !self.is(Mistake::StealsHolds) => Ok(busy),
            Acquired::Busy { .. } => {
                let holds: Vec<Hold> = self.memory().holds.values().cloned().collect();
                for stolen in holds.iter().filter(|stolen| stolen.entity.name == hold.entity) {
                    self.sound()?.release(stolen).await?;
                }
                match self.sound()?.acquire(hold).await? {
                    Acquired::Held(hold) => Ok(self.remembered(hold)),
                    busy @ Acquired::Busy { .. } => Ok(busy),
                }
            }
        }
    }

    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        let newest = if self.is(Mistake::ExtendsAnyHold) { self.newest_hold(hold.target) } else { None };
        self.refusal(self.sound()?.extend_hold(newest.as_ref().unwrap_or(hold), lease).await)
    }

    async fn release(&self, hold: &Hold) -> Result<()> {
        if self.is(Mistake::NeverReleases) {
            return Ok(());
        }
        let newest = if self.is(Mistake::ReleasesAnyHold) { self.newest_hold(hold.target) } else { None };
        self.sound()?.release(newest.as_ref().unwrap_or(hold)).await
    }

    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        let sync_id = sync_id.filter(|_| !self.is(Mistake::IgnoresTheSyncOfTargets));
        let mut targets = self.sound()?.list_targets(sync_id).await?;
        if self.is(Mistake::ListsTargetsAsMade) {
            targets.sort_by_key(|target| target.id.get());
        }
        for target in &mut targets {
            if self.is(Mistake::ForgetsQuarantine) {
                target.state.quarantined = 0;
            }
        }
        Ok(targets)
    }

    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        let views = self.sound()?.read_stakes(entity, target, external_ids).await?;
        Ok(self.mistaken_views(views, external_ids))
    }

    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        let stakes = self.sound()?.list_stakes(target, after, self.limit(limit)).await?;
        if let (true, Some(after), false) = (self.is(Mistake::RepeatsTheLast), after, stakes.is_empty()) {
            let all = self.sound()?.list_stakes(target, None, u32::try_from(MAX_SYNC_PAGE).unwrap_or(limit)).await?;
            return Ok(all.into_iter().filter(|stake| stake.external_id.as_str() >= after).collect());
        }
        Ok(self.listed(stakes))
    }

    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        self.write_mistakenly(page).await
    }

    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        let mut count = self.sound()?.count_unseen(target).await?;
        if self.is(Mistake::CountsSeen) {
            count.unseen = count.stakes - count.unseen;
        }
        Ok(count)
    }

    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        let limit = self.limit(limit);
        if self.is(Mistake::ListsSeen) {
            return self.sound()?.list_stakes(target, None, limit).await;
        }
        self.sound()?.list_unseen(target, limit).await.map(|stakes| self.listed(stakes))
    }

    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        let mut query = query.clone();
        if self.is(Mistake::IgnoresTheSyncOfItems) {
            query.sync_id = None;
        }
        let mut items = self.sound()?.list_quarantined(&query).await?;
        if self.is(Mistake::SortsByLanguage) {
            items.sort_by_key(|item| (Reverse(item.target.get()), item.key.to_lowercase()));
        }
        for item in &mut items {
            if self.is(Mistake::ForgetsAttempts) {
                item.attempts = 1;
            }
        }
        Ok(items)
    }
}
