//! The queue of changes behind the wrapper.

use super::{Checked, RecordStore, checked::named};
use crate::{
    changes::{
        self, ChangeQueue, ClaimOptions, QueueStatus, QueuedChange, Requeue, SetAsideChange, SettleReport, Settlement,
        Subscription, subscription_name,
    },
    entity::EntityRef,
    error::{Error, Result},
    validate,
};
use async_trait::async_trait;

impl<S: RecordStore> Checked<S> {
    fn queue(&self) -> Result<&dyn ChangeQueue> {
        self.inner().changes().ok_or_else(|| Error::unsupported("this backend has no queue of changes"))
    }

    fn outside(&self) -> Result<()> {
        if self.is_transaction() {
            return Err(Error::unsupported(
                "a subscription is made outside of transactions: it waits for writers that are under way",
            ));
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> ChangeQueue for Checked<S> {
    async fn subscribe(&self, name: &str, entity: &EntityRef) -> Result<Subscription> {
        let checked = subscription_name(name).and_then(|()| validate::entity_ref(entity)).and_then(|()| self.outside());
        self.call("subscribe", None, checked, async || self.queue()?.subscribe(name, entity).await)
            .await
            .map_err(|error| named(error, entity))
    }

    async fn unsubscribe(&self, name: &str) -> Result<bool> {
        self.call("unsubscribe", None, subscription_name(name), async || self.queue()?.unsubscribe(name).await).await
    }

    async fn list_subscriptions(&self) -> Result<Vec<Subscription>> {
        self.call("list_subscriptions", None, Ok(()), async || self.queue()?.list_subscriptions().await).await
    }

    async fn claim_changes(&self, subscription: &str, options: &ClaimOptions) -> Result<Vec<QueuedChange>> {
        let checked = subscription_name(subscription).and_then(|()| changes::claim(options));
        self.call("claim_changes", None, checked, async || self.queue()?.claim_changes(subscription, options).await).await
    }

    async fn settle_changes(&self, subscription: &str, settlements: &[Settlement]) -> Result<SettleReport> {
        let checked = subscription_name(subscription).and_then(|()| changes::settlements(settlements));
        let run = async || self.queue()?.settle_changes(subscription, settlements).await;
        self.call("settle_changes", Some(settlements.len()), checked, run).await
    }

    async fn requeue_changes(&self, subscription: &str, which: &Requeue) -> Result<u64> {
        let checked = subscription_name(subscription).and_then(|()| changes::requeue(which));
        self.call("requeue_changes", None, checked, async || self.queue()?.requeue_changes(subscription, which).await).await
    }

    async fn queue_status(&self, subscription: &str) -> Result<QueueStatus> {
        let checked = subscription_name(subscription);
        self.call("queue_status", None, checked, async || self.queue()?.queue_status(subscription).await).await
    }

    async fn list_set_aside(&self, subscription: &str, limit: u32) -> Result<Vec<SetAsideChange>> {
        let checked = subscription_name(subscription);
        self.call("list_set_aside", None, checked, async || self.queue()?.list_set_aside(subscription, limit).await).await
    }
}
