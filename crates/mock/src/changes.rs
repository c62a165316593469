//! The queue of changes.

use crate::{
    connection::Connection,
    engine::Mock,
    state::{Reader, to_usize},
    writer::Writer,
};
use async_trait::async_trait;
use mastra_core::{
    EntityRef, Error, Record, RecordId, Result,
    changes::{
        ChangeQueue, ClaimOptions, LeaseId, QueueRow, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport,
        Settlement, Subscription,
    },
};
use std::sync::Arc;
use uuid::Uuid;

impl<'s> Reader<'s> {
    fn subscription(self, name: &str) -> Result<&'s Subscription> {
        let found = self.state.subscriptions.get(self.view, name);
        found.ok_or_else(|| Error::not_found("there is no subscription of this name").with("subscription", name))
    }

    fn queued(self, subscription: &str) -> impl Iterator<Item = &'s QueueRow> {
        let key = |id: Uuid| (subscription.to_owned(), RecordId::from(id));
        self.state.changes.range(self.view, key(Uuid::nil())..=key(Uuid::max())).map(|(_, row)| row)
    }
}

impl Writer<'_> {
    /// Queues a change for all who follow the entity.
    pub(crate) fn queue(&mut self, record: &Record, generation: i64, deleted: bool) {
        let all = self.reader().state.subscriptions.range(self.reader().view, ..);
        let followers: Vec<String> =
            all.filter(|(_, one)| one.entity_id == record.entity_id).map(|(name, _)| name.clone()).collect();
        for name in followers {
            self.queue_for(&name, record.id, &record.external_id, generation, deleted);
        }
    }

    fn queue_for(&mut self, name: &str, id: RecordId, external_id: &str, generation: i64, deleted: bool) {
        let key = (name.to_owned(), id);
        let row = QueueRow::changed(self.reader().row(&key), id, external_id, generation, deleted, self.now);
        self.state.changes.put(key, row);
    }

    fn subscribe(&mut self, name: &str, entity: &EntityRef) -> Result<Subscription> {
        let entity = self.reader().entity(entity)?;
        if let Ok(known) = self.reader().subscription(name) {
            if known.entity_id == entity.id {
                return Ok(known.clone());
            }
            if self.reader().entity(&EntityRef::Id(known.entity_id)).is_ok() {
                return Err(Error::already_exists("the subscription follows another entity").with("subscription", name));
            }
        }
        let subscription = Subscription { name: name.to_owned(), entity_id: entity.id, created_at: self.now };
        self.state.subscriptions.put(name.to_owned(), subscription.clone());
        self.queue_all(&subscription);
        Ok(subscription)
    }

    fn queue_all(&mut self, subscription: &Subscription) -> u64 {
        let records = self.reader().records(subscription.entity_id, None).filter(|record| record.deleted_at.is_none());
        let records: Vec<Arc<Record>> = records.cloned().collect();
        for record in &records {
            self.queue_for(&subscription.name, record.id, &record.external_id, record.generation, false);
        }
        records.len() as u64
    }

    fn unsubscribe(&mut self, name: &str) -> bool {
        let rows: Vec<RecordId> = self.reader().queued(name).map(|row| row.record_id).collect();
        rows.into_iter().for_each(|id| self.state.changes.remove((name.to_owned(), id)));
        let known = self.reader().subscription(name).is_ok();
        self.state.subscriptions.remove(name.to_owned());
        known
    }

    fn claim(&mut self, name: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>> {
        self.reader().subscription(name)?;
        let now = self.now;
        let mut due: Vec<QueueRow> = self.reader().queued(name).filter(|row| row.is_due(now)).cloned().collect();
        due.sort_by_key(|row| (row.due_at, row.generation));
        due.truncate(to_usize(options.limit.into()));
        let lease = LeaseId::generate();
        let claim = |mut row: QueueRow| {
            let change = row.claim(lease, options.lease, now);
            self.state.changes.put((name.to_owned(), row.record_id), row);
            change
        };
        Ok(due.into_iter().map(claim).collect())
    }

    fn settle(&mut self, name: &str, settlements: &[Settlement]) -> Result<SettleReport> {
        self.reader().subscription(name)?;
        let mut report = SettleReport::default();
        for settlement in settlements {
            let key = (name.to_owned(), settlement.record_id);
            let Some(row) = self.reader().row(&key).cloned() else {
                report.lost += 1;
                continue;
            };
            match row.settle(settlement, self.now, &mut report) {
                Some(row) => self.state.changes.put(key, row),
                None => self.state.changes.remove(key),
            }
        }
        Ok(report)
    }

    fn requeue(&mut self, name: &str, which: &Requeue) -> Result<u64> {
        let subscription = self.reader().subscription(name)?.clone();
        match which {
            Requeue::All => Ok(self.queue_all(&subscription)),
            Requeue::Records(records) => {
                for (id, external_id) in records {
                    let live = self.reader().by_id(*id).filter(|record| record.entity_id == subscription.entity_id);
                    let live = live.filter(|record| record.deleted_at.is_none()).map(|record| record.generation);
                    let generation = live.unwrap_or_else(|| self.next_generation());
                    self.queue_for(name, *id, external_id, generation, live.is_none());
                }
                Ok(records.len() as u64)
            }
            Requeue::SetAside => {
                let aside: Vec<QueueRow> = self.reader().queued(name).filter(|row| row.set_aside).cloned().collect();
                for row in &aside {
                    self.queue_for(name, row.record_id, &row.external_id, row.generation, row.deleted);
                }
                Ok(aside.len() as u64)
            }
        }
    }
}

impl<'s> Reader<'s> {
    fn row(self, key: &(String, RecordId)) -> Option<&'s QueueRow> {
        self.state.changes.get(self.view, key)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connection> ChangeQueue for Mock<C> {
    async fn subscribe(&self, name: &str, entity: &EntityRef) -> Result<Subscription> {
        self.connection().write("subscribe", |mut writer| writer.subscribe(name, entity)).await
    }

    async fn unsubscribe(&self, name: &str) -> Result<bool> {
        self.connection().write("unsubscribe", |mut writer| Ok(writer.unsubscribe(name))).await
    }

    async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        let all = |reader: Reader<'_>| reader.state.subscriptions.range(reader.view, ..).map(|(_, one)| one.clone()).collect();
        self.connection().read("list_subscriptions", |reader| Ok(all(reader))).await
    }

    async fn claim_changes(&self, subscription: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>> {
        self.connection().write("claim_changes", |mut writer| writer.claim(subscription, options)).await
    }

    async fn settle_changes(&self, subscription: &str, settlements: &[Settlement]) -> Result<SettleReport> {
        self.connection().write("settle_changes", |mut writer| writer.settle(subscription, settlements)).await
    }

    async fn requeue_changes(&self, subscription: &str, which: &Requeue) -> Result<u64> {
        self.connection().write("requeue_changes", |mut writer| writer.requeue(subscription, which)).await
    }

    async fn queue_status(&self, subscription: &str) -> Result<QueueStatus> {
        let count = |reader: Reader<'_>| {
            reader.subscription(subscription)?;
            let mut status = QueueStatus::default();
            reader.queued(subscription).for_each(|row| status.count(row, reader.now));
            Ok(status)
        };
        self.connection().read("queue_status", count).await
    }

    async fn list_set_aside(&self, subscription: &str, limit: u32) -> Result<Vec<SetAsideChange>> {
        let list = |reader: Reader<'_>| {
            reader.subscription(subscription)?;
            let mut aside: Vec<SetAsideChange> = reader.queued(subscription).filter_map(QueueRow::as_set_aside).collect();
            aside.sort_by_key(|change| (std::cmp::Reverse(change.failed_at), change.record_id));
            aside.truncate(to_usize(limit.into()));
            Ok(aside)
        };
        self.connection().read("list_set_aside", list).await
    }
}
