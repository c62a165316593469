//! Holding points against records, and mending what differs.

use super::{
    KnowledgeBase,
    point::{self, About},
};
use futures::TryStreamExt as _;
use mastra_core::{
    Cursor, ErrorKind, Record, RecordId, RecordQuery, RecordStore as _, Result,
    changes::Requeue,
    number::values_equal,
    vector::{Include, Point, PointSelector, ScrollQuery, VectorOperations as _},
};
use serde::Serialize;
use std::collections::{HashMap, VecDeque};

/// Points read at a time.
const PAGE: usize = 1_000;
/// Records queued at a time, and points that are looked at once more before that.
const QUEUED: usize = 500;
const DOUBTED: usize = 10_000;

/// How to verify.
#[derive(Debug, Clone, Copy, Default)]
pub struct VerifyOptions {
    /// Queue what differs, so that the next indexing mends it.
    pub repair: bool,
}

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// Live records.
    pub records: u64,
    /// Points.
    pub points: u64,
    /// Records without points that have text, or that are not of the format.
    pub missing: u64,
    /// Records whose points are of another generation, another text, or not all there.
    pub stale: u64,
    /// Records that are gone and have points.
    pub ghosts: u64,
    /// Points that no knowledge base made; they are left alone.
    pub foreign: u64,
    /// Records that were queued to be mended.
    pub queued: u64,
}

impl VerifyReport {
    /// Whether everything is as it has to be.
    pub fn is_clean(&self) -> bool {
        self.missing + self.stale + self.ghosts == 0
    }
}

impl KnowledgeBase {
    /// Compares every record with its points, in flat memory, and queues those that differ where it may repair: after a restore of one of
    /// the two stores, say. Nothing is embedded here; [`KnowledgeBase::index`] then is. A record that is being written or indexed
    /// meanwhile may be told as stale.
    ///
    /// Points of generations that their record has not reached are of a history that the engine does not remember, such as after it was restored
    /// from a backup: indexing would never meet them, so that they are removed here.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<VerifyReport> {
        self.alive(self.verify_here(options).await).await
    }

    async fn verify_here(&self, options: &VerifyOptions) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        let mut wanting = Wanting { base: self, repair: options.repair, records: Vec::new(), doubted: Vec::new() };
        let mut points = Points::new(self);
        let stream = self.parts.engine.stream_records(&self.entity(), &RecordQuery::new()).await;
        let mut records = match stream {
            Err(error) if error.is_not_found() => None,
            stream => Some(stream?),
        };
        // Both come in order of the records' ids.
        let mut next = points.next(&mut report).await?;
        loop {
            let record = match &mut records {
                Some(records) => records.try_next().await?,
                None => None,
            };
            while let Some((id, of)) = next.take_if(|(id, _)| record.as_ref().is_none_or(|record| *id < record.id)) {
                report.ghosts += 1;
                wanting.add(id, name(&of), &of, None, &mut report).await?;
                next = points.next(&mut report).await?;
            }
            let Some(record) = record else { break };
            report.records += 1;
            let found = match next.take_if(|(id, _)| *id == record.id) {
                Some((_, found)) => {
                    next = points.next(&mut report).await?;
                    found
                }
                None => Vec::new(),
            };
            match self.compare(&record, &found)? {
                Difference::None => continue,
                Difference::Missing => report.missing += 1,
                Difference::Stale => report.stale += 1,
            }
            wanting.add(record.id, record.external_id.clone(), &found, Some(record.generation), &mut report).await?;
        }
        wanting.flush(&mut report).await?;
        Ok(report)
    }

    fn compare(&self, record: &Record, found: &[Point]) -> Result<Difference> {
        let pieces = match self.parts.source.pieces(record) {
            // Not of the format: indexing sets it aside.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Ok(if found.is_empty() { Difference::Missing } else { Difference::Stale });
            }
            pieces => pieces?,
        };
        if found.is_empty() {
            return Ok(if pieces.is_empty() { Difference::None } else { Difference::Missing });
        }
        let mut expected: HashMap<String, &str> = HashMap::with_capacity(pieces.len());
        for piece in &pieces {
            expected.insert(point::id(record.id, record.generation, piece.order), &piece.hash);
        }
        let data = self.parts.source.data(record);
        let right = |point: &Point| {
            let about = point.metadata.as_ref().and_then(|metadata| About::read(metadata).ok());
            about.is_some_and(|about| {
                expected.get(&point.id).is_some_and(|hash| *hash == about.hash) && values_equal(&about.data, &data)
            })
        };
        Ok(if found.len() == expected.len() && found.iter().all(right) { Difference::None } else { Difference::Stale })
    }
}

enum Difference {
    None,
    Missing,
    Stale,
}

fn name(points: &[Point]) -> String {
    let about = points.iter().find_map(|point| About::read(point.metadata.as_ref()?).ok());
    about.map_or_else(|| "?".to_owned(), |about| about.external_id)
}

/// The points of the namespace, record by record, in order of the records' ids.
struct Points<'b> {
    base: &'b KnowledgeBase,
    page: VecDeque<Point>,
    cursor: Option<Cursor>,
    ended: bool,
}

impl<'b> Points<'b> {
    fn new(base: &'b KnowledgeBase) -> Self {
        Self { base, page: VecDeque::new(), cursor: None, ended: false }
    }

    /// The next record's points, with its id.
    async fn next(&mut self, report: &mut VerifyReport) -> Result<Option<(RecordId, Vec<Point>)>> {
        let mut group: Option<(RecordId, Vec<Point>)> = None;
        loop {
            if self.page.is_empty() && !self.ended {
                self.read().await?;
                continue;
            }
            let Some(point) = self.page.pop_front() else { return Ok(group) };
            let Some(id) = point::record_of(&point.id) else {
                report.points += 1;
                report.foreign += 1;
                continue;
            };
            match &mut group {
                Some((of, _)) if *of != id => {
                    self.page.push_front(point);
                    return Ok(group);
                }
                Some((_, points)) => points.push(point),
                None => group = Some((id, vec![point])),
            }
            report.points += 1;
        }
    }

    async fn read(&mut self) -> Result<()> {
        let include = Include { metadata: true, ..Include::ID };
        let query = ScrollQuery::new().limit(PAGE).include(include).cursor(self.cursor.take());
        let page = self.base.parts.vectors.scroll(&self.base.scope(), &query).await?;
        self.ended = page.next_cursor.is_none();
        self.cursor = page.next_cursor;
        self.page = page.items.into();
        Ok(())
    }
}

/// Records to be queued again.
struct Wanting<'b> {
    base: &'b KnowledgeBase,
    repair: bool,
    records: Vec<(RecordId, String)>,
    /// Points that are newer than their record seemed to be, or of none: record, generation, id.
    doubted: Vec<(RecordId, i64, String)>,
}

impl Wanting<'_> {
    async fn add(
        &mut self,
        id: RecordId,
        external_id: String,
        points: &[Point],
        generation: Option<i64>,
        report: &mut VerifyReport,
    ) -> Result<()> {
        if !self.repair {
            return Ok(());
        }
        let newer = points.iter().filter_map(|point| {
            let of = point::generation_of(&point.id)?;
            generation.is_none_or(|generation| of > generation).then(|| (id, of, point.id.clone()))
        });
        self.doubted.extend(newer);
        self.records.push((id, external_id));
        if self.records.len() >= QUEUED || self.doubted.len() >= DOUBTED {
            self.flush(report).await?;
        }
        Ok(())
    }

    async fn flush(&mut self, report: &mut VerifyReport) -> Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        self.forget().await?;
        let which = Requeue::Records(std::mem::take(&mut self.records));
        let queue = self.base.parts.queue()?;
        report.queued += queue.requeue_changes(&self.base.version.subscription, &which).await?;
        Ok(())
    }

    /// Removes points that no record can have written: a record is of its generation before its points are.
    async fn forget(&mut self) -> Result<()> {
        if self.doubted.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = self.records.iter().map(|(_, external_id)| external_id.clone()).collect();
        let live: HashMap<RecordId, i64> =
            match self.base.parts.engine.get_records_by_external_ids(&self.base.entity(), &names).await {
                Err(error) if error.is_not_found() => HashMap::new(),
                found => found?.into_iter().map(|record| (record.id, record.generation)).collect(),
            };
        let doubted = std::mem::take(&mut self.doubted);
        let nobodys = doubted.into_iter().filter(|(record, of, _)| live.get(record).is_none_or(|generation| of > generation));
        let ids: Vec<String> = nobodys.map(|(_, _, id)| id).collect();
        for ids in ids.chunks(PAGE) {
            self.base.parts.vectors.delete(&self.base.scope(), &PointSelector::Ids(ids.to_vec())).await?;
        }
        Ok(())
    }
}
