//! One round: both sides do the same work by turns, and their results are held beside each other.

use super::{
    backend::Backend,
    data::{Data, Document, bound},
    measure::{Figures, Spent, timed},
    twin::{Counts, Ours, Seen, Twin},
};
use mastra_core::{Error, Result};
use serde_json::Value;

/// How much work a round is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) batch: usize,
    pub(super) pages: usize,
    pub(super) lookups: usize,
}

/// What the log grew by with each unchanged batch, in bytes.
pub(super) type Logged = Vec<u64>;

/// Pages that one side reads before it is the other's turn.
const PAGES: usize = 20;
/// Look-ups likewise.
const LOOKUPS: usize = 100;

/// Both sides in one round.
pub(super) struct Round<'a, B: Backend> {
    pub(super) backend: &'a B,
    pub(super) number: usize,
    pub(super) data: &'a Data,
    pub(super) work: Work,
    /// The figures that were asked for; all where it is empty.
    pub(super) only: &'a [String],
    pub(super) figures: &'a mut Figures,
    pub(super) logged: &'a mut Logged,
}

/// What both sides took.
#[derive(Debug, Default)]
struct Both {
    ours: Spent,
    raw: Spent,
}

impl<B: Backend> Round<'_, B> {
    pub(super) async fn run(&mut self) -> Result<()> {
        let mut ours = self.backend.ours(self.number).await?;
        let mut raw = self.backend.raw(self.number).await?;
        self.backend.compare(self.number).await?;
        let data = self.data;
        let all = data.records.len();
        self.sync(&mut ours, &mut raw, "sync_initial", &data.records, true, (all, 0, 0)).await?;
        self.backend.settle(self.number).await?;
        if self.wants("sync_unchanged") {
            self.sync(&mut ours, &mut raw, "sync_unchanged", &data.records, false, (0, 0, all)).await?;
        }
        if self.wants("get_filtered_sorted_page") {
            self.pages(&mut ours, &mut raw, "get_filtered_sorted_page").await?;
        }
        if self.wants("get_by_external_id") {
            self.lookups(&mut ours, &mut raw).await?;
        }
        if self.wants("get_all_by_entity") {
            self.all(&mut ours, &mut raw).await?;
        }
        if self.wants("sync_10pct_changed") {
            let changed = all.div_ceil(10);
            self.sync(&mut ours, &mut raw, "sync_10pct_changed", &data.changed, true, (0, changed, all - changed)).await?;
            same_stores(&mut ours, &mut raw, all).await?;
            self.backend.settle(self.number).await?;
        }
        if self.wants("get_filtered_sorted_page_indexed") {
            ours.index_amount().await?;
            raw.index_amount().await?;
            self.backend.settle(self.number).await?;
            self.pages(&mut ours, &mut raw, "get_filtered_sorted_page_indexed").await?;
        }
        ours.close().await?;
        raw.close().await?;
        self.backend.remove(self.number).await?;
        if self.wants("sync_bulk")
            && let Some(bulk) = self.backend.bulk(self.number, &data.records).await?
        {
            self.figures.add("sync_bulk", "records", all, bulk.ours, bulk.raw);
        }
        Ok(())
    }

    fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == figure)
    }

    /// Whose turn it is first: sides change with each round and each step, so that neither always finds the caches warm.
    fn ours_first(&self, step: usize) -> bool {
        (self.number + step).is_multiple_of(2)
    }

    async fn sync(
        &mut self,
        ours: &mut Ours,
        raw: &mut B::Raw,
        name: &'static str,
        documents: &[Document],
        moves_cursor: bool,
        expected: Counts,
    ) -> Result<()> {
        let mut spent = Both::default();
        let (mut our_counts, mut raw_counts) = (Counts::default(), Counts::default());
        for (step, documents) in documents.chunks(self.work.batch).enumerate() {
            let cursor = moves_cursor.then(|| format!("{name}-{step}"));
            let (our_batch, raw_batch) = (Ours::batch(documents, cursor.clone()), B::Raw::batch(documents, cursor));
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                if !ours_now {
                    add(&mut raw_counts, timed(&mut spent.raw, raw.sync(&raw_batch)).await?);
                    continue;
                }
                let before = self.backend.logged().await?;
                add(&mut our_counts, timed(&mut spent.ours, ours.sync(&our_batch)).await?);
                let after = self.backend.logged().await?;
                if name == "sync_unchanged" {
                    self.logged.extend(before.zip(after).map(|(before, after)| after.saturating_sub(before)));
                }
            }
        }
        for (side, counted) in [("the engine", our_counts), ("the twin", raw_counts)] {
            if counted != expected {
                return Err(differ(name)
                    .with("side", side)
                    .with("counted", format!("{counted:?}"))
                    .with("expected", format!("{expected:?}")));
            }
        }
        self.figures.add(name, "records", documents.len(), spent.ours, spent.raw);
        Ok(())
    }

    async fn pages(&mut self, ours: &mut Ours, raw: &mut B::Raw, name: &'static str) -> Result<()> {
        let mut spent = Both::default();
        let numbers: Vec<usize> = (0..self.work.pages).map(|page| self.number * self.work.pages + page).collect();
        // Once untimed: statements get prepared, plans made.
        ours.page("won", bound(0)).await?;
        raw.page("won", bound(0)).await?;
        for (step, numbers) in numbers.chunks(PAGES).enumerate() {
            let (mut our_pages, mut raw_pages) = (Vec::new(), Vec::new());
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                for number in numbers {
                    if ours_now {
                        our_pages.push(timed(&mut spent.ours, ours.page("won", bound(*number))).await?);
                    } else {
                        raw_pages.push(timed(&mut spent.raw, raw.page("won", bound(*number))).await?);
                    }
                }
            }
            for (ours, raw) in our_pages.into_iter().zip(raw_pages) {
                let ours: Vec<Seen> = ours.into_iter().map(Ours::seen).collect();
                let raw: Vec<Seen> = raw.into_iter().map(B::Raw::seen).collect();
                if ours != raw || ours.is_empty() {
                    return Err(differ(name).with("ours", ours.len()).with("raw", raw.len()));
                }
            }
        }
        self.figures.add(name, "pages", self.work.pages, spent.ours, spent.raw);
        Ok(())
    }

    async fn lookups(&mut self, ours: &mut Ours, raw: &mut B::Raw) -> Result<()> {
        let name = "get_by_external_id";
        let mut spent = Both::default();
        let all = self.data.records.len();
        // A step through all of them that shares no factor with their number jumps about and meets each once.
        let ids = (0..self.work.lookups).map(|number| (self.number * self.work.lookups + number) * 7_919 % all);
        let ids: Vec<&str> =
            ids.filter_map(|at| self.data.records.get(at)).map(|document| document.external_id.as_str()).collect();
        for (step, ids) in ids.chunks(LOOKUPS).enumerate() {
            let (mut our_records, mut raw_records) = (Vec::new(), Vec::new());
            for ours_now in [self.ours_first(step), !self.ours_first(step)] {
                for id in ids {
                    if ours_now {
                        our_records.push(timed(&mut spent.ours, ours.by_external_id(id)).await?);
                    } else {
                        raw_records.push(timed(&mut spent.raw, raw.by_external_id(id)).await?);
                    }
                }
            }
            if !our_records.into_iter().map(Ours::seen).eq(raw_records.into_iter().map(B::Raw::seen)) {
                return Err(differ(name));
            }
        }
        self.figures.add(name, "look-ups", ids.len(), spent.ours, spent.raw);
        Ok(())
    }

    async fn all(&mut self, ours: &mut Ours, raw: &mut B::Raw) -> Result<()> {
        let name = "get_all_by_entity";
        let mut spent = Both::default();
        let (mut our_sum, mut raw_sum) = (Sum::default(), Sum::default());
        for ours_now in [self.ours_first(0), !self.ours_first(0)] {
            if ours_now {
                timed(&mut spent.ours, ours.all(|record| our_sum.add(&record.data))).await?;
            } else {
                timed(&mut spent.raw, raw.all(|record| raw_sum.add(&B::Raw::seen(record).data))).await?;
            }
        }
        if our_sum != raw_sum || our_sum.rows != self.data.records.len() {
            return Err(differ(name).with("ours", our_sum.rows).with("raw", raw_sum.rows));
        }
        self.figures.add(name, "records", our_sum.rows, spent.ours, spent.raw);
        Ok(())
    }
}

/// What a reader makes of the records it streams: enough that none of them can be skipped.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    rows: usize,
    amounts: usize,
    letters: usize,
}

impl Sum {
    fn add(&mut self, data: &Value) {
        self.rows += 1;
        self.amounts += usize::from(data.get("amount").is_some_and(Value::is_number));
        self.letters += data.get("notes").and_then(Value::as_str).map_or(0, str::len);
    }
}

fn add(total: &mut Counts, more: Counts) {
    total.0 += more.0;
    total.1 += more.1;
    total.2 += more.2;
}

/// Both stores hold the same documents, down to the last value.
pub(super) async fn same_stores<R: Twin>(ours: &mut Ours, raw: &mut R, expected: usize) -> Result<()> {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    ours.all(|record| left.push(Ours::seen(record))).await?;
    raw.all(|record| right.push(R::seen(record))).await?;
    left.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    right.sort_by(|a, b| a.external_id.cmp(&b.external_id));
    if left != right || left.len() != expected {
        return Err(differ("get_all_by_entity").with("ours", left.len()).with("raw", right.len()));
    }
    Ok(())
}

fn differ(name: &'static str) -> Error {
    Error::internal("the engine and its hand-written twin gave different results").with("figure", name)
}
