//! What is remembered of syncs.

mod page;
mod quarantine;
mod runs;
mod stakes;
mod targets;

use crate::{connection::Connection, engine::Mock, table::Table};
use async_trait::async_trait;
use chrono::TimeDelta;
use mastra_core::{
    EntityId, Result,
    sync::{
        Acquired, Hold, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId, RunQuery, RunStart,
        RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, Unseen,
    },
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};
use targets::Target;

/// What stands in one target under a key: an external id, or that of an item set aside.
type OfTarget<V> = Table<(i64, String), V>;

/// The tables of syncs.
#[derive(Debug, Default)]
pub(crate) struct SyncTables {
    runs: Table<String, Run>,
    targets: Table<i64, Target>,
    /// Which target a sync has in an entity.
    places: Table<(EntityId, String), i64>,
    stakes: OfTarget<Arc<Stake>>,
    seen: OfTarget<()>,
    quarantine: OfTarget<Arc<Quarantined>>,
}

impl SyncTables {
    pub(crate) fn commit(&mut self) {
        self.runs.commit();
        self.targets.commit();
        self.places.commit();
        self.stakes.commit();
        self.seen.commit();
        self.quarantine.commit();
    }

    pub(crate) fn roll_back(&mut self) {
        self.runs.roll_back();
        self.targets.roll_back();
        self.places.roll_back();
        self.stakes.roll_back();
        self.seen.roll_back();
        self.quarantine.roll_back();
    }
}

/// When a lease ends that is taken now.
fn until(now: Timestamp, lease: Duration) -> Timestamp {
    TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease)).unwrap_or(now)
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connection> SyncStore for Mock<C> {
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        self.connection().write("begin_run", |mut writer| writer.begin_run(run)).await
    }

    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        self.connection().write("update_run", |mut writer| writer.update_run(id, attempt, update)).await
    }

    async fn get_run(&self, id: &RunId) -> Result<Run> {
        self.connection().read("get_run", |reader| reader.run(id)).await
    }

    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        self.connection().read("list_runs", |reader| Ok(reader.runs(query))).await
    }

    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        self.connection().write("prune_runs", |mut writer| Ok(writer.prune_runs(prune))).await
    }

    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        let handle = self.connection().handle();
        // From before the first look, so that no commit behind it is missed.
        let mut commits = handle.shared.commits();
        let mut run = self.connection().read("wait_for_run", |reader| reader.run(id)).await?;
        let changed = async {
            while run.revision <= revision && commits.changed().await.is_ok() {
                run = handle.read_committed(|reader| reader.run(id))?;
            }
            Ok(run)
        };
        let waited = tokio::time::timeout(within, changed).await;
        waited.unwrap_or_else(|_| handle.read_committed(|reader| reader.run(id)))
    }

    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        self.connection().write("acquire", |mut writer| writer.acquire(hold)).await
    }

    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        self.connection().write("extend_hold", |mut writer| writer.extend_hold(hold, lease)).await
    }

    async fn release(&self, hold: &Hold) -> Result<()> {
        self.connection().write("release", |mut writer| writer.release(hold)).await
    }

    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        self.connection().read("list_targets", |reader| reader.targets(sync_id)).await
    }

    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        self.connection().read("read_stakes", |reader| Ok(reader.stake_views(entity, target, external_ids))).await
    }

    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        self.connection().read("list_stakes", |reader| Ok(reader.stakes_behind(target, after, limit))).await
    }

    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        self.connection().write("commit_page", |mut writer| writer.commit_page(page)).await
    }

    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        self.connection().read("count_unseen", |reader| Ok(reader.count_unseen(target))).await
    }

    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        self.connection().read("list_unseen", |reader| Ok(reader.unseen(target, limit))).await
    }

    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        self.connection().read("list_quarantined", |reader| reader.quarantined(query)).await
    }
}
