//! What stands in the queue, and what is said about it.

use crate::{
    ids::{EntityId, RecordId},
    time::Timestamp,
};
use serde::Serialize;
use std::{fmt, time::Duration};
use uuid::Uuid;

/// Who follows the records of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its name, the only one of its kind in the store.
    pub name: String,
    /// Whose records. The entity may be gone by now.
    pub entity_id: EntityId,
    /// Since when.
    pub created_at: Timestamp,
}

/// How much to claim, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimOptions {
    /// At most so many changes; 100 by default, [`MAX_CLAIM`](super::MAX_CLAIM) at most.
    pub limit: u32,
    /// How long they are kept from others; a minute by default, [`MAX_LEASE`](super::MAX_LEASE) at most.
    pub lease: Duration,
}

impl Default for ClaimOptions {
    fn default() -> Self {
        Self { limit: 100, lease: Duration::from_secs(60) }
    }
}

/// Tells one claim of a change from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct LeaseId(Uuid);

impl LeaseId {
    /// A new one.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id as a UUID.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for LeaseId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A change that was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedChange {
    /// The record.
    pub record_id: RecordId,
    /// Its id in its entity.
    pub external_id: String,
    /// The newest generation of the record that was queued. The record itself may be newer by now.
    pub generation: i64,
    /// Whether the record was deleted at that generation.
    pub deleted: bool,
    /// Whether nothing changed, and a lease lapsed earlier: what an outdated worker may have written since has to go.
    pub repeat: bool,
    /// How often it failed since it changed.
    pub failures: u32,
    /// Since when it has waited.
    pub queued_at: Timestamp,
    /// The claim.
    pub lease: LeaseId,
}

impl QueuedChange {
    /// What became of it.
    pub fn settle(&self, outcome: SettlementOutcome) -> Settlement {
        Settlement { record_id: self.record_id, generation: self.generation, lease: self.lease, outcome }
    }
}

/// What became of a claimed change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The record.
    pub record_id: RecordId,
    /// The generation that was seen.
    pub generation: i64,
    /// The claim.
    pub lease: LeaseId,
    /// What became of it.
    pub outcome: SettlementOutcome,
}

/// How a claimed change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettlementOutcome {
    /// What is derived is at that generation.
    Done {
        /// When the change comes once more, should one of its leases have lapsed: longer than a worker that lost its lease may go on
        /// writing.
        repeat_after: Duration,
    },
    /// It failed, and is due again after a while.
    Retry {
        /// How long.
        after: Duration,
        /// Why; without data of the record. Cut at [`MAX_ERROR_BYTES`](super::MAX_ERROR_BYTES).
        error: String,
    },
    /// It failed for good: it waits aside until the record changes, or somebody queues it again.
    SetAside {
        /// Why; as of a retry.
        error: String,
    },
    /// Nothing was done about it; it is due at once.
    Release,
}

impl SettlementOutcome {
    /// Done, to be repeated after two minutes where a lease lapsed.
    pub const fn done() -> Self {
        Self::Done { repeat_after: Duration::from_secs(120) }
    }
}

/// What [`ChangeQueue::settle_changes`](super::ChangeQueue::settle_changes) did, in numbers of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SettleReport {
    /// Done, and out of the queue, or left there for a repeat.
    pub done: u64,
    /// Due again, after a failure or a release.
    pub returned: u64,
    /// Set aside.
    pub set_aside: u64,
    /// A newer generation waits: the change is due at once, whatever was said of it.
    pub superseded: u64,
    /// No longer the caller's: the lease had lapsed, and the change was claimed by another or is gone.
    pub lost: u64,
}

/// Which records to queue again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requeue {
    /// All live records of the entity.
    All,
    /// These, by their ids; with the external ids that those have or had. Records that are not there are queued as deleted.
    Records(Vec<(RecordId, String)>),
    /// All that was set aside.
    SetAside,
}

/// How much waits in a subscription's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    /// Changes that wait, or wait again after a failure.
    pub waiting: u64,
    /// Changes that workers hold.
    pub claimed: u64,
    /// Changes that were set aside.
    pub set_aside: u64,
    /// Repeats that are still to come.
    pub repeats: u64,
    /// Since when the oldest change waits or is held; `None` where there is none.
    pub oldest: Option<Timestamp>,
}

/// A change that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetAsideChange {
    /// The record.
    pub record_id: RecordId,
    /// Its id in its entity.
    pub external_id: String,
    /// The generation that failed.
    pub generation: i64,
    /// Why.
    pub error: String,
    /// How often it was tried.
    pub failures: u32,
    /// When it failed last.
    pub failed_at: Timestamp,
}
