//! What is remembered of syncs: the ledger of runs, targets and who holds them, stakes, enumerations, and what was set aside.
//!
//! Everything is read from the writing server, since it decides what is written next. Whoever locks rows does it in one order: the entity,
//! the target, the run, then rows of the target by key. An entity is deleted under the lock that pages wait for first, so that it and a page
//! do not wait for each other. Only where several syncs move an entity's cursor while it is deleted may the server have to end one of them,
//! which can be run again.

mod page;
mod quarantine;
mod runs;
mod seen;
mod stakes;
mod targets;
mod wait;

pub(crate) use targets::forget;
pub(crate) use wait::Watch;

use crate::{error::driver, store::PgStore};
use async_trait::async_trait;
use mastra_core::{
    EntityId, Error, Result,
    sync::{
        Acquired, Hold, MAX_SYNC_LEASE, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Quarantined, Run, RunId,
        RunQuery, RunStart, RunUpdate, Stake, StakeView, SyncStore, TargetId, TargetInfo, Unseen,
    },
};
use std::time::Duration;

/// Round trips are those of an operation's own transaction; in a caller's, where a savepoint takes the place of the transaction, there are
/// as many.
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl SyncStore for PgStore {
    /// Three round trips for a new id, five or six for one that is there.
    async fn begin_run(&self, run: &NewRun) -> Result<RunStart> {
        let mut session = self.write().await?;
        let begun = runs::begin(session.conn()?, &self.shared, run).await?;
        session.finish().await?;
        Ok(begun)
    }

    /// Three round trips.
    async fn update_run(&self, id: &RunId, attempt: u32, update: &RunUpdate) -> Result<()> {
        let mut session = self.write().await?;
        runs::update(session.conn()?, &self.shared, id, attempt, update).await?;
        session.finish().await
    }

    /// One round trip.
    async fn get_run(&self, id: &RunId) -> Result<Run> {
        let mut session = self.latest().await?;
        let run = runs::get(session.conn()?, &self.shared, id).await?;
        session.finish().await?;
        Ok(run)
    }

    /// Two round trips: one plans, since what is asked for differs.
    async fn list_runs(&self, query: &RunQuery) -> Result<Vec<Run>> {
        let mut session = self.latest().await?;
        let list = runs::list(session.conn()?, &self.shared, query).await?;
        session.finish().await?;
        Ok(list)
    }

    /// Three round trips.
    async fn prune_runs(&self, prune: &PruneRuns) -> Result<u64> {
        let mut session = self.write().await?;
        let count = runs::prune(session.conn()?, &self.shared, prune).await?;
        session.finish().await?;
        Ok(count)
    }

    /// Woken by `NOTIFY`, on one connection beside the pools that all who wait share. Behind a pooler in transaction mode, and where that
    /// connection fails, the run is looked at again and again, after a second at the latest.
    async fn wait_for_run(&self, id: &RunId, revision: i64, within: Duration) -> Result<Run> {
        wait::wait(self, id, revision, within).await
    }

    /// Five round trips where the entity and the target are there, up to three more where they are not.
    async fn acquire(&self, hold: &NewHold) -> Result<Acquired> {
        let mut session = self.write().await?;
        let acquired = targets::acquire(session.conn()?, &self.shared, hold).await?;
        session.finish().await?;
        Ok(acquired)
    }

    /// Three round trips.
    async fn extend_hold(&self, hold: &Hold, lease: Duration) -> Result<()> {
        let mut session = self.write().await?;
        targets::extend(session.conn()?, &self.shared, hold, lease).await?;
        session.finish().await
    }

    /// Three round trips.
    async fn release(&self, hold: &Hold) -> Result<()> {
        let mut session = self.write().await?;
        targets::release(session.conn()?, &self.shared, hold).await?;
        session.finish().await
    }

    /// Two round trips. Counts every stake.
    async fn list_targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        let mut session = self.latest().await?;
        let list = targets::list(session.conn()?, &self.shared, sync_id).await?;
        session.finish().await?;
        Ok(list)
    }

    /// Two round trips, one of which plans.
    async fn read_stakes(&self, entity: EntityId, target: Option<TargetId>, external_ids: &[String]) -> Result<Vec<StakeView>> {
        let mut session = self.latest().await?;
        let views = stakes::views(session.conn()?, &self.shared, entity, target, external_ids).await?;
        session.finish().await?;
        Ok(views)
    }

    /// Two round trips, one of which plans.
    async fn list_stakes(&self, target: TargetId, after: Option<&str>, limit: u32) -> Result<Vec<Stake>> {
        let mut session = self.latest().await?;
        let list = stakes::list(session.conn()?, &self.shared, target, after, limit).await?;
        session.finish().await?;
        Ok(list)
    }

    /// Four round trips; three where there is nothing but the ledger to write. Forgetting what was seen takes two more for every 100,000
    /// ids.
    async fn commit_page(&self, page: &PageCommit) -> Result<()> {
        let mut session = self.write().await?;
        page::commit(session.conn()?, &self.shared, page).await?;
        session.finish().await
    }

    /// Two round trips; reads every stake.
    async fn count_unseen(&self, target: TargetId) -> Result<Unseen> {
        let mut session = self.latest().await?;
        let unseen = seen::count_unseen(session.conn()?, &self.shared, target).await?;
        session.finish().await?;
        Ok(unseen)
    }

    /// Two round trips; reads the stakes from the first one on, until so many are found.
    async fn list_unseen(&self, target: TargetId, limit: u32) -> Result<Vec<Stake>> {
        let mut session = self.latest().await?;
        let list = seen::list_unseen(session.conn()?, &self.shared, target, limit).await?;
        session.finish().await?;
        Ok(list)
    }

    /// Two round trips, one of which plans.
    async fn list_quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        let mut session = self.latest().await?;
        let list = quarantine::list(session.conn()?, &self.shared, query).await?;
        session.finish().await?;
        Ok(list)
    }
}

/// A length of time as the server is given it.
fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

/// A number of rows.
fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

/// The rule of [`lapsed`](mastra_core::sync::lapsed) for a column, at the time of the statement. It holds for a row that the statement did
/// not wait for: one that was written meanwhile may be ahead of that time.
fn lapsed(column: &str) -> String {
    let longest = MAX_SYNC_LEASE.as_secs();
    format!("({column} <= statement_timestamp() OR {column} > statement_timestamp() + {longest} * interval '1 second')")
}

/// An error of the driver where a row is read.
fn unread(source: sqlx::Error) -> Error {
    driver(source)
}
