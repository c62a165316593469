//! What failed and was set aside.

use super::{RunId, TargetId};
use crate::time::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// An item to set aside. One of the same key replaces it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewQuarantined {
    /// Tells it from others of its target: the external id where it has one, else a hash of what it is.
    pub key: String,
    /// The id that its source gave it, where that much is known.
    pub external_id: Option<String>,
    /// The item as the source said it.
    pub raw: Value,
    /// Why it failed: one line, without the item's data.
    pub error: String,
}

/// An item that was set aside.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// The target.
    pub target: TargetId,
    /// The sync.
    pub sync_id: String,
    /// The entity's name.
    pub entity: String,
    /// Its connection.
    pub connection_id: String,
    /// Tells it from others of its target.
    pub key: String,
    /// The id that its source gave it.
    pub external_id: Option<String>,
    /// The item as the source said it.
    pub raw: Value,
    /// Why it failed last.
    pub error: String,
    /// The run that set it aside last.
    pub run_id: RunId,
    /// How often it failed.
    pub attempts: u32,
    /// When it failed first.
    pub first_failed_at: Timestamp,
    /// When it failed last.
    pub last_failed_at: Timestamp,
}

/// Which items [`SyncStore::list_quarantined`](super::SyncStore::list_quarantined) returns, in order of target and key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QuarantineQuery {
    /// Only those of this sync.
    pub sync_id: Option<String>,
    /// Only those of this target.
    pub target: Option<TargetId>,
    /// Only those behind this one: the last of a page.
    pub after: Option<(TargetId, String)>,
    /// At most so many; 100 where it is `None`, 1,000 at most.
    pub limit: Option<u32>,
}
