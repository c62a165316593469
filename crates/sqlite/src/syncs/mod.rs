//! What is remembered of syncs, in the same file and the same transactions as the records.

mod list;
mod page;
#[cfg(test)]
mod plans;
mod quarantine;
mod runs;
mod stakes;
mod targets;
mod wait;

pub(crate) use targets::remove_of_entity;

use crate::{store::SqliteStore, unit::Access};
use async_trait::async_trait;
use chrono::TimeDelta;
use mastra_core::{
    EntityId, EntityRef, Result, Timestamp,
    sync::{
        Acquired, Hold, MAX_SYNC_LEASE, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId,
        RunQuery, RunStart, RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, Unseen,
    },
    time,
};
use std::time::Duration;

/// Until when a lease of that length lasts that is taken now.
fn until(now: Timestamp, lease: Duration) -> Timestamp {
    TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease)).unwrap_or(now)
}

/// The leases that have ended, as [`mastra_core::sync::lapsed`] has it: those that last until the first of these times at most, or
/// beyond the second.
fn lapsed_outside(now: Timestamp) -> (i64, i64) {
    (now.timestamp_micros(), until(now, MAX_SYNC_LEASE).timestamp_micros())
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: Access> SyncStore for SqliteStore<A> {
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        let mut unit = self.access.write().await?;
        let start = runs::begin(unit.connection()?, run).await?;
        unit.commit().await?;
        Ok(start)
    }

    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        let mut unit = self.access.write().await?;
        runs::update(unit.connection()?, id, attempt, update).await?;
        unit.commit().await
    }

    async fn get_run(&self, id: &RunId) -> Result<Run> {
        let mut unit = self.access.read().await?;
        Ok(runs::seen(runs::get(unit.connection()?, id).await?, time::now()))
    }

    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        let mut unit = self.access.read().await?;
        list::list(unit.connection()?, query).await
    }

    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        if prune.dry_run {
            let mut unit = self.access.read().await?;
            return list::count_to_prune(unit.connection()?, prune).await;
        }
        let mut unit = self.access.write().await?;
        let removed = list::prune(unit.connection()?, prune).await?;
        unit.commit().await?;
        Ok(removed)
    }

    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        wait::wait(&self.access, id, revision, within).await
    }

    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        let mut unit = self.access.write().await?;
        let acquired = targets::acquire(unit.connection()?, hold).await?;
        unit.commit().await?;
        Ok(acquired)
    }

    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        let mut unit = self.access.write().await?;
        targets::extend(unit.connection()?, hold.target, hold.fence, lease).await?;
        unit.commit().await
    }

    async fn release(&self, hold: &Hold) -> Result<()> {
        let mut unit = self.access.write().await?;
        targets::release(unit.connection()?, hold).await?;
        unit.commit().await
    }

    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        let mut unit = self.access.read().await?;
        targets::list(unit.connection()?, sync_id).await
    }

    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        let mut views = stakes::Views::new(external_ids);
        match self.access.snapshot_of(&EntityRef::Id(entity)).await {
            Ok((mut unit, known)) => {
                views.read(unit.connection()?, known.key, target).await?;
                unit.commit().await?;
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(views.finish())
    }

    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        let mut unit = self.access.read().await?;
        stakes::list(unit.connection()?, target, after, limit).await
    }

    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        let mut unit = self.access.write().await?;
        page::commit(unit.connection()?, page).await?;
        unit.commit().await
    }

    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        let mut unit = self.access.read().await?;
        stakes::count_unseen(unit.connection()?, target).await
    }

    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        let mut unit = self.access.read().await?;
        stakes::list_unseen(unit.connection()?, target, limit).await
    }

    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        let mut unit = self.access.read().await?;
        quarantine::list(unit.connection()?, query).await
    }
}
