//! Upserts: how a record meets the one already there.

mod merge;
mod plan;

pub use merge::{deep_merge, shallow_merge};
pub use plan::{Decision, RecordChange, Stored, plan};

use crate::ids::RecordId;
use serde::{Deserialize, Serialize};

/// How the data of a record meets the data already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UpsertMode {
    /// Top-level keys of the new data replace those of the old; other keys stay.
    #[default]
    Merge,
    /// The new data takes the place of the old.
    Replace,
    /// Objects merge with objects at every level; anything else is replaced.
    DeepMerge,
}

/// Options of an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct UpsertOptions {
    /// How the data of a record meets the data already there.
    pub mode: UpsertMode,
}

impl From<UpsertMode> for UpsertOptions {
    fn from(mode: UpsertMode) -> Self {
        Self { mode }
    }
}

/// What became of the records of a call. Each external id stands in exactly one list, in the order of its first mention.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertReport {
    /// Records that were not there, or were deleted.
    pub created: Vec<UpsertedRecord>,
    /// Records whose data or entity type changed.
    pub updated: Vec<UpsertedRecord>,
    /// Records that are as they were, untouched.
    pub unchanged: Vec<UpsertedRecord>,
}

impl UpsertReport {
    /// How many records the call spoke of.
    pub fn total(&self) -> usize {
        self.created.len() + self.updated.len() + self.unchanged.len()
    }
}

/// A record that an upsert spoke of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UpsertedRecord {
    /// The id that its source gave it.
    pub external_id: String,
    /// The engine's id.
    pub id: RecordId,
}
