//! What sequential upserts come to, written down without core's own code.

use mastra_core::{NewRecord, UpsertMode};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Live records by external id: data and entity type.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    entity: String,
    live: BTreeMap<String, (Value, String)>,
}

impl Model {
    pub(crate) fn new(entity: &str) -> Self {
        Self { entity: entity.to_owned(), live: BTreeMap::new() }
    }

    pub(crate) const fn live(&self) -> &BTreeMap<String, (Value, String)> {
        &self.live
    }

    pub(crate) fn delete(&mut self, external_id: &str) {
        self.live.remove(external_id);
    }

    /// One record, alone.
    pub(crate) fn upsert(&mut self, record: &NewRecord, mode: UpsertMode) {
        let (old, old_type) = match self.live.get(&record.external_id) {
            Some((Value::Object(data), entity_type)) => (data.clone(), entity_type.clone()),
            _ => (Map::new(), self.entity.clone()),
        };
        let new = record.data.as_object().cloned().unwrap_or_default();
        let kept = || {
            old.iter()
                .filter(|(key, _)| !record.remove_keys.contains(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let data = match mode {
            UpsertMode::Replace => new,
            UpsertMode::Merge => joined(kept(), new, false),
            UpsertMode::DeepMerge => joined(kept(), new, true),
        };
        let entity_type = record.entity_type.clone().unwrap_or(old_type);
        self.live.insert(record.external_id.clone(), (Value::Object(data), entity_type));
    }

    /// The ids of a batch that are new, changed, and as they were, by comparing two states.
    pub(crate) fn compared_with(&self, before: &Self, batch: &[NewRecord]) -> [BTreeSet<String>; 3] {
        let mut lists = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        let [created, updated, unchanged] = &mut lists;
        for record in batch {
            let id = &record.external_id;
            match (before.live.get(id), self.live.get(id)) {
                (None, _) => created.insert(id.clone()),
                (old, new) if old == new => unchanged.insert(id.clone()),
                _ => updated.insert(id.clone()),
            };
        }
        lists
    }
}

fn joined(mut base: Map<String, Value>, patch: Map<String, Value>, deep: bool) -> Map<String, Value> {
    for (key, value) in patch {
        let value = match (base.remove(&key), value) {
            (Some(Value::Object(inner)), Value::Object(patch)) if deep => Value::Object(joined(inner, patch, true)),
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}
