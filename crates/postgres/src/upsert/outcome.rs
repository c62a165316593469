//! What became of each record of a batch.

use crate::error::driver;
use mastra_core::{Error, RecordId, Result, UpsertReport, UpsertedRecord};
use sqlx::{Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Unchanged,
    Created,
    Updated,
}

/// What became of the records of a batch so far, by position.
#[derive(Debug)]
pub(super) struct Outcomes(Vec<Option<(Outcome, RecordId)>>);

impl Outcomes {
    pub(super) fn new(length: usize) -> Self {
        Self(vec![None; length])
    }

    pub(super) fn set(&mut self, position: usize, outcome: Outcome, id: RecordId) -> Result<()> {
        let slot = self.0.get_mut(position).ok_or_else(|| Error::internal("the server answered for a record not asked about"))?;
        *slot = Some((outcome, id));
        Ok(())
    }

    /// The positions that are still to be decided: other writers were quicker.
    pub(super) fn pending(&self) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, outcome)| outcome.is_none()).map(|(position, _)| position).collect()
    }

    /// The report, in the order of the batch.
    pub(super) fn report<'a>(self, external_ids: impl Iterator<Item = &'a str>) -> UpsertReport {
        let mut report = UpsertReport::default();
        for ((outcome, id), external_id) in self.0.into_iter().flatten().zip(external_ids) {
            let list = match outcome {
                Outcome::Unchanged => &mut report.unchanged,
                Outcome::Created => &mut report.created,
                Outcome::Updated => &mut report.updated,
            };
            list.push(UpsertedRecord { external_id: external_id.to_owned(), id });
        }
        report
    }
}

/// A record that a statement wrote.
#[derive(Debug)]
pub(super) struct Written {
    /// Its position among the rows that the statement was given, from 0.
    pub(super) position: usize,
    pub(super) id: Uuid,
    /// The entity's text fields, read under a lock that holds off a new declaration; `None` where the entity is gone.
    pub(super) text_fields: Option<Vec<String>>,
    /// The whole new data, where there are text fields.
    pub(super) data: Option<serde_json::Value>,
}

impl Written {
    /// From the first columns of a row: position (from 1), id, text fields and data.
    pub(super) fn read(row: &PgRow) -> Result<Self> {
        Self::decode(row).map_err(driver)
    }

    fn decode(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            position: position(row.try_get(0)?),
            id: row.try_get(1)?,
            text_fields: row.try_get(2)?,
            data: row.try_get::<Option<Json<_>>, _>(3)?.map(|data| data.0),
        })
    }
}

/// A position from 0, of `WITH ORDINALITY`'s from 1.
pub(crate) fn position(ordinality: i64) -> usize {
    usize::try_from(ordinality - 1).unwrap_or(usize::MAX)
}
