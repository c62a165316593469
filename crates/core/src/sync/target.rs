//! Targets: where one sync stands with one entity, and who may write.

use super::RunId;
use crate::{entity::Entity, time::Timestamp};
use serde::Serialize;
use std::{fmt, time::Duration};

/// Names one sync's work on one entity, for as long as the entity exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TargetId(i64);

impl TargetId {
    /// The id as the backend keeps it.
    pub const fn new(id: i64) -> Self {
        Self(id)
    }

    /// The backend's number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is needed to hold a target.
#[derive(Debug, Clone, PartialEq)]
pub struct NewHold {
    /// Which sync.
    pub sync_id: String,
    /// The entity's name; it is created where it is not there.
    pub entity: String,
    /// Its connection.
    pub connection_id: String,
    /// For which run.
    pub run_id: RunId,
    /// How long it is kept from others without a sign of life.
    pub lease: Duration,
}

/// What comes of wanting to hold a target.
#[derive(Debug, Clone, PartialEq)]
pub enum Acquired {
    /// It is held.
    Held(Box<Hold>),
    /// A run that is alive holds it.
    Busy {
        /// Which one.
        run_id: RunId,
        /// Until when, unless it gives another sign of life.
        until: Timestamp,
    },
}

/// A held target.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// The target.
    pub target: TargetId,
    /// Grows with every hold of the target: a holder whose lease was taken over has an old one, and can write no more.
    pub fence: i64,
    /// The entity.
    pub entity: Entity,
    /// Where the sync stands.
    pub state: TargetState,
}

/// Where a sync stands with an entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetState {
    /// Where the next incremental run goes on.
    pub cursor: Option<String>,
    /// The enumeration that is under way, or was when its run died.
    pub enumeration: Option<Enumeration>,
    /// How many items are set aside.
    pub quarantined: u64,
}

/// One reading of everything that a source has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Enumeration {
    /// When it began.
    pub started_at: Timestamp,
    /// Behind which page it goes on; `None` where it cannot be continued.
    pub cursor: Option<String>,
    /// The source was read to its end; what is left is to delete what was not seen.
    pub read: bool,
}

/// A target as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetInfo {
    /// The target.
    pub id: TargetId,
    /// The sync.
    pub sync_id: String,
    /// The entity.
    pub entity: Entity,
    /// Where the sync stands.
    pub state: TargetState,
    /// In how many records it has a stake.
    pub stakes: u64,
    /// The run that holds it, and until when, where one does.
    pub holder: Option<(RunId, Timestamp)>,
}

/// What an enumeration did not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Unseen {
    /// In how many records the sync has a stake.
    pub stakes: u64,
    /// In how many of those that were not seen.
    pub unseen: u64,
}
