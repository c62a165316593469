//! What is remembered of syncs, behind the wrapper.

use super::{Checked, RecordStore};
use crate::{
    error::{Error, Result},
    ids::EntityId,
    sync::{
        self, Acquired, Hold, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId, RunQuery,
        RunStart, RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, Unseen,
    },
};
use async_trait::async_trait;
use std::time::Duration;

impl<S: RecordStore> Checked<S> {
    fn sync_store(&self) -> Result<&dyn SyncStore> {
        self.inner().syncs().ok_or_else(|| Error::unsupported("this backend remembers nothing of syncs"))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> SyncStore for Checked<S> {
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        self.call("begin_run", None, sync::new_run(run), async || self.sync_store()?.begin_run(run).await).await
    }

    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        let run = async || self.sync_store()?.update_run(id, attempt, update).await;
        self.call("update_run", None, sync::run_update(id, update), run).await.map_err(|error| of_run(error, id))
    }

    async fn get_run(&self, id: &RunId) -> Result<Run> {
        let run = async || self.sync_store()?.get_run(id).await;
        self.call("get_run", None, sync::run_id(id), run).await.map_err(|error| of_run(error, id))
    }

    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        self.call("list_runs", None, sync::run_query(query), async || self.sync_store()?.list_runs(query).await).await
    }

    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        self.call("prune_runs", None, Ok(()), async || self.sync_store()?.prune_runs(prune).await).await
    }

    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        let outside = if self.is_transaction() {
            Err(Error::unsupported("a transaction does not see what others do; wait outside of it"))
        } else {
            sync::run_id(id)
        };
        let run = async || self.sync_store()?.wait_for_run(id, revision, within).await;
        self.call("wait_for_run", None, outside, run).await.map_err(|error| of_run(error, id))
    }

    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        self.call("acquire", None, sync::hold(hold), async || self.sync_store()?.acquire(hold).await).await
    }

    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        self.call("extend_hold", None, sync::lease(lease), async || self.sync_store()?.extend_hold(hold, lease).await).await
    }

    async fn release(&self, hold: &Hold) -> Result<()> {
        self.call("release", None, Ok(()), async || self.sync_store()?.release(hold).await).await
    }

    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        let checked = sync_id.map_or(Ok(()), sync::sync_id);
        self.call("list_targets", None, checked, async || self.sync_store()?.list_targets(sync_id).await).await
    }

    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        let run = async || self.sync_store()?.read_stakes(entity, target, external_ids).await;
        self.call("read_stakes", Some(external_ids.len()), sync::external_ids(external_ids), run).await
    }

    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        let run = async || self.sync_store()?.list_stakes(target, after, limit).await;
        self.call("list_stakes", None, page_of(limit), run).await
    }

    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        let run = async || self.sync_store()?.commit_page(page).await;
        self.call("commit_page", Some(page.stakes.len()), sync::page_commit(page), run).await
    }

    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        self.call("count_unseen", None, Ok(()), async || self.sync_store()?.count_unseen(target).await).await
    }

    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        self.call("list_unseen", None, page_of(limit), async || self.sync_store()?.list_unseen(target, limit).await).await
    }

    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        let checked = query.sync_id.as_deref().map_or(Ok(()), sync::sync_id);
        let checked = checked.and_then(|()| sync::limit(query.limit.unwrap_or(1), 1_000));
        self.call("list_quarantined", None, checked, async || self.sync_store()?.list_quarantined(query).await).await
    }
}

fn page_of(limit: u32) -> Result<()> {
    sync::limit(limit, u32::try_from(sync::MAX_SYNC_PAGE).unwrap_or(u32::MAX))
}

/// Says which run is not there, or is not the caller's any more.
fn of_run(error: Error, id: &RunId) -> Error {
    if error.get("run").is_some() { error } else { error.with("run", id) }
}
