//! Indexing: what a worker does with the queue, beside the same writes by hand.

use super::{
    corpus::Corpus,
    counting::Counting,
    homes::wrong,
    load::{Piece, open},
    side::{Home, RawKnowledge as _, Stores},
};
use crate::bench::measure::{Figures, Measure, Spent, timed};
use mastra_core::{Error, Result};
use mastra_rag::knowledge::{IndexOptions, IndexReport, KnowledgeBase};
use std::sync::Arc;

/// Records that one side indexes before it is the other's turn.
const TURN: usize = 200;

/// Figures of indexing, and what a re-run costs.
pub(super) struct Indexing<'a, H> {
    pub(super) home: &'a H,
    pub(super) corpus: &'a Corpus,
    pub(super) embedder: &'a Arc<Counting>,
    /// Records of a round.
    pub(super) records: usize,
    pub(super) figures: &'a mut Figures,
    /// Calls of the embedder by re-runs: of what is unchanged, of what changed beside its text.
    pub(super) calls: (u64, u64),
}

impl<H: Home> Indexing<'_, H> {
    /// One round on fresh stores; with a graph that is there from the beginning, or built after the load.
    pub(super) async fn round(&mut self, number: usize, graph: bool) -> Result<()> {
        let done = self.measure(number, graph).await;
        // Whatever failed, nothing stays behind.
        self.embedder.forget();
        let removed = self.home.remove(number).await;
        done.and(removed)
    }

    async fn measure(&mut self, number: usize, graph: bool) -> Result<()> {
        let stores = self.home.ours(number).await?;
        let raw = self.home.raw(number, graph).await?;
        let base = open(&stores, self.embedder).await?;
        if !graph {
            self.home.without_graph(&stores, &base.version().index).await?;
        }
        let (new, touched) = match (self.home.has_graph(), graph) {
            (true, true) => ("index_into_graph", None),
            _ => ("index_records", Some("index_touched")),
        };
        self.pieces(number, new, None, &stores, &base, &raw).await?;
        if let Some(touched) = touched {
            self.rerun(&stores, &base).await?;
            let before = self.embedder.counts().0;
            self.pieces(number, touched, Some(number), &stores, &base, &raw).await?;
            self.calls.1 += self.embedder.counts().0 - before;
        }
        drop(base);
        raw.close().await?;
        stores.engine.close().await
    }

    /// All records, piece by piece, by turns; where they were touched, with another field and the texts that they had.
    async fn pieces(
        &mut self,
        number: usize,
        name: &'static str,
        touched: Option<usize>,
        stores: &Stores,
        base: &KnowledgeBase,
        raw: &H::Raw,
    ) -> Result<()> {
        let (mut our_time, mut raw_time) = (Spent::default(), Spent::default());
        for (step, first) in (0..self.records).step_by(TURN).enumerate() {
            let mut piece = Piece::of(self.corpus, first..self.records.min(first + TURN), self.embedder)?;
            if let Some(round) = touched {
                piece = piece.touched(round);
            }
            piece.load_ours(stores).await?;
            raw.load(&piece.raw).await?;
            let options = IndexOptions::default();
            let batch = usize::try_from(options.batch).unwrap_or(1);
            let ours_first = (number + step).is_multiple_of(2);
            for ours_now in [ours_first, !ours_first] {
                if ours_now {
                    let report = timed(&mut our_time, base.index(&options)).await?;
                    same(&piece, touched.is_some(), &report)?;
                } else {
                    let work = async {
                        piece.cut()?;
                        raw.index(batch, &piece.chunks).await
                    };
                    if timed(&mut raw_time, work).await? != piece.count {
                        return Err(wrong("the twin wrote another number of points"));
                    }
                }
            }
        }
        self.figures.add(name, "records", self.records, our_time, raw_time);
        Ok(())
    }

    /// The same records once more: nothing may be embedded.
    async fn rerun(&mut self, stores: &Stores, base: &KnowledgeBase) -> Result<()> {
        let before = self.embedder.counts().0;
        for first in (0..self.records).step_by(TURN) {
            let piece = Piece::of(self.corpus, first..self.records.min(first + TURN), self.embedder)?;
            piece.load_ours(stores).await?;
        }
        let report = base.index(&IndexOptions::default()).await?;
        self.calls.0 += self.embedder.counts().0 - before;
        if report.records > 0 {
            return Err(Error::internal("records that did not change were indexed again").with("records", report.records));
        }
        Ok(())
    }

    /// What re-runs cost; an error where anything was embedded again.
    pub(super) fn calls(&self) -> Result<Vec<Measure>> {
        let measure = |name, calls: u64, note: &str| Measure {
            name,
            value: calls as f64,
            unit: "calls",
            at_most: Some(0.0),
            note: note.to_owned(),
        };
        if self.calls != (0, 0) {
            return Err(Error::internal("texts that did not change were embedded again")
                .with("calls_unchanged", self.calls.0)
                .with("calls_touched", self.calls.1));
        }
        Ok(vec![
            measure("embedding_calls_unchanged", self.calls.0, "all records synced and indexed again, in all rounds"),
            measure(
                "embedding_calls_touched",
                self.calls.1,
                "all records with another field, their texts unchanged, in all rounds",
            ),
        ])
    }
}

fn same(piece: &Piece, touched: bool, report: &IndexReport) -> Result<()> {
    let records = report.records == piece.ours.len() as u64 && report.chunks == piece.count as u64;
    let settled = (report.failed, report.set_aside, report.lost, report.waiting) == (0, 0, 0, 0);
    if records && settled && (!touched || report.embedded == 0) {
        return Ok(());
    }
    Err(Error::internal("a round of indexing did something else than it was given").with("report", format!("{report:?}")))
}
