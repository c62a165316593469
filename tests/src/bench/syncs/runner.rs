//! One round: both sides sync the same pages by turns, and what they stored is held beside each other.

use super::{
    homes::{Home, RawSync as _},
    raw::{RawCounts, RawInput, RawMode},
    run::Runs,
};
use crate::bench::{
    data::{CONNECTION, Data, Document, ENTITY},
    measure::{Figures, Spent, timed},
};
use mastra_core::{
    Engine, EntityRef, Error, FieldIndexKind, NewRecord, Result, SyncBatch,
    sync::{RunTarget, SyncMode},
};
use mastra_sync::source::{Item, Page};
use serde_json::Value;
use std::sync::Arc;

/// Records of a parent.
const OF_PARENT: usize = 20;
/// Parents of a round.
const PARENTS: usize = 100;

/// What the log grew by with each page of unchanged records, in bytes: in full mode, and in incremental mode.
#[derive(Debug, Default)]
pub(super) struct Logged {
    pub(super) full: Vec<u64>,
    pub(super) incremental: Vec<u64>,
}

/// Both sides in one round, on three pairs of stores one after the other.
pub(super) struct Round<'a, H: Home> {
    pub(super) home: &'a H,
    pub(super) number: usize,
    pub(super) data: &'a Data,
    pub(super) batch: usize,
    /// The figures that were asked for; all where it is empty.
    pub(super) only: &'a [String],
    pub(super) figures: &'a mut Figures,
    pub(super) logged: &'a mut Logged,
}

/// Both sides' stores.
struct Both<H: Home> {
    engine: Arc<dyn Engine>,
    runs: Runs,
    raw: H::Raw,
}

/// What is synced, and what has to become of it: created, updated, unchanged, deleted.
struct Load<'d> {
    name: &'static str,
    mode: RawMode,
    documents: &'d [Document],
    expected: (usize, usize, usize, usize),
}

impl<H: Home> Round<'_, H> {
    pub(super) async fn run(&mut self) -> Result<()> {
        self.full().await?;
        if self.wants("sync_incremental") {
            self.incremental().await?;
        }
        if self.wants("replace_scope") {
            self.parents().await?;
        }
        Ok(())
    }

    /// Whether a figure is wanted whose name begins so.
    fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name.starts_with(figure))
    }

    fn number(&self, store: usize) -> usize {
        self.number * 3 + store
    }

    async fn both(&self, store: usize) -> Result<Both<H>> {
        let number = self.number(store);
        let engine = self.home.ours(number).await?;
        let raw = self.home.raw(number).await?;
        self.home.compare_tables(number).await?;
        Ok(Both { runs: Runs::new(Arc::clone(&engine))?, engine, raw })
    }

    async fn done(&self, store: usize, both: Both<H>) -> Result<()> {
        let number = self.number(store);
        self.home.compare_contents(number).await?;
        let Both { engine, runs, raw } = both;
        drop(runs);
        engine.close().await?;
        raw.close().await?;
        self.home.remove(number).await
    }

    async fn full(&mut self) -> Result<()> {
        let mut both = self.both(0).await?;
        let (data, number) = (self.data, self.number(0));
        let (all, changed) = (data.records.len(), data.records.len().div_ceil(10));
        let left: Vec<Document> =
            data.changed.iter().enumerate().filter(|(at, _)| at % 10 != 5).map(|(_, document)| document.clone()).collect();
        let gone = all - left.len();
        let mode = RawMode::Full;
        let loads = [
            Load { name: "sync_full_initial", mode, documents: &data.records, expected: (all, 0, 0, 0) },
            Load { name: "sync_full_unchanged", mode, documents: &data.records, expected: (0, 0, all, 0) },
            Load { name: "sync_full_10pct_changed", mode, documents: &data.changed, expected: (0, changed, all - changed, 0) },
            Load { name: "sync_full_10pct_deleted", mode, documents: &left, expected: (0, 0, all - gone, gone) },
        ];
        for load in &loads {
            self.sync(&mut both, load).await?;
            self.home.settle(number).await?;
        }
        self.done(0, both).await
    }

    async fn incremental(&mut self) -> Result<()> {
        let mut both = self.both(1).await?;
        let (documents, all, mode) = (&self.data.records, self.data.records.len(), RawMode::Incremental);
        self.sync(&mut both, &Load { name: "sync_incremental_initial", mode, documents, expected: (all, 0, 0, 0) }).await?;
        self.home.settle(self.number(1)).await?;
        self.sync(&mut both, &Load { name: "sync_incremental_unchanged", mode, documents, expected: (0, 0, all, 0) }).await?;
        self.done(1, both).await
    }

    /// Whose turn it is first: sides change with each round and each step.
    fn ours_first(&self, step: usize) -> bool {
        (self.number + step).is_multiple_of(2)
    }

    async fn sync(&mut self, both: &mut Both<H>, load: &Load<'_>) -> Result<()> {
        let (mut ours, mut raw) = (Spent::default(), Spent::default());
        let run = both.runs.begin().await?;
        both.raw.begin_run().await?;
        let builder = || {
            let mode = if load.mode == RawMode::Full { SyncMode::Full } else { SyncMode::Incremental };
            run.context.records(ENTITY).connection(CONNECTION).mode(mode).batch(self.batch).open()
        };
        let mut writer = None;
        for ours_now in [self.ours_first(0), !self.ours_first(0)] {
            if ours_now {
                writer = Some(timed(&mut ours, builder()).await?);
            } else {
                timed(&mut raw, both.raw.open(load.mode)).await?;
            }
        }
        let mut writer = writer.ok_or_else(|| Error::internal("no writer was opened"))?;
        for (step, documents) in load.documents.chunks(self.batch).enumerate() {
            let cursor = format!("{}-{step}", load.name);
            let page = Page::new(documents.iter().map(item)).cursor(cursor.as_str());
            let (mut page, mut rows) = (Some(page), Some(documents.iter().map(input).collect::<Vec<_>>()));
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                if !ours_now {
                    timed(&mut raw, both.raw.page(rows.take().unwrap_or_default(), &cursor)).await?;
                    continue;
                }
                let before = self.home.logged().await?;
                timed(&mut ours, writer.write(page.take().unwrap_or_default())).await?;
                let after = self.home.logged().await?;
                let grown = before.zip(after).map(|(before, after)| after.saturating_sub(before));
                match load.name {
                    "sync_full_unchanged" => self.logged.full.extend(grown),
                    "sync_incremental_unchanged" => self.logged.incremental.extend(grown),
                    _ => {}
                }
            }
        }
        let (mut our_counts, mut raw_counts) = (None, None);
        let mut writer = Some(writer);
        for ours_now in [self.ours_first(1), !self.ours_first(1)] {
            if !ours_now {
                raw_counts = Some(timed(&mut raw, both.raw.complete()).await?);
            } else if let Some(writer) = writer.take() {
                our_counts = Some(counts(&timed(&mut ours, writer.complete()).await?));
            }
        }
        run.end().await?;
        both.raw.finish_run().await?;
        expect(load.name, load.expected, our_counts, raw_counts)?;
        self.figures.add(load.name, "records", load.documents.len(), ours, raw);
        Ok(())
    }

    /// Each parent's records in place of those that it had: one is new, one is gone, one is changed.
    async fn parents(&mut self) -> Result<()> {
        let mut both = self.both(2).await?;
        let name = "replace_scope";
        let parents = self.data.records.len().div_ceil(OF_PARENT).min(PARENTS);
        let (before, after) = families(&self.data.records, parents);
        // The entity has to be there for its index.
        both.engine.sync_records(&SyncBatch::new(ENTITY, CONNECTION, Vec::<NewRecord>::new())).await?;
        let entity = EntityRef::named(ENTITY).in_connection(CONNECTION);
        both.engine.create_field_index(&entity, &"parent".parse()?, FieldIndexKind::Scalar).await?;
        both.raw.index_parent().await?;
        self.replace(&mut both, &before, "replace_scope_initial", None).await?;
        self.home.settle(self.number(2)).await?;
        let total: usize = after.iter().map(|(_, documents)| documents.len()).sum();
        let expected = (parents, parents, total - 2 * parents, parents);
        self.replace(&mut both, &after, name, Some(expected)).await?;
        self.done(2, both).await
    }

    async fn replace(
        &mut self,
        both: &mut Both<H>,
        families: &[(String, Vec<Document>)],
        name: &'static str,
        expected: Option<(usize, usize, usize, usize)>,
    ) -> Result<()> {
        let (mut ours, mut raw) = (Spent::default(), Spent::default());
        let run = both.runs.begin().await?;
        both.raw.begin_run().await?;
        let mut writer = run.context.records(ENTITY).connection(CONNECTION).open().await?;
        both.raw.open(RawMode::Incremental).await?;
        for (step, (parent, documents)) in families.iter().enumerate() {
            let records: Vec<NewRecord> =
                documents.iter().map(|document| NewRecord::new(document.external_id.as_str(), document.data.clone())).collect();
            let (mut records, mut rows) = (Some(records), Some(documents.iter().map(input).collect::<Vec<_>>()));
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                if ours_now {
                    let records = records.take().unwrap_or_default();
                    timed(&mut ours, writer.replace_scope("parent", parent.as_str(), records)).await?;
                } else {
                    timed(&mut raw, both.raw.replace(parent, rows.take().unwrap_or_default())).await?;
                }
            }
        }
        let our_counts = counts(&writer.complete().await?);
        let raw_counts = both.raw.complete().await?;
        run.end().await?;
        both.raw.finish_run().await?;
        let total = families.iter().map(|(_, documents)| documents.len()).sum();
        expect(name, expected.unwrap_or((total, 0, 0, 0)), Some(our_counts), Some(raw_counts))?;
        self.figures.add(name, "records", total, ours, raw);
        Ok(())
    }
}

/// Parents with their records, as they are first and as they are then.
#[allow(clippy::type_complexity, reason = "two of one kind")]
fn families(records: &[Document], parents: usize) -> (Vec<(String, Vec<Document>)>, Vec<(String, Vec<Document>)>) {
    let mut both = (Vec::new(), Vec::new());
    for (number, documents) in records.chunks_exact(OF_PARENT).take(parents).enumerate() {
        let parent = format!("p{number}");
        let mut first = documents.to_vec();
        first.iter_mut().for_each(|document| set(document, "parent", parent.as_str().into()));
        let mut then = first.clone();
        if let Some(document) = then.first_mut() {
            document.external_id.push_str("-new");
        }
        if let Some(document) = then.last_mut() {
            set(document, "stage", "reopened".into());
        }
        both.0.push((parent.clone(), first));
        both.1.push((parent, then));
    }
    both
}

fn set(document: &mut Document, field: &str, value: Value) {
    if let Value::Object(data) = &mut document.data {
        data.insert(field.to_owned(), value);
    }
}

fn item(document: &Document) -> Item {
    Item::record(document.external_id.as_str(), document.data.clone())
}

fn input(document: &Document) -> RawInput {
    RawInput { external_id: document.external_id.clone(), data: document.data.clone() }
}

fn counts(target: &RunTarget) -> RawCounts {
    let counts = target.counts;
    RawCounts { created: counts.created, updated: counts.updated, unchanged: counts.unchanged, deleted: counts.deleted }
}

fn expect(
    name: &str,
    (created, updated, unchanged, deleted): (usize, usize, usize, usize),
    ours: Option<RawCounts>,
    raw: Option<RawCounts>,
) -> Result<()> {
    let count = |count: usize| count as u64;
    let expected =
        RawCounts { created: count(created), updated: count(updated), unchanged: count(unchanged), deleted: count(deleted) };
    for (side, counted) in [("the engine", ours), ("the twin", raw)] {
        if counted != Some(expected) {
            return Err(Error::internal("a sync did not do what it was to do")
                .with("figure", name)
                .with("side", side)
                .with("counted", format!("{counted:?}"))
                .with("expected", format!("{expected:?}")));
        }
    }
    Ok(())
}
