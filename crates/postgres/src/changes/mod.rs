//! The queue of changes, written by the statements that write records.

mod enqueue;
mod subscribe;
mod table;

pub(crate) use enqueue::{copied, queued, with_their_entity};

use crate::{error::driver, store::PgStore};
use async_trait::async_trait;
use mastra_core::{
    EntityRef, Error, Result,
    changes::{
        ChangeQueue, ClaimOptions, LeaseId, QueueRow, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport,
        Settlement, Subscription,
    },
};

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ChangeQueue for PgStore {
    async fn subscribe(&self, name: &str, entity: &EntityRef) -> Result<Subscription> {
        subscribe::subscribe(self, name, entity).await
    }

    async fn unsubscribe(&self, name: &str) -> Result<bool> {
        let mut session = self.write().await?;
        let gone = subscribe::unsubscribe(session.conn()?, &self.shared, name).await?;
        session.finish().await?;
        Ok(gone)
    }

    async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        let mut session = self.read().await?;
        let list = subscribe::list(session.conn()?, &self.shared).await?;
        session.finish().await?;
        Ok(list)
    }

    async fn claim_changes(&self, subscription: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>> {
        let mut session = self.write().await?;
        let (id, _) = subscribe::known(session.conn()?, &self.shared, subscription).await?;
        let claimed = table::claim(session.conn()?, &self.shared, id, options, LeaseId::generate()).await?;
        session.finish().await?;
        Ok(claimed)
    }

    async fn settle_changes(&self, subscription: &str, settlements: &[Settlement]) -> Result<SettleReport> {
        let mut session = self.write().await?;
        let (id, _) = subscribe::known(session.conn()?, &self.shared, subscription).await?;
        let mut report = SettleReport::default();
        if !settlements.is_empty() {
            let (mut rows, now) = table::lock(session.conn()?, &self.shared, id, settlements).await?;
            let (mut kept, mut gone) = (Vec::new(), Vec::new());
            for settlement in settlements {
                let Some(row) = rows.remove(&settlement.record_id) else {
                    report.lost += 1;
                    continue;
                };
                let held = row.lease == Some(settlement.lease);
                match row.settle(settlement, now, &mut report) {
                    Some(row) if held => kept.push(row),
                    Some(_) => {}
                    None => gone.push(settlement.record_id.as_uuid()),
                }
            }
            table::store(session.conn()?, &self.shared, id, &kept, gone).await?;
        }
        session.finish().await?;
        Ok(report)
    }

    async fn requeue_changes(&self, subscription: &str, which: &Requeue) -> Result<u64> {
        let mut session = self.write().await?;
        let (id, subscription) = subscribe::known(session.conn()?, &self.shared, subscription).await?;
        let conn = session.conn()?;
        let queued = match which {
            Requeue::All => enqueue::all(conn, &self.shared, id, subscription.entity_id).await?,
            Requeue::Records(records) => enqueue::records(conn, &self.shared, id, subscription.entity_id, records).await?,
            Requeue::SetAside => table::bring_back(conn, &self.shared, id).await?,
        };
        session.finish().await?;
        Ok(queued)
    }

    async fn queue_status(&self, subscription: &str) -> Result<QueueStatus> {
        let mut session = self.read().await?;
        let status = table::status(session.conn()?, &self.shared, subscription).await?;
        session.finish().await?;
        status.ok_or_else(|| subscribe::unknown(subscription))
    }

    async fn list_set_aside(&self, subscription: &str, limit: u32) -> Result<Vec<SetAsideChange>> {
        let mut session = self.read().await?;
        let (id, _) = subscribe::known(session.conn()?, &self.shared, subscription).await?;
        let rows = table::set_aside(session.conn()?, &self.shared, id, limit).await?;
        session.finish().await?;
        Ok(rows.iter().filter_map(QueueRow::as_set_aside).collect())
    }
}

/// The number of rows of a statement's answer.
fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or_default()
}

/// An error of the driver where a row is read.
fn unread(source: sqlx::Error) -> Error {
    driver(source)
}
