//! The queue of changes, in the same file and the same transactions as the records.

mod enqueue;
mod table;

pub(crate) use enqueue::{all_of_entity, written};

use crate::{entities, error::Mapped as _, row, store::SqliteStore, unit::Access};
use async_trait::async_trait;
use mastra_core::{
    EntityRef, Error, Result,
    changes::{
        ChangeQueue, ClaimOptions, LeaseId, QueueRow, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport,
        Settlement, Subscription,
    },
    time,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

/// The subscription of that name, with its key.
async fn find(connection: &mut SqliteConnection, name: &str) -> Result<Option<(i64, Subscription)>> {
    let sql = "SELECT name, entity_id, created_at, key FROM subscriptions WHERE name = ?1";
    let found = sqlx::query(sql).bind(name).fetch_optional(connection).await.mapped()?;
    found.as_ref().map(|found| Ok((row::get(found, 3)?, subscription(found)?))).transpose()
}

async fn known(connection: &mut SqliteConnection, name: &str) -> Result<(i64, Subscription)> {
    let found = find(connection, name).await?;
    found.ok_or_else(|| Error::not_found("there is no subscription of this name").with("subscription", name))
}

fn subscription(found: &SqliteRow) -> Result<Subscription> {
    Ok(Subscription { name: row::get(found, 0)?, entity_id: row::uuid(found, 1)?.into(), created_at: row::time(found, 2)? })
}

async fn subscribe(connection: &mut SqliteConnection, name: &str, entity: &EntityRef) -> Result<Subscription> {
    let entity = entities::resolve(connection, entity).await?;
    let created_at = time::now();
    let old = find(connection, name).await?;
    if let Some((_, old)) = &old {
        if old.entity_id == entity.entity.id {
            return Ok(old.clone());
        }
        if entities::resolve(connection, &EntityRef::Id(old.entity_id)).await.is_ok() {
            return Err(Error::already_exists("the subscription follows another entity").with("subscription", name));
        }
    }
    let sql = "INSERT INTO subscriptions (name, entity_id, created_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (name) DO UPDATE SET entity_id = excluded.entity_id, created_at = excluded.created_at RETURNING key";
    let insert = sqlx::query_scalar(sql).bind(name).bind(entity.entity.id.as_uuid()).bind(created_at.timestamp_micros());
    let key = insert.fetch_one(&mut *connection).await.mapped()?;
    enqueue::all(connection, key, entity.key).await?;
    Ok(Subscription { name: name.to_owned(), entity_id: entity.entity.id, created_at })
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<A: Access> ChangeQueue for SqliteStore<A> {
    async fn subscribe(&self, name: &str, entity: &EntityRef) -> Result<Subscription> {
        let mut unit = self.access.write().await?;
        let subscription = subscribe(unit.connection()?, name, entity).await?;
        unit.commit().await?;
        Ok(subscription)
    }

    async fn unsubscribe(&self, name: &str) -> Result<bool> {
        let mut unit = self.access.write().await?;
        let connection = unit.connection()?;
        let found = find(connection, name).await?;
        if let Some((key, _)) = found {
            for sql in ["DELETE FROM record_changes WHERE subscription = ?1", "DELETE FROM subscriptions WHERE key = ?1"] {
                sqlx::query(sql).bind(key).execute(&mut *connection).await.mapped()?;
            }
        }
        unit.commit().await?;
        Ok(found.is_some())
    }

    async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        let mut unit = self.access.read().await?;
        let sql = "SELECT name, entity_id, created_at FROM subscriptions ORDER BY name";
        let rows = sqlx::query(sql).fetch_all(unit.connection()?).await.mapped()?;
        rows.iter().map(subscription).collect()
    }

    async fn claim_changes(&self, subscription: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>> {
        let mut unit = self.access.write().await?;
        let connection = unit.connection()?;
        let (key, _) = known(connection, subscription).await?;
        let now = time::now();
        let mut due = table::due(connection, key, options.limit, now).await?;
        let lease = LeaseId::generate();
        let claimed: Vec<QueuedChange> = due.iter_mut().map(|row| row.claim(lease, options.lease, now)).collect();
        table::store(connection, key, &due).await?;
        unit.commit().await?;
        Ok(claimed)
    }

    async fn settle_changes(&self, subscription: &str, settlements: &[Settlement]) -> Result<SettleReport> {
        let mut unit = self.access.write().await?;
        let connection = unit.connection()?;
        let (key, _) = known(connection, subscription).await?;
        let now = time::now();
        let mut report = SettleReport::default();
        let mut rows = table::of_records(connection, key, settlements.iter().map(|settlement| settlement.record_id)).await?;
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
                None => gone.push(settlement.record_id),
            }
        }
        table::store(connection, key, &kept).await?;
        table::remove(connection, key, &gone).await?;
        unit.commit().await?;
        Ok(report)
    }

    async fn requeue_changes(&self, subscription: &str, which: &Requeue) -> Result<u64> {
        let mut unit = self.access.write().await?;
        let connection = unit.connection()?;
        let (key, subscription) = known(connection, subscription).await?;
        let queued = match which {
            Requeue::All => match entities::resolve(connection, &EntityRef::Id(subscription.entity_id)).await {
                Ok(entity) => enqueue::all(connection, key, entity.key).await?,
                Err(error) if error.is_not_found() => 0,
                Err(error) => return Err(error),
            },
            Requeue::Records(records) => enqueue::records(connection, key, subscription.entity_id, records).await?,
            Requeue::SetAside => table::bring_back(connection, key, time::now()).await?,
        };
        unit.commit().await?;
        Ok(queued)
    }

    async fn queue_status(&self, subscription: &str) -> Result<QueueStatus> {
        let mut unit = self.access.read().await?;
        let connection = unit.connection()?;
        let (key, _) = known(connection, subscription).await?;
        table::status(connection, key, time::now()).await
    }

    async fn list_set_aside(&self, subscription: &str, limit: u32) -> Result<Vec<SetAsideChange>> {
        let mut unit = self.access.read().await?;
        let connection = unit.connection()?;
        let (key, _) = known(connection, subscription).await?;
        let rows = table::set_aside(connection, key, limit).await?;
        Ok(rows.iter().filter_map(QueueRow::as_set_aside).collect())
    }
}
