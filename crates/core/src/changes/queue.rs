//! The trait that a backend implements.

use super::{ClaimOptions, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport, Settlement, Subscription};
use crate::{entity::EntityRef, error::Result};
use async_trait::async_trait;
use std::fmt;

/// The queue of changes of an engine, or as it is seen in a [`Transaction`](crate::Transaction); from
/// [`RecordStore::changes`](crate::RecordStore::changes).
///
/// Every method is atomic and takes a number of round trips that does not grow with its input. An unknown subscription is `NotFound`.
/// Times are those of the database, where it has a clock of its own.
#[async_trait]
pub trait ChangeQueue: Send + Sync + fmt::Debug {
    /// Follows an entity, and queues all its live records, so that nothing of it is missed: what is there is queued, what is written
    /// from now on is queued with its transaction.
    ///
    /// A subscription that is there is returned as it is, and nothing is queued. Where its entity was deleted, it follows the one
    /// that is named now. `AlreadyExists` where it follows another one; `NotFound` without such an entity; `Unsupported` in a
    /// transaction, since writers that are under way have to be waited for.
    async fn subscribe(&self, name: &str, entity: &EntityRef) -> Result<Subscription>;

    /// Ends a subscription, with all that it has queued; whether there was one.
    async fn unsubscribe(&self, name: &str) -> Result<bool>;

    /// The subscriptions, in order of name.
    async fn list_subscriptions(&self) -> Result<Vec<Subscription>>;

    /// Claims changes that are due, the oldest first, for the time of a lease. Others that claim at the same time get other changes;
    /// nobody waits.
    async fn claim_changes(&self, subscription: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>>;

    /// Says what became of claimed changes. In a transaction, it commits with what else was written there, which is to be rolled
    /// back where the report counts `lost` ones.
    async fn settle_changes(&self, subscription: &str, settlements: &[Settlement]) -> Result<SettleReport>;

    /// Queues records again, such as those that a check found wanting; how many.
    async fn requeue_changes(&self, subscription: &str, which: &Requeue) -> Result<u64>;

    /// How much waits, and since when.
    async fn queue_status(&self, subscription: &str) -> Result<QueueStatus>;

    /// At most so many of the changes that were set aside, those that failed last first.
    async fn list_set_aside(&self, subscription: &str, limit: u32) -> Result<Vec<SetAsideChange>>;
}
