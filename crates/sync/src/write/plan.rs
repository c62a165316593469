//! What a dry run found.

use mastra_core::sync::RunTarget;
use serde::Serialize;
use serde_json::Value;

/// How many changes of each kind a plan shows.
pub const PLAN_SAMPLES: usize = 5;

/// What a run would do to one entity.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetPlan {
    /// What the ledger would say, deletions included.
    pub target: RunTarget,
    /// Why the deletions would be refused, where they would.
    pub refused: Option<String>,
    /// Some of the changes, at most [`PLAN_SAMPLES`] of each kind.
    pub samples: Vec<PlannedChange>,
}

/// A change that would be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The record.
    pub external_id: String,
    /// What would become of it.
    pub action: PlannedAction,
    /// Its data as it is; `None` where there is no live record.
    pub before: Option<Value>,
    /// Its data as it would be; `None` where it would be deleted.
    pub after: Option<Value>,
    /// Fields that somebody else's value stays in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

/// What would become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PlannedAction {
    /// It would be created.
    Create,
    /// It would change.
    Update,
    /// It would be deleted.
    Delete,
}
