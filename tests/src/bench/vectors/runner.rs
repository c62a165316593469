//! One round: both sides do the same work by turns, and every answer is held beside the right one.

use super::backend::{RawVectors, VectorBackend};
use crate::bench::measure::{Figures, Spent, timed};
use mastra_conformance::bench::{Among, BenchOptions, Concurrency, DataSet, Found, Truth, Work, Workload, mean_recall};
use mastra_core::{Error, Result};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

/// Both sides in one round.
pub(super) struct Round<'a, B: VectorBackend> {
    pub(super) backend: &'a B,
    pub(super) number: usize,
    pub(super) data: &'a DataSet,
    pub(super) truth: &'a Truth<'a>,
    pub(super) options: &'a BenchOptions,
    /// The figures that were asked for; all where it is empty.
    pub(super) only: &'a [String],
    pub(super) figures: &'a mut Figures,
}

/// Questions that one side answers before it is the other's turn.
const fn turn(concurrency: Concurrency) -> usize {
    match concurrency {
        Concurrency::One => 25,
        // Long enough for the last task of a turn, which works alone, to weigh little.
        Concurrency::Sixteen => 250,
    }
}

impl<B: VectorBackend> Round<'_, B> {
    /// Gives back how neighbours are found.
    pub(super) async fn run(&mut self) -> Result<&'static str> {
        let store = self.backend.ours(self.number).await?;
        let raw = self.backend.raw(self.number, self.data.dimension()).await?;
        let ours = Workload::new(&store, self.data, self.options)?;
        ours.create().await?;
        self.upsert(&ours, &raw).await?;
        self.backend.settle(self.number).await?;
        for work in Work::ALL {
            if let Work::Query(among, concurrency) = work
                && (self.only.is_empty() || self.only.iter().any(|only| only == work.name()))
            {
                self.queries(work, among, concurrency, &ours, &raw).await?;
            }
        }
        let kind = ours.kind();
        store.close().await?;
        raw.close().await?;
        self.backend.remove(self.number).await?;
        Ok(kind)
    }

    fn ours_first(&self, step: usize) -> bool {
        (self.number + step).is_multiple_of(2)
    }

    async fn upsert(&mut self, ours: &Workload, raw: &B::Raw) -> Result<()> {
        let (mut our_time, mut raw_time) = (Spent::default(), Spent::default());
        for (step, points) in self.data.points().chunks(self.options.batch.max(1)).enumerate() {
            let batch = B::Raw::batch(points);
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                if ours_now {
                    timed(&mut our_time, ours.upsert(points)).await?;
                } else {
                    timed(&mut raw_time, raw.upsert(&batch)).await?;
                }
            }
        }
        ours.check_count(self.data.points().len()).await?;
        let work = Work::Upsert;
        self.figures.add(work.name(), work.unit(), self.data.points().len(), our_time, raw_time);
        Ok(())
    }

    async fn queries(&mut self, work: Work, among: Among, concurrency: Concurrency, ours: &Workload, raw: &B::Raw) -> Result<()> {
        let (mut our_time, mut raw_time) = (Spent::default(), Spent::default());
        let (mut our_found, mut raw_found) = (Vec::new(), Vec::new());
        let questions: Arc<[Vec<f32>]> = self.data.questions().into();
        let count = questions.len();
        // Untimed: connections are opened, statements prepared, plans made.
        let warm = 0..count.min(concurrency.tasks() * 10);
        ours.ask(among, concurrency, warm.clone()).await?;
        ask(raw, among, concurrency, &questions, warm).await?;
        for (step, first) in (0..count).step_by(turn(concurrency)).enumerate() {
            let range = first..count.min(first + turn(concurrency));
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                if ours_now {
                    our_found.extend(timed(&mut our_time, ours.ask(among, concurrency, range.clone())).await?);
                } else {
                    let asked = ask(raw, among, concurrency, &questions, range.clone());
                    raw_found.extend(timed(&mut raw_time, asked).await?);
                }
            }
        }
        let judge = |side: &str, found: &[Found]| {
            if found.len() != count {
                return Err(Error::internal("a question was not answered").with("figure", work.name()).with("side", side));
            }
            mean_recall(self.truth, among, found).map_err(|error| error.with("figure", work.name()).with("side", side))
        };
        let recall = (judge("ours", &our_found)?, judge("raw", &raw_found)?);
        self.figures.add(work.name(), work.unit(), count, our_time, raw_time);
        self.figures.found(work.name(), recall);
        Ok(())
    }
}

/// As [`Workload::ask`], of the hand-written side.
async fn ask<R: RawVectors>(
    raw: &R,
    among: Among,
    concurrency: Concurrency,
    questions: &Arc<[Vec<f32>]>,
    range: Range<usize>,
) -> Result<Vec<Found>> {
    let next = Arc::new(AtomicUsize::new(range.start));
    if concurrency == Concurrency::One {
        return answer(raw, among, questions, &next, range.end).await;
    }
    let mut tasks = JoinSet::new();
    for _ in 0..concurrency.tasks() {
        let (raw, questions, next, end) = (raw.clone(), Arc::clone(questions), Arc::clone(&next), range.end);
        tasks.spawn(async move { answer(&raw, among, &questions, &next, end).await });
    }
    let mut found = Vec::with_capacity(range.len());
    while let Some(done) = tasks.join_next().await {
        found.extend(done.map_err(|source| Error::internal("a task of the benchmark panicked").with_source(source))??);
    }
    Ok(found)
}

async fn answer<R: RawVectors>(
    raw: &R,
    among: Among,
    questions: &[Vec<f32>],
    next: &AtomicUsize,
    end: usize,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(question) = questions.get(number).filter(|_| number < end) else { return Ok(found) };
        let hits = raw.ask(among, question).await?;
        found.push(Found { question: number, ids: hits.into_iter().map(|hit| hit.id).collect(), exact: R::is_exact(among) });
    }
}
