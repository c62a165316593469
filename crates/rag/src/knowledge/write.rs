//! One batch of claimed changes: read, cut, embed what is new, write, settle.

use super::{
    KnowledgeBase,
    indexer::IndexReport,
    point,
    prepare::{Batch, Job, prepare},
};
use mastra_core::{
    Error, ErrorKind, Record, RecordId, RecordStore as _, Result,
    changes::{QueuedChange, Requeue, SettleReport, Settlement, SettlementOutcome},
    vector::{PointSelector, PointUpsertOptions, VectorOperations},
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a transaction that met another is run again.
const ATTEMPTS: u32 = 7;
/// The longest that a change waits after a failure.
const LONGEST: Duration = Duration::from_secs(300);
/// The most texts that are embedded before the clock is looked at; and how many at first, while nobody knows how long they take.
const TEXTS: (usize, usize) = (4_096, 256);

/// How a batch is written: bounds of one worker.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) began: Instant,
    pub(super) lease: Duration,
    pub(super) max_failures: u32,
    /// How many texts a second were embedded last.
    pub(super) pace: Option<f64>,
    /// Asks for the end of the work.
    pub(super) stop: Option<Arc<AtomicBool>>,
}

impl Terms {
    /// Whether so much of the lease has gone that another may claim the changes while they are written.
    fn is_late(&self) -> bool {
        self.began.elapsed() > self.lease.mul_f64(0.75)
    }

    /// Whether it is time to write what there is: half of the lease is over, or the work is to stop.
    pub(super) fn is_half_over(&self) -> bool {
        self.began.elapsed() > self.lease / 2 || self.is_stopped()
    }

    /// Whether the work is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// How many texts to embed at once: what takes a quarter of the lease, and less where earlier attempts took too long.
    pub(super) fn texts_at_once(&self, failures: u32) -> usize {
        let (most, first) = TEXTS;
        match self.pace {
            Some(pace) => ((pace * self.lease.as_secs_f64() / 4.0) as usize).clamp(1, most),
            None => (first >> failures.saturating_mul(2).min(8)).max(1),
        }
    }

    /// Learns how long texts take.
    pub(super) fn took(&mut self, texts: usize, time: Duration) {
        self.pace = Some(texts as f64 / time.as_secs_f64().max(1e-6));
    }

    /// Done; should a lease have lapsed, once more when its worker cannot be writing any longer.
    fn done(&self) -> SettlementOutcome {
        SettlementOutcome::Done { repeat_after: self.lease.saturating_mul(2) }
    }
}

/// Carries claimed changes out. What fails is settled as failed, what there was no time for is given back; an error means that the engine
/// itself could not be asked.
pub(super) async fn carry_out(
    base: &KnowledgeBase,
    claimed: Vec<QueuedChange>,
    terms: &mut Terms,
    report: &mut IndexReport,
) -> Result<()> {
    let records = records(base, &claimed).await?;
    let mut jobs = Vec::with_capacity(claimed.len());
    for change in claimed {
        let record = records.get(&change.record_id).cloned();
        let pieces = record.as_ref().map_or_else(|| Ok(Vec::new()), |record| base.parts.source.pieces(record));
        match pieces {
            Ok(pieces) => jobs.push(Job { change, record, pieces }),
            Err(error) => failed(base, &[change], &error, terms, report).await?,
        }
    }
    // What failed before is tried in ever smaller company: a text that a server never answers holds nobody else up.
    let company = |job: &Job| match job.change.failures {
        0 => usize::MAX,
        1 => 8,
        _ => 1,
    };
    jobs.sort_by_key(|job| std::cmp::Reverse(company(job)));
    let mut first = true;
    while let Some(most) = jobs.first().map(company) {
        if !first && terms.is_half_over() {
            return release(base, &jobs).await;
        }
        let count = jobs.iter().take(most).take_while(|job| company(job) == most).count();
        let later = jobs.split_off(count);
        together(base, jobs, terms, report).await?;
        (jobs, first) = (later, false);
    }
    Ok(())
}

/// The records of the changes as they are now, by their ids.
async fn records(base: &KnowledgeBase, claimed: &[QueuedChange]) -> Result<HashMap<RecordId, Record>> {
    let ids: Vec<String> = claimed.iter().map(|change| change.external_id.clone()).collect();
    match base.parts.engine.get_records_by_external_ids(&base.entity(), &ids).await {
        // The entity is gone, and everything of it.
        Err(error) if error.is_not_found() => Ok(HashMap::new()),
        found => Ok(found?.into_iter().map(|record| (record.id, record)).collect()),
    }
}

/// Gives back what there was no time for.
async fn release(base: &KnowledgeBase, jobs: &[Job]) -> Result<()> {
    let settlements: Vec<Settlement> = jobs.iter().map(|job| job.change.settle(SettlementOutcome::Release)).collect();
    base.parts.queue()?.settle_changes(&base.version.subscription, &settlements).await.map(drop)
}

/// Carries jobs out in one write. Where that fails for a reason that lies in one of them, each is tried alone.
async fn together(base: &KnowledgeBase, jobs: Vec<Job>, terms: &mut Terms, report: &mut IndexReport) -> Result<()> {
    match attempt(base, &jobs, terms, report).await {
        Ok(()) => Ok(()),
        Err(error) if jobs.len() > 1 && !is_passing(&error) => {
            let mut left = jobs.as_slice();
            while let Some((job, later)) = left.split_first() {
                if left.len() < jobs.len() && terms.is_half_over() {
                    return release(base, left).await;
                }
                if let Err(error) = attempt(base, std::slice::from_ref(job), terms, report).await {
                    failed(base, std::slice::from_ref(&job.change), &error, terms, report).await?;
                }
                left = later;
            }
            Ok(())
        }
        Err(error) => {
            let changes: Vec<QueuedChange> = jobs.into_iter().map(|job| job.change).collect();
            failed(base, &changes, &error, terms, report).await
        }
    }
}

async fn attempt(base: &KnowledgeBase, jobs: &[Job], terms: &mut Terms, report: &mut IndexReport) -> Result<()> {
    let batch = prepare(base, jobs, terms).await?;
    let settled = write(base, jobs, &batch, terms).await?;
    report.lost += settled.lost;
    for (job, _) in jobs.iter().zip(&batch.whole).filter(|(_, whole)| **whole) {
        *(if job.record.is_some() { &mut report.records } else { &mut report.deleted }) += 1;
    }
    report.chunks += batch.points.len() as u64;
    report.embedded += batch.embedded;
    report.reused += (batch.points.len() as u64).saturating_sub(batch.embedded);
    if let Some(error) = &batch.error {
        let unfinished = batch.whole.iter().filter(|whole| !**whole).count() as u64;
        told_of(base, unfinished, error, report);
        report.failed += unfinished;
    }
    Ok(())
}

/// Writes the points and settles the changes: in one transaction where the store shares the database.
async fn write(base: &KnowledgeBase, jobs: &[Job], batch: &Batch, terms: &Terms) -> Result<SettleReport> {
    let outcome = |change: &QueuedChange, whole: bool| match &batch.error {
        _ if whole => terms.done(),
        Some(error) => again(change, error),
        None => SettlementOutcome::Release,
    };
    let settlements: Vec<Settlement> =
        jobs.iter().zip(&batch.whole).map(|(job, whole)| job.change.settle(outcome(&job.change, *whole))).collect();
    if base.together {
        // However late it is: who lost a lease meanwhile cannot settle, and then nothing is written.
        for attempt in 0..ATTEMPTS {
            match commit(base, batch, &settlements).await {
                Err(error) if error.kind() == ErrorKind::Conflict && error.is_retryable() => {
                    tokio::time::sleep(Duration::from_millis(5 << attempt)).await;
                }
                done => return done,
            }
        }
        return commit(base, batch, &settlements).await;
    }
    if terms.is_late() {
        // What another may be writing by now is not written.
        return Err(
            Error::timeout("embedding took longer than the lease allows: smaller batches, or a longer lease").retryable(true)
        );
    }
    let (queue, subscription) = (base.parts.queue()?, base.version.subscription.as_str());
    apply(base, &*base.parts.vectors, batch).await?;
    let settled = queue.settle_changes(subscription, &settlements).await?;
    if settled.lost > 0 {
        // Written behind one who knew better, and who may have been through with it for long.
        let records = jobs.iter().map(|job| (job.change.record_id, job.change.external_id.clone())).collect();
        queue.requeue_changes(subscription, &Requeue::Records(records)).await?;
    }
    Ok(settled)
}

/// Points and queue in one transaction. Where another worker took over, nothing is written.
async fn commit(base: &KnowledgeBase, batch: &Batch, settlements: &[Settlement]) -> Result<SettleReport> {
    let transaction = base.parts.engine.begin().await?;
    let vectors = transaction.vectors().ok_or_else(|| Error::internal("the engine's transactions hold no vectors"))?;
    apply(base, &vectors, batch).await?;
    drop(vectors);
    let queue = transaction.changes().ok_or_else(|| Error::internal("the transaction has no queue"))?;
    let settled = queue.settle_changes(&base.version.subscription, settlements).await?;
    if settled.lost > 0 {
        transaction.rollback().await?;
        return Err(Error::conflict("another worker took over while the points were written"));
    }
    transaction.commit().await?;
    Ok(settled)
}

async fn apply<V: VectorOperations + ?Sized>(base: &KnowledgeBase, vectors: &V, batch: &Batch) -> Result<()> {
    let scope = base.scope();
    if !batch.points.is_empty() {
        let mut options = PointUpsertOptions::new().model(base.version.model.clone());
        if !batch.replaced.is_empty() {
            options = options.replace_where(point::up_to(&batch.replaced)?);
        }
        vectors.upsert(&scope, &batch.points, &options).await?;
    }
    if !batch.removed.is_empty() {
        vectors.delete(&scope, &PointSelector::Filter(point::up_to(&batch.removed)?)).await?;
    }
    Ok(())
}

/// Whether trying again may help, whatever the records are.
pub(super) fn is_passing(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::PermissionDenied)
}

/// Settles changes as failed: what may pass waits, longer each time; what cannot is set aside.
async fn failed(
    base: &KnowledgeBase,
    changes: &[QueuedChange],
    error: &Error,
    terms: &Terms,
    report: &mut IndexReport,
) -> Result<()> {
    let mut settlements = Vec::with_capacity(changes.len());
    for change in changes {
        let hopeless = error.kind() == ErrorKind::InvalidInput || change.failures.saturating_add(1) >= terms.max_failures;
        let outcome = if hopeless && !is_passing(error) {
            SettlementOutcome::SetAside { error: told(error) }
        } else {
            again(change, error)
        };
        settlements.push(change.settle(outcome));
    }
    let settled = base.parts.queue()?.settle_changes(&base.version.subscription, &settlements).await?;
    report.failed += settled.returned;
    report.set_aside += settled.set_aside;
    report.lost += settled.lost;
    told_of(base, changes.len() as u64, error, report);
    Ok(())
}

/// Later, and later each time.
fn again(change: &QueuedChange, error: &Error) -> SettlementOutcome {
    let after = Duration::from_secs(1 << change.failures.min(9)).min(LONGEST);
    SettlementOutcome::Retry { after, error: told(error) }
}

fn told_of(base: &KnowledgeBase, changes: u64, error: &Error, report: &mut IndexReport) {
    tracing::warn!(knowledge = base.name(), changes, kind = %error.kind(), "changes could not be indexed");
    if report.error.is_none() {
        report.error = Some(told(error));
        report.error_kind = Some(error.kind());
    }
}

/// An error without its context, which may speak of data.
fn told(error: &Error) -> String {
    format!("{}: {}", error.kind(), error.message())
}
