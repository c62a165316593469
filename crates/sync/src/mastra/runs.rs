//! The ledger, to be read.

use futures::stream::{self, BoxStream, StreamExt as _};
use mastra_core::{
    Engine, Error, Result,
    sync::{PruneRuns, QuarantineQuery, Quarantined, Run, RunId, RunQuery, RunState, SyncStore, TargetInfo},
    time,
};
use std::{sync::Arc, time::Duration};

/// How long one wait for a change lasts.
const WAIT: Duration = Duration::from_secs(30);

/// The ledger of an engine: what every run did, where every sync stands, and what was set aside. Cheap to clone.
///
/// ```
/// use mastra_core::sync::{RunQuery, RunState};
/// use mastra_sync::{Mastra, define};
/// use serde_json::json;
/// use std::sync::Arc;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let nothing = define("nothing").execute(|_| async { Ok(json!("done")) });
/// let mastra = Mastra::builder().engine(Arc::new(mastra_mock::connect("mock://").await?)).sync(nothing).build()?;
/// mastra.sync("nothing", json!(null)).run_id("night-1").await?;
///
/// let runs = mastra.runs()?.list(&RunQuery::default()).await?;
/// assert_eq!((runs[0].id.as_str(), runs[0].state), ("night-1", RunState::Succeeded));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Runs(Arc<dyn Engine>);

impl Runs {
    /// Of an engine; `Unsupported` where it keeps no ledger.
    pub fn new(engine: Arc<dyn Engine>) -> Result<Self> {
        let runs = Self(engine);
        runs.store()?;
        Ok(runs)
    }

    /// One run; `NotFound` where there is none of that id.
    pub async fn get(&self, id: &RunId) -> Result<Run> {
        self.store()?.get_run(id).await
    }

    /// Runs, the newest first.
    pub async fn list(&self, query: &RunQuery) -> Result<Vec<Run>> {
        self.store()?.list_runs(query).await
    }

    /// A run as it is now, and as it is after every change, until it has ended; the last one says how. A run whose process died ends as
    /// [`Lost`](RunState::Lost) when its lease does. `NotFound` where there is no run of that id; the first error ends the stream.
    pub fn watch(&self, id: RunId) -> BoxStream<'static, Result<Run>> {
        let step = |(runs, id, seen): (Self, RunId, Seen)| async move {
            let run = match seen {
                Seen::Nothing => runs.get(&id).await,
                Seen::Ended => return None,
                Seen::Running(revision, lease_until) => runs.wait(&id, revision, lease_until).await,
            };
            let seen = match &run {
                Ok(run) if !run.state.is_finished() => Seen::Running(run.revision, run.lease_until),
                _ => Seen::Ended,
            };
            Some((run, (runs, id, seen)))
        };
        stream::unfold((self.clone(), id, Seen::Nothing), step).boxed()
    }

    /// Removes finished runs, and tells how many. What they wrote stays.
    pub async fn prune(&self, prune: &PruneRuns) -> Result<u64> {
        self.store()?.prune_runs(prune).await
    }

    /// What was set aside, in order of target and key.
    pub async fn quarantined(&self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        self.store()?.list_quarantined(query).await
    }

    /// Where syncs stand: one of them, or all.
    pub async fn targets(&self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        self.store()?.list_targets(sync_id).await
    }

    /// The run after its next change, or once it is lost.
    async fn wait(&self, id: &RunId, revision: i64, mut lease_until: time::Timestamp) -> Result<Run> {
        loop {
            // A run that is lost does not change: its lease has to be watched.
            let left = (lease_until - time::now()).to_std().unwrap_or_default();
            let within = left.clamp(Duration::from_millis(50), WAIT);
            let run = self.store()?.wait_for_run(id, revision, within).await?;
            if run.revision > revision || run.state != RunState::Running {
                return Ok(run);
            }
            lease_until = run.lease_until;
        }
    }

    fn store(&self) -> Result<&dyn SyncStore> {
        self.0.syncs().ok_or_else(|| Error::unsupported(NO_LEDGER))
    }
}

/// What to do about it.
pub(crate) const NO_LEDGER: &str =
    "this engine keeps no ledger of syncs, so that none can run on it; Postgres, SQLite and the mock do";

/// What a watcher knows.
enum Seen {
    Nothing,
    Running(i64, time::Timestamp),
    Ended,
}
