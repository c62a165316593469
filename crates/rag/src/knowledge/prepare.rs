//! From claimed changes to the points that are to be written: what is new is embedded, as far as the lease allows.

use super::{
    KnowledgeBase,
    pieces::Piece,
    point::{self, About},
    write::{Terms, is_passing},
};
use crate::embed::EmbedKind;
use mastra_core::{
    Error, Filter, Record, RecordId, Result,
    changes::QueuedChange,
    vector::{Include, NewPoint, ScrollQuery, VectorOperations as _},
};
use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

/// Points of one page, when those that are there are read.
const PAGE: usize = 1_000;

/// A claimed change, and the record as it is now; `None` where it is gone.
pub(super) struct Job {
    pub(super) change: QueuedChange,
    pub(super) record: Option<Record>,
    pub(super) pieces: Vec<Piece>,
}

/// What is to be written for some jobs.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) points: Vec<NewPoint>,
    /// What those points take the place of: records, and up to which generation.
    pub(super) replaced: Vec<(RecordId, i64)>,
    /// What goes without anything in its place.
    pub(super) removed: Vec<(RecordId, i64)>,
    /// Of each job, whether all its points are here. What is here of the others is true as well, and found again by the next who
    /// claims them: so a record of any size is embedded step by step.
    pub(super) whole: Vec<bool>,
    /// Texts that were embedded.
    pub(super) embedded: u64,
    /// Why not all were, where that was not for lack of time.
    pub(super) error: Option<Error>,
}

/// Vectors that are there, by the digest of what was embedded.
#[derive(Default)]
struct Known {
    vectors: HashMap<String, Vec<f32>>,
    /// The ids of the points that they were read from.
    ids: HashSet<String>,
}

/// The points of the jobs. Embeds until half of the lease is over; an error is one that came before anything was embedded, or that does not pass.
pub(super) async fn prepare(base: &KnowledgeBase, jobs: &[Job], terms: &mut Terms) -> Result<Batch> {
    let mut known = known(base, jobs).await?;
    let mut batch = Batch::default();
    // In order of the jobs, so that as many as possible are whole.
    let mut asked: HashSet<&str> = HashSet::new();
    let missing: Vec<&Piece> = jobs
        .iter()
        .flat_map(|job| &job.pieces)
        .filter(|piece| !known.vectors.contains_key(&piece.hash) && asked.insert(&piece.hash))
        .collect();
    let failures = jobs.iter().map(|job| job.change.failures).max().unwrap_or_default();
    let mut left = missing.as_slice();
    while !left.is_empty() {
        if batch.embedded > 0 && terms.is_half_over() {
            break;
        }
        let (now, later) = left.split_at(terms.texts_at_once(failures).min(left.len()));
        match embed(base, now, terms).await {
            Ok(vectors) => known.vectors.extend(now.iter().map(|piece| piece.hash.clone()).zip(vectors)),
            // What was paid for is kept.
            Err(error) if batch.embedded > 0 && is_passing(&error) => {
                batch.error = Some(error);
                break;
            }
            Err(error) => return Err(error),
        }
        batch.embedded += now.len() as u64;
        left = later;
    }
    for job in jobs {
        add(base, &mut batch, job, &known)?;
    }
    Ok(batch)
}

async fn embed(base: &KnowledgeBase, pieces: &[&Piece], terms: &mut Terms) -> Result<Vec<Vec<f32>>> {
    let texts: Vec<String> = pieces.iter().map(|piece| piece.embedded()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let began = Instant::now();
    let vectors = base.parts.embedder.embed(&texts, EmbedKind::Document).await?;
    if vectors.len() != texts.len() {
        return Err(Error::corrupt("the embedder gave another number of vectors than it was given texts"));
    }
    terms.took(texts.len(), began.elapsed());
    Ok(vectors)
}

/// Adds what is known of a job's points.
fn add(base: &KnowledgeBase, batch: &mut Batch, job: &Job, known: &Known) -> Result<()> {
    let whole = job.pieces.iter().all(|piece| known.vectors.contains_key(&piece.hash));
    batch.whole.push(whole);
    let Some(record) = job.record.as_ref().filter(|_| !job.pieces.is_empty()) else {
        let generation = job.record.as_ref().map_or(job.change.generation, |record| record.generation);
        batch.removed.push((job.change.record_id, generation));
        return Ok(());
    };
    if whole {
        batch.replaced.push((record.id, record.generation));
    }
    let (data, of) = (base.parts.source.data(record), u32::try_from(job.pieces.len()).unwrap_or(u32::MAX));
    for piece in &job.pieces {
        let there = !whole && known.ids.contains(&point::id(record.id, record.generation, piece.order));
        if let Some(vector) = known.vectors.get(&piece.hash).filter(|_| !there) {
            batch.points.push(point::of(record, piece, of, vector.clone(), &data)?);
        }
    }
    Ok(())
}

/// The vectors that the records' points have now: what did not change is not embedded again.
async fn known(base: &KnowledgeBase, jobs: &[Job]) -> Result<Known> {
    let ids: Vec<String> = jobs.iter().filter(|job| !job.pieces.is_empty()).map(|job| job.change.record_id.to_string()).collect();
    let mut known = Known::default();
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
                known.vectors.insert(about.hash, vector.into_vec());
                known.ids.insert(found.id);
            }
        }
        match page.next_cursor {
            None => return Ok(known),
            cursor => query = query.cursor(cursor),
        }
    }
}
