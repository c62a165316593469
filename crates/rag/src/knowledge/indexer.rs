//! Bringing points up to their records.

use super::{
    KnowledgeBase,
    write::{self, Terms},
};
use mastra_core::{ErrorKind, Result, changes::ClaimOptions};
use serde::Serialize;
use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// After so many batches of which nothing succeeded, there is no use in a further one now.
const FRUITLESS: u32 = 3;

/// How to index.
#[derive(Clone)]
pub struct IndexOptions {
    /// Records of one batch, each batch one claim, one call for its vectors and one write; 32 by default, 200 at most.
    pub batch: u32,
    /// How long a batch may take before its records are given to another worker; two minutes by default.
    pub lease: Duration,
    /// How often a record may fail before it is set aside; 5 by default. What lies in the server of the model is tried for ever.
    pub max_failures: u32,
    /// Told after each batch.
    pub progress: Option<Progress>,
    /// Set to true by others, it ends the work behind what is being embedded: that is written, the rest of the batch given back.
    pub stop: Option<Arc<AtomicBool>>,
}

/// Hears of the work as it goes on.
pub type Progress = Arc<dyn Fn(&IndexProgress) + Send + Sync>;

impl Default for IndexOptions {
    fn default() -> Self {
        Self { batch: 32, lease: Duration::from_secs(120), max_failures: 5, progress: None, stop: None }
    }
}

impl fmt::Debug for IndexOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexOptions").field("batch", &self.batch).field("lease", &self.lease).finish_non_exhaustive()
    }
}

/// How far the work is.
#[derive(Debug, Clone)]
pub struct IndexProgress {
    /// What was done so far.
    pub report: IndexReport,
    /// How many changes waited when it began.
    pub waited: u64,
    /// How long it has taken.
    pub elapsed: Duration,
}

/// What indexing did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexReport {
    /// Records whose points are of their newest generation now.
    pub records: u64,
    /// Records whose points were removed with them.
    pub deleted: u64,
    /// Points written.
    pub chunks: u64,
    /// Texts that were embedded for them.
    pub embedded: u64,
    /// Points whose vector was there already, since their text did not change.
    pub reused: u64,
    /// Changes that failed and are tried again later.
    pub failed: u64,
    /// Changes that failed for good.
    pub set_aside: u64,
    /// Changes that another worker took over.
    pub lost: u64,
    /// Changes that wait still, such as those that failed.
    pub waiting: u64,
    /// Why the first failure was.
    pub error: Option<String>,
    /// Of what kind that was.
    #[serde(skip)]
    pub error_kind: Option<ErrorKind>,
    /// Whether it was stopped while more may have been due.
    pub stopped: bool,
}

impl IndexReport {
    /// Grows with each change that comes any further.
    fn progress(&self) -> u64 {
        self.records + self.deleted + self.chunks + self.set_aside
    }

    /// Both together; what waits, and why, is the later one's.
    #[must_use]
    pub fn and(self, later: &Self) -> Self {
        Self {
            records: self.records + later.records,
            deleted: self.deleted + later.deleted,
            chunks: self.chunks + later.chunks,
            embedded: self.embedded + later.embedded,
            reused: self.reused + later.reused,
            failed: self.failed + later.failed,
            set_aside: self.set_aside + later.set_aside,
            lost: self.lost + later.lost,
            waiting: later.waiting,
            error_kind: self.error_kind.or(later.error_kind),
            error: self.error.or_else(|| later.error.clone()),
            stopped: later.stopped,
        }
    }
}

impl KnowledgeBase {
    /// Brings the points of all records that changed up to date, until nothing is due.
    ///
    /// Many workers may do so at the same time. A worker that is stopped in the middle loses nothing: what it held is due again when its
    /// lease ends. A record that cannot be indexed is set aside and holds nobody up. Where nothing succeeds any longer, such as while the
    /// embedder does not answer, it ends, and the report says why. What takes longer than half of the lease is written step by step.
    ///
    /// Costs per batch: one claim, one read of the records, one of their points, the embedder's calls for texts that changed, one write.
    pub async fn index(&self, options: &IndexOptions) -> Result<IndexReport> {
        self.alive(self.index_here(options).await).await
    }

    async fn index_here(&self, options: &IndexOptions) -> Result<IndexReport> {
        let began = Instant::now();
        let claim = ClaimOptions { limit: options.batch.clamp(1, 200), lease: options.lease };
        let queue = self.parts.queue()?;
        let subscription = &self.version.subscription;
        let waited = if options.progress.is_some() { queue.queue_status(subscription).await?.waiting } else { 0 };
        let mut report = IndexReport::default();
        let mut terms = Terms {
            began,
            lease: options.lease,
            max_failures: options.max_failures.max(1),
            pace: None,
            stop: options.stop.clone(),
        };
        let mut fruitless = 0;
        while fruitless < FRUITLESS {
            report.stopped = terms.is_stopped();
            if report.stopped {
                break;
            }
            terms.began = Instant::now();
            let claimed = queue.claim_changes(subscription, &claim).await?;
            if claimed.is_empty() {
                break;
            }
            let before = (report.failed, report.progress());
            write::carry_out(self, claimed, &mut terms, &mut report).await?;
            let failed = report.failed > before.0 && report.progress() == before.1;
            fruitless = if failed { fruitless + 1 } else { 0 };
            if let Some(progress) = &options.progress {
                progress(&IndexProgress { report: report.clone(), waited, elapsed: began.elapsed() });
            }
        }
        report.waiting = queue.queue_status(subscription).await?.waiting;
        Ok(report)
    }
}
