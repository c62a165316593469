//! A dry run: what an import would do, found by reading only.

use mastra_core::{
    EntityRef, NewRecord, OptionalExt as _, RecordStore, Result, UpsertOptions,
    upsert::{Decision, Stored, plan},
};
use std::collections::HashMap;

/// What would become of the records of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }

    pub(crate) fn total(self) -> u64 {
        self.created + self.updated + self.unchanged
    }
}

/// Decides a batch as the engine would, against what is stored now. An id that comes again in a later batch is compared with
/// what is stored each time.
pub(crate) async fn rehearse<S>(engine: &S, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<Tally>
where
    S: RecordStore + ?Sized,
{
    let changes = plan(records, options)?;
    let ids: Vec<String> = changes.iter().map(|change| change.external_id.clone()).collect();
    let found = engine.get_records_by_external_ids(entity, &ids).await.optional()?.unwrap_or_default();
    let stored: HashMap<String, Stored> = found
        .into_iter()
        .map(|record| {
            let stored =
                Stored { data: record.data, entity_type: record.entity_type, generation: record.generation, deleted: false };
            (record.external_id, stored)
        })
        .collect();
    let mut tally = Tally::default();
    for change in changes {
        match change.decide(stored.get(&change.external_id))? {
            Decision::Create { .. } => tally.created += 1,
            Decision::Update { .. } => tally.updated += 1,
            Decision::Unchanged => tally.unchanged += 1,
        }
    }
    Ok(tally)
}
