//! One batch of claimed changes: read, cut, embed what is new, write, settle.

use super::{
    KnowledgeBase,
    indexer::IndexReport,
    pieces::Piece,
    point::{self, About},
};
use crate::embed::EmbedKind;
use mastra_core::{
    Error, ErrorKind, Filter, Record, RecordId, RecordStore as _, Result,
    changes::{QueuedChange, SettleReport, Settlement, SettlementOutcome},
    vector::{Include, NewPoint, PointUpsertOptions, ScrollQuery, VectorOperations},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Points of one page, when those that are there are read.
const PAGE: usize = 1_000;
/// How often a transaction that met another is run again.
const ATTEMPTS: u32 = 7;
/// The longest that a change waits after a failure.
const LONGEST: Duration = Duration::from_secs(300);

/// A claimed change, and the record as it is now; `None` where it is gone.
struct Job {
    change: QueuedChange,
    record: Option<Record>,
    pieces: Vec<Piece>,
}

/// What is to be written for some jobs.
struct Batch {
    points: Vec<NewPoint>,
    /// What those points take the place of.
    replaced: Vec<Filter>,
    /// What goes without anything in its place.
    removed: Vec<Filter>,
}

/// How a batch is written: bounds of one worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) began: Instant,
    pub(super) lease: Duration,
    pub(super) max_failures: u32,
}

impl Terms {
    /// Whether so much of the lease has gone that another may claim the changes while they are written.
    fn is_late(&self) -> bool {
        self.began.elapsed() > self.lease.mul_f64(0.75)
    }

    /// Done; should a lease have lapsed, once more when its worker cannot be writing any longer.
    fn done(&self) -> SettlementOutcome {
        SettlementOutcome::Done { repeat_after: self.lease.saturating_mul(2) }
    }
}

/// Carries claimed changes out. What fails is settled as failed; an error means that the engine itself could not be asked.
pub(super) async fn carry_out(
    base: &KnowledgeBase,
    claimed: Vec<QueuedChange>,
    terms: Terms,
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
    together(base, jobs, terms, report).await
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

/// Carries jobs out in one write. Where that fails for a reason that lies in one of them, each is tried alone.
async fn together(base: &KnowledgeBase, jobs: Vec<Job>, terms: Terms, report: &mut IndexReport) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    match attempt(base, &jobs, terms, report).await {
        Ok(()) => Ok(()),
        Err(error) if jobs.len() > 1 && !is_passing(&error) => {
            for job in jobs {
                if let Err(error) = attempt(base, std::slice::from_ref(&job), terms, report).await {
                    failed(base, &[job.change], &error, terms, report).await?;
                }
            }
            Ok(())
        }
        Err(error) => {
            let changes: Vec<QueuedChange> = jobs.into_iter().map(|job| job.change).collect();
            failed(base, &changes, &error, terms, report).await
        }
    }
}

async fn attempt(base: &KnowledgeBase, jobs: &[Job], terms: Terms, report: &mut IndexReport) -> Result<()> {
    let (batch, spent) = prepare(base, jobs).await?;
    let settled = write(base, jobs, &batch, terms).await?;
    report.lost += settled.lost;
    report.records += jobs.iter().filter(|job| job.record.is_some()).count() as u64;
    report.deleted += jobs.iter().filter(|job| job.record.is_none()).count() as u64;
    report.chunks += batch.points.len() as u64;
    report.embedded += spent;
    report.reused += batch.points.len() as u64 - spent;
    Ok(())
}

/// The points of the jobs, and how many texts had to be embedded for them.
async fn prepare(base: &KnowledgeBase, jobs: &[Job]) -> Result<(Batch, u64)> {
    let mut vectors = known_vectors(base, jobs).await?;
    let mut missing: BTreeMap<&str, String> = BTreeMap::new();
    for piece in jobs.iter().flat_map(|job| &job.pieces) {
        if !vectors.contains_key(&piece.hash) {
            missing.entry(&piece.hash).or_insert_with(|| piece.embedded());
        }
    }
    let texts: Vec<&str> = missing.values().map(String::as_str).collect();
    let embedded = base.parts.embedder.embed(&texts, EmbedKind::Document).await?;
    if embedded.len() != texts.len() {
        return Err(Error::corrupt("the embedder gave another number of vectors than it was given texts"));
    }
    let spent = texts.len() as u64;
    vectors.extend(missing.keys().map(|hash| (*hash).to_owned()).zip(embedded));

    let mut batch = Batch { points: Vec::new(), replaced: Vec::new(), removed: Vec::new() };
    for job in jobs {
        let Some(record) = job.record.as_ref().filter(|_| !job.pieces.is_empty()) else {
            let generation = job.record.as_ref().map_or(job.change.generation, |record| record.generation);
            batch.removed.push(point::up_to(job.change.record_id, generation)?);
            continue;
        };
        batch.replaced.push(point::up_to(record.id, record.generation)?);
        let (data, of) = (base.parts.source.data(record), u32::try_from(job.pieces.len()).unwrap_or(u32::MAX));
        for piece in &job.pieces {
            let vector = vectors.get(&piece.hash).cloned().ok_or_else(|| Error::internal("a text was not embedded"))?;
            batch.points.push(point::of(record, piece, of, vector, &data)?);
        }
    }
    Ok((batch, spent))
}

/// The vectors that the records' points have now, by the digest of what was embedded: what did not change is not embedded again.
async fn known_vectors(base: &KnowledgeBase, jobs: &[Job]) -> Result<HashMap<String, Vec<f32>>> {
    let ids: Vec<String> = jobs.iter().filter(|job| !job.pieces.is_empty()).map(|job| job.change.record_id.to_string()).collect();
    let mut known = HashMap::new();
    if ids.is_empty() {
        return Ok(known);
    }
    let mut query = ScrollQuery::new().filter(Filter::is_in(point::path(point::RECORD)?, ids)?).limit(PAGE).include(Include {
        vector: true,
        metadata: true,
        ..Include::ID
    });
    loop {
        let page = base.parts.vectors.scroll(&base.scope(), &query).await?;
        for found in page.items {
            if let (Some(vector), Some(metadata)) = (found.vector, found.metadata)
                && let Ok(about) = About::read(&metadata)
            {
                known.insert(about.hash, vector.into_vec());
            }
        }
        match page.next_cursor {
            None => return Ok(known),
            cursor => query = query.cursor(cursor),
        }
    }
}

/// Writes the points and settles the changes: in one transaction where the store shares the database.
async fn write(base: &KnowledgeBase, jobs: &[Job], batch: &Batch, terms: Terms) -> Result<SettleReport> {
    let settlements: Vec<Settlement> = jobs.iter().map(|job| job.change.settle(terms.done())).collect();
    let subscription = base.version.subscription.as_str();
    if terms.is_late() {
        // What another may be writing by now is not written.
        return Err(
            Error::timeout("embedding took longer than the lease allows: smaller batches, or a longer lease").retryable(true)
        );
    }
    if !base.together {
        apply(base, &*base.parts.vectors, batch).await?;
        return base.parts.queue()?.settle_changes(subscription, &settlements).await;
    }
    for attempt in 0..ATTEMPTS {
        match commit(base, batch, &settlements).await {
            Err(error) if error.kind() == ErrorKind::Conflict && error.is_retryable() => {
                tokio::time::sleep(Duration::from_millis(5 << attempt)).await;
            }
            done => return done,
        }
    }
    commit(base, batch, &settlements).await
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
        let options =
            PointUpsertOptions::new().replace_where(Filter::or(batch.replaced.clone())).model(base.version.model.clone());
        vectors.upsert(&scope, &batch.points, &options).await?;
    }
    if !batch.removed.is_empty() {
        vectors.delete(&scope, &mastra_core::vector::PointSelector::Filter(Filter::or(batch.removed.clone()))).await?;
    }
    Ok(())
}

/// Whether trying again may help, whatever the records are.
fn is_passing(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::PermissionDenied)
}

/// Settles changes as failed: what may pass waits, longer each time; what cannot is set aside.
async fn failed(
    base: &KnowledgeBase,
    changes: &[QueuedChange],
    error: &Error,
    terms: Terms,
    report: &mut IndexReport,
) -> Result<()> {
    let mut settlements = Vec::with_capacity(changes.len());
    for change in changes {
        let hopeless = error.kind() == ErrorKind::InvalidInput || change.failures.saturating_add(1) >= terms.max_failures;
        let outcome = if hopeless && !is_passing(error) {
            SettlementOutcome::SetAside { error: told(error) }
        } else {
            let after = Duration::from_secs(1 << change.failures.min(9)).min(LONGEST);
            SettlementOutcome::Retry { after, error: told(error) }
        };
        settlements.push(change.settle(outcome));
    }
    tracing::warn!(knowledge = base.name(), changes = changes.len(), kind = %error.kind(), "changes could not be indexed");
    let settled = base.parts.queue()?.settle_changes(&base.version.subscription, &settlements).await?;
    report.failed += settled.returned;
    report.set_aside += settled.set_aside;
    report.lost += settled.lost;
    if report.error.is_none() {
        report.error = Some(told(error));
        report.error_kind = Some(error.kind());
    }
    Ok(())
}

/// An error without its context, which may speak of data.
fn told(error: &Error) -> String {
    format!("{}: {}", error.kind(), error.message())
}
