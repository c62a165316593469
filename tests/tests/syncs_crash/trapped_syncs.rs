//! What is remembered of syncs, step by step.

use crate::trapped::{Mistake, Trapped};
use async_trait::async_trait;
use mastra_core::{
    EntityId, RecordStore, Result,
    sync::{
        Acquired, EnumerationChange, Hold, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId,
        RunQuery, RunStart, RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, Unseen,
    },
};
use std::time::Duration;

impl<S: RecordStore> Trapped<S> {
    fn syncs_inside(&self) -> &dyn SyncStore {
        self.inner.syncs().expect("the engine remembers syncs")
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> SyncStore for Trapped<S> {
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        self.at("begin_run", self.syncs_inside().begin_run(run)).await
    }

    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        self.at("update_run", self.syncs_inside().update_run(id, attempt, update)).await
    }

    async fn get_run(&self, id: &RunId) -> Result<Run> {
        self.at("get_run", self.syncs_inside().get_run(id)).await
    }

    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        self.at("list_runs", self.syncs_inside().list_runs(query)).await
    }

    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        self.at("prune_runs", self.syncs_inside().prune_runs(prune)).await
    }

    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        self.at("wait_for_run", self.syncs_inside().wait_for_run(id, revision, within)).await
    }

    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        self.at("acquire", self.syncs_inside().acquire(hold)).await
    }

    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        self.at("extend_hold", self.syncs_inside().extend_hold(hold, lease)).await
    }

    async fn release(&self, hold: &Hold) -> Result<()> {
        self.at("release", self.syncs_inside().release(hold)).await
    }

    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        self.at("list_targets", self.syncs_inside().list_targets(sync_id)).await
    }

    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        self.at("read_stakes", self.syncs_inside().read_stakes(entity, target, external_ids)).await
    }

    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        self.at("list_stakes", self.syncs_inside().list_stakes(target, after, limit)).await
    }

    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        let mut page = page.clone();
        self.mistake.into_iter().for_each(|mistake| mistake.spoil(&mut page));
        self.at("commit_page", self.syncs_inside().commit_page(&page)).await
    }

    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        self.at("count_unseen", self.syncs_inside().count_unseen(target)).await
    }

    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        self.at("list_unseen", self.syncs_inside().list_unseen(target, limit)).await
    }

    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        self.at("list_quarantined", self.syncs_inside().list_quarantined(query)).await
    }
}

impl Mistake {
    fn spoil(self, page: &mut PageCommit) {
        // Cursors of these sources are the numbers of their pages.
        let page_ahead = |cursor: &mut Option<String>| {
            if let Some(number) = cursor.as_deref().and_then(|cursor| cursor.parse::<usize>().ok()) {
                *cursor = Some((number + 1).to_string());
            }
        };
        match self {
            Self::NoTransaction => {}
            Self::CursorFirst if page.ledger.target.complete => {}
            Self::CursorFirst => match &mut page.enumeration {
                EnumerationChange::Advance(cursor) => page_ahead(cursor),
                _ => page_ahead(&mut page.cursor),
            },
            Self::Unseen => {
                if page.enumeration == EnumerationChange::Advance(Some("3".into())) {
                    page.seen.clear();
                }
            }
        }
    }
}
