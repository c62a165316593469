//! Runs: the ledger's entries.

use super::lapsed;
use crate::{
    error::{Error, Result},
    ids::EntityId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, time::Duration};

/// Names a run: an id of the caller's, or a fresh UUIDv7.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// An id of the caller's, such as that of the job that runs the sync; not blank, at most
    /// [`MAX_NAME_BYTES`](crate::validate::MAX_NAME_BYTES) bytes, else the store refuses it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// A fresh one.
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A run to begin.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// Which sync.
    pub sync_id: String,
    /// Tells its input from another's; the input itself is not kept, since it may hold what nobody else is to see.
    pub input_hash: String,
    /// How long it counts as alive without a word.
    pub lease: Duration,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunState {
    /// It is under way.
    Running,
    /// Everything was written.
    Succeeded,
    /// Everything was written but what was set aside.
    Partial,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It took longer than it was given.
    TimedOut,
    /// Its process said nothing for longer than its lease: it died, or hangs. Never stored, always concluded.
    Lost,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Running, Self::Succeeded, Self::Partial, Self::Failed, Self::Cancelled, Self::TimedOut, Self::Lost];

    /// As it is written in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timedOut",
            Self::Lost => "lost",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Error::invalid_input("there is no such state of a run").with("state", text))
    }

    /// Whether it has ended with a result, which a repeated run is answered with.
    pub const fn has_result(self) -> bool {
        matches!(self, Self::Succeeded | Self::Partial)
    }

    /// Whether nothing more is to be expected of it.
    pub const fn is_finished(self) -> bool {
        !matches!(self, Self::Running)
    }
}

/// How a sync meets what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncMode {
    /// What changed since the cursor is merged; nothing is deleted but what the source says is gone.
    #[default]
    Incremental,
    /// Everything is read; what the sync wrote and the source no longer has is deleted at the end.
    Full,
    /// What is new is added; what is there stays as it is.
    Append,
    /// All records of a parent replace those that were there of it.
    ReplaceScope,
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Grows with every run of the store: what lists are ordered by.
    pub number: i64,
    /// Which sync.
    pub sync_id: String,
    /// How it stands.
    pub state: RunState,
    /// 1, or more where a run that had no result was run again under its id.
    pub attempt: u32,
    /// Tells its input from another's.
    pub input_hash: String,
    /// When this attempt began.
    pub started_at: Timestamp,
    /// When it last gave a sign of life.
    pub heartbeat_at: Timestamp,
    /// Until when it counts as alive without another one.
    pub lease_until: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What the sync says it is doing.
    pub note: Option<String>,
    /// What it returned.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Grows with every change of the entry.
    pub revision: i64,
    /// What it did to each entity, in the order in which it began with them.
    pub targets: Vec<RunTarget>,
}

/// Why a run failed. Without record data and secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunError {
    /// The kind, in camelCase: `failed`, `invalidOutput`, `timedOut`, ….
    pub kind: String,
    /// One line.
    pub message: String,
}

/// What a run did to one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunTarget {
    /// The entity.
    pub entity_id: EntityId,
    /// Its name, as the run knew it.
    pub entity: String,
    /// Its connection.
    pub connection_id: String,
    /// How records met those there.
    pub mode: SyncMode,
    /// What the records came from: `jsonl`, `http`, ….
    pub source: Option<String>,
    /// The cursor that it began behind.
    pub cursor_from: Option<String>,
    /// The cursor that is true now.
    pub cursor: Option<String>,
    /// Whether the source was read to its end.
    pub complete: bool,
    /// How many records.
    pub counts: RunCounts,
    /// How many bytes came from the source.
    pub bytes: u64,
    /// Some of what failed.
    pub errors: Vec<ErrorSample>,
}

/// How many records a run read, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunCounts {
    /// Read from the source, failed ones included.
    pub read: u64,
    /// Not there before, or deleted.
    pub created: u64,
    /// There, and changed.
    pub updated: u64,
    /// There, and as they were.
    pub unchanged: u64,
    /// Deleted.
    pub deleted: u64,
    /// Set aside.
    pub failed: u64,
}

/// One of the records that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorSample {
    /// Its id, where that much is known.
    pub external_id: Option<String>,
    /// One line, without the record's data.
    pub message: String,
}

/// What begins a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunStart {
    /// It is under way now.
    Started(Run),
    /// A run of that id ended with a result: here it is, and nothing was begun.
    Recorded(Run),
    /// A run of that id is under way.
    Busy(Run),
}

/// What [`Run::begin`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// Begin another attempt under the id.
    Again,
    /// Answer with what is recorded.
    Recorded,
    /// It is under way.
    Busy,
}

impl Run {
    /// What becomes of a run that is begun under the id of one that is there; `Conflict` where that is another sync's, or had another input.
    pub fn begin(&self, new: &NewRun, now: Timestamp) -> Result<Begin> {
        let differs = |message: &str| Error::conflict(message).with("run", &self.id).with("sync", &self.sync_id);
        if self.sync_id != new.sync_id {
            return Err(differs("the run id belongs to a run of another sync; give each run an id of its own"));
        }
        if self.input_hash != new.input_hash {
            return Err(differs("the run id belongs to a run with another input; give each run an id of its own"));
        }
        Ok(match self.seen(now) {
            state if state.has_result() => Begin::Recorded,
            RunState::Running => Begin::Busy,
            _ => Begin::Again,
        })
    }

    /// The state as it is seen at a time: a run that says it is running, and has not been heard of, is lost.
    pub fn seen(&self, now: Timestamp) -> RunState {
        if self.state == RunState::Running && lapsed(self.lease_until, now) { RunState::Lost } else { self.state }
    }
}

/// A sign of life of a run, or its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunUpdate {
    /// How long it counts as alive from now on; not changed where it is `None`.
    pub lease: Option<Duration>,
    /// What the sync says it is doing; not changed where it is `None`.
    pub note: Option<String>,
    /// How it ended.
    pub finish: Option<FinishRun>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishRun {
    /// Anything but `Running` and `Lost`.
    pub state: RunState,
    /// What it returned.
    pub output: Option<Value>,
    /// Why it failed.
    pub error: Option<RunError>,
}

/// Which runs [`SyncStore::list_runs`](super::SyncStore::list_runs) returns, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunQuery {
    /// Only those of this sync.
    pub sync_id: Option<String>,
    /// Only those that wrote an entity of this name.
    pub entity: Option<String>,
    /// Only those in this state, as it is seen now.
    pub state: Option<RunState>,
    /// Only those of a smaller [`Run::number`]: behind the last one of a page.
    pub before: Option<i64>,
    /// At most so many; 50 where it is `None`, 1,000 at most.
    pub limit: Option<u32>,
}

/// Which finished runs [`SyncStore::prune_runs`](super::SyncStore::prune_runs) removes. Runs that are under way stay, and so does the newest
/// run of each sync.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PruneRuns {
    /// Only those that ended (or, lost ones, were last heard of) before this time.
    pub finished_before: Timestamp,
    /// Only counts them.
    pub dry_run: bool,
}
