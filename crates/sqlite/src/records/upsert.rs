//! Upserts: read what is stored, decide in core, write what changed.
//!
//! The writer's lock is held from the first read, so that what was decided still holds when it is written: no race to guard.

use super::{
    stored::{self, StoredRow},
    write::{self, Change, Document, Row},
};
use crate::{entities::Known, finish, row};
use mastra_core::{
    Error, NewRecord, RecordId, Result, UpsertMode, UpsertOptions, UpsertReport, UpsertedRecord,
    upsert::{self, Decision, RecordChange, Stored},
};
use serde_json::Value;
use sqlx::SqliteConnection;
use std::collections::HashSet;

/// A batch made ready before the writer is waited for: each record folded with its repeats, its document written as text.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    lines: Vec<Line<'a>>,
}

#[derive(Debug)]
struct Line<'a> {
    source: Source<'a>,
    /// The one document, as text, where the record was mentioned once.
    text: Option<String>,
    finish: bool,
}

#[derive(Debug)]
enum Source<'a> {
    /// Mentioned once: what it does to a stored record is planned when there is one.
    Single(&'a NewRecord, UpsertMode),
    /// Mentioned several times, or in a batch with such.
    Folded(RecordChange),
}

impl<'a> Draft<'a> {
    pub(crate) fn new(records: &'a [NewRecord], options: &UpsertOptions) -> Result<Self> {
        let mut seen = HashSet::with_capacity(records.len());
        let distinct = records.iter().all(|record| seen.insert(record.external_id.as_str()));
        let lines = if distinct {
            let single = |record: &'a NewRecord| {
                let (text, finish) = (write::text(&record.data)?, finish::needs_core(&record.data));
                Ok(Line { source: Source::Single(record, options.mode), text: Some(text), finish })
            };
            records.iter().map(single).collect::<Result<_>>()?
        } else {
            let folded = |change| Line { source: Source::Folded(change), text: None, finish: false };
            upsert::plan(records, options)?.into_iter().map(folded).collect()
        };
        Ok(Self { lines })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl Line<'_> {
    fn external_id(&self) -> &str {
        match &self.source {
            Source::Single(record, _) => &record.external_id,
            Source::Folded(change) => &change.external_id,
        }
    }

    /// Whether the stored record is as the draft asks, told without reading the document: the same text is the same document, and
    /// no way of merging a document with itself changes it.
    fn is_stored(&self, stored: &StoredRow) -> bool {
        let Source::Single(record, _) = &self.source else { return false };
        !stored.deleted
            && record.expected_generation.is_none()
            && record.remove_keys.is_empty()
            && record.entity_type.as_ref().is_none_or(|entity_type| *entity_type == stored.entity_type)
            && self.text.as_ref() == Some(&stored.data)
    }

    fn decide(&self, stored: Option<&StoredRow>) -> Result<Decision> {
        let planned;
        let change = match &self.source {
            Source::Folded(change) => change,
            Source::Single(record, mode) => {
                planned = upsert::plan(std::slice::from_ref(*record), &UpsertOptions::from(*mode))?;
                planned.first().ok_or_else(|| Error::internal("a record was planned away"))?
            }
        };
        let Some(stored) = stored else { return change.decide(None) };
        let data = if stored.deleted { Value::Null } else { row::parse(&stored.data)? };
        let (entity_type, generation, deleted) = (stored.entity_type.clone(), stored.generation, stored.deleted);
        change.decide(Some(&Stored { data, entity_type, generation, deleted }))
    }
}

/// Carries out a batch on one entity.
pub(crate) async fn upsert(connection: &mut SqliteConnection, known: &Known, draft: Draft<'_>) -> Result<UpsertReport> {
    let mut report = UpsertReport::default();
    if draft.is_empty() {
        return Ok(report);
    }
    let stored = stored::by_external_id(connection, known.key, draft.lines.iter().map(Line::external_id)).await?;
    let mut changes = Vec::new();
    for (line, stored) in draft.lines.into_iter().zip(stored) {
        let external_id = line.external_id().to_owned();
        let (list, id) = match stored {
            None => {
                let change = line.create(known)?;
                let id = change.id;
                changes.push(change);
                (&mut report.created, id)
            }
            Some(stored) => {
                let (id, revived) = (stored.id, stored.deleted);
                match line.change(known, stored)? {
                    None => (&mut report.unchanged, id),
                    Some(change) => {
                        changes.push(change);
                        (if revived { &mut report.created } else { &mut report.updated }, id)
                    }
                }
            }
        };
        list.push(UpsertedRecord { external_id, id });
    }
    write::apply(connection, known, changes).await?;
    Ok(report)
}

impl Line<'_> {
    /// The new row of a record that is not there.
    fn create(mut self, known: &Known) -> Result<Change> {
        let id = RecordId::generate();
        // A document mentioned once is stored as it is: there is nothing to read, nothing to merge with.
        if let Source::Single(record, _) = &self.source
            && record.expected_generation.is_none_or(|expected| expected == 0)
            && let Some(text) = self.text.take()
        {
            let entity_type = record.entity_type.as_ref().unwrap_or(&known.entity.name).clone();
            let document = Document { data: &record.data, text, finish: self.finish };
            return Ok(Change::new(known, id, Row::New { external_id: record.external_id.clone() }, entity_type, document));
        }
        let Decision::Create { data, entity_type } = self.decide(None)? else {
            return Err(Error::internal("a record that is not there was not created"));
        };
        let entity_type = entity_type.unwrap_or_else(|| known.entity.name.clone());
        let row = Row::New { external_id: self.external_id().to_owned() };
        Ok(Change::new(known, id, row, entity_type, Document::of(&data)?))
    }

    /// What becomes of a stored record; `None` where it stays as it is.
    fn change(self, known: &Known, stored: StoredRow) -> Result<Option<Change>> {
        if self.is_stored(&stored) {
            return Ok(None);
        }
        let (data, entity_type) = match self.decide(Some(&stored))? {
            Decision::Unchanged => return Ok(None),
            Decision::Create { data, entity_type } => (data, entity_type.unwrap_or_else(|| known.entity.name.clone())),
            Decision::Update { data, entity_type } => (data, entity_type),
        };
        let row = Row::Stored { key: stored.key, updated_at: stored.updated_at };
        Ok(Some(Change::new(known, stored.id, row, entity_type, Document::of(&data)?)))
    }
}
