//! What a run tells whoever watches it.

use mastra_core::{
    sync::{RunId, RunState, RunTarget},
    time::Timestamp,
};
use serde::Serialize;

/// Is told of a run's steps, as they happen. It is called between two pages, so it had better be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn on_event(&self, event: &RunEvent);
}

impl<F: Fn(&RunEvent) + Send + Sync> Observer for F {
    fn on_event(&self, event: &RunEvent) {
        self(event);
    }
}

/// A step of a run. In JSON it is one object with a `type`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum RunEvent {
    /// It began.
    Started {
        /// The run.
        run_id: RunId,
        /// Its sync.
        sync_id: String,
        /// 1, or more where it had no result before.
        attempt: u32,
        /// Whether it only says what it would do.
        dry_run: bool,
    },
    /// It said what it is doing.
    Note {
        /// The run.
        run_id: RunId,
        /// What it said.
        note: String,
    },
    /// It waits for another run to end.
    Waiting {
        /// The run.
        run_id: RunId,
        /// The entity that it wants to write.
        entity: String,
        /// The run that writes it.
        holder: RunId,
        /// Until when it holds it, unless it gives another sign of life.
        until: Timestamp,
    },
    /// A page was stored.
    Page {
        /// The run.
        run_id: RunId,
        /// What it did to the entity so far.
        target: RunTarget,
    },
    /// The source was read to its end, and what it no longer has is deleted.
    Deleting {
        /// The run.
        run_id: RunId,
        /// The entity.
        entity: String,
        /// How many records may be deleted.
        records: u64,
    },
    /// It ended.
    Finished {
        /// The run.
        run_id: RunId,
        /// How.
        state: RunState,
        /// What it did to each entity.
        targets: Vec<RunTarget>,
    },
}
