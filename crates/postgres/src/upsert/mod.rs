//! Creating, merging and replacing records.
//!
//! Merging by top-level keys and replacing are decided by the server, in one statement ([`direct`]). What a caller can ask
//! beyond that (deep merges, keys to remove, an expected generation) is decided by core, between a read and a guarded write
//! ([`decided`]). Both write in the same way ([`write`]): in order of the external id, so that no two writers wait for each
//! other, and only over the generation that was seen, so that no writer overwrites what it has not seen. A row that another
//! writer was quicker to change is decided again, in the same transaction.

mod decided;
mod direct;
mod outcome;
mod write;

pub(crate) use outcome::position;
pub(crate) use write::BY_KEY;

use crate::{store::Shared, transacting::Line};
use mastra_core::{
    Entity, NewRecord, Result, UpsertMode, UpsertOptions, UpsertReport,
    upsert::{RecordChange, plan},
};
use std::{borrow::Cow, collections::HashSet};

/// How often a row may be lost to other writers before the call gives up with a retryable `Conflict`.
const ATTEMPTS: usize = 64;

/// Writes a batch into an entity, in the connection's transaction.
pub(crate) async fn upsert(
    line: &mut Line<'_>,
    shared: &Shared,
    entity: &Entity,
    records: &[NewRecord],
    options: &UpsertOptions,
) -> Result<UpsertReport> {
    if records.is_empty() {
        return Ok(UpsertReport::default());
    }
    if needs_core(records, options) {
        let changes = plan(records, options)?;
        return decided::upsert(line.conn(), shared, entity, &changes).await;
    }
    let rows = rows(records, options)?;
    direct::upsert(line, shared, entity, &rows, options.mode).await
}

/// Whether what a record becomes has to be decided by core.
fn needs_core(records: &[NewRecord], options: &UpsertOptions) -> bool {
    options.mode == UpsertMode::DeepMerge
        || records.iter().any(|record| !record.remove_keys.is_empty() || record.expected_generation.is_some())
}

/// One record of a batch that repeats no id.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) external_id: Cow<'a, str>,
    pub(crate) entity_type: Option<Cow<'a, str>>,
    pub(crate) data: Cow<'a, serde_json::Value>,
}

/// The batch without repeated ids; copies data only where ids repeat.
fn rows<'a>(records: &'a [NewRecord], options: &UpsertOptions) -> Result<Vec<Row<'a>>> {
    let mut seen = HashSet::with_capacity(records.len());
    if records.iter().all(|record| seen.insert(record.external_id.as_str())) {
        let rows = records.iter().map(|record| Row {
            external_id: Cow::Borrowed(record.external_id.as_str()),
            entity_type: record.entity_type.as_deref().map(Cow::Borrowed),
            data: Cow::Borrowed(&record.data),
        });
        return Ok(rows.collect());
    }
    let rows = plan(records, options)?.into_iter().map(|mut change: RecordChange| Row {
        data: Cow::Owned(change.patches.pop().unwrap_or_default()),
        external_id: Cow::Owned(change.external_id),
        entity_type: change.entity_type.map(Cow::Owned),
    });
    Ok(rows.collect())
}
