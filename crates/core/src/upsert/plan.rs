//! Deciding what an upsert does, as pure functions; backends carry it out.

use super::{UpsertMode, UpsertOptions, deep_merge, shallow_merge};
use crate::{
    error::{Error, Result},
    number::values_equal,
    record::NewRecord,
};
use serde_json::Value;
use std::collections::HashMap;

/// All that one call asks of one record: a batch that repeats an external id is folded into one change.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// The id that its source gives it.
    pub external_id: String,
    /// The new entity type; `None` keeps what is stored, or takes the entity's name.
    pub entity_type: Option<String>,
    /// How `patches` meet what is stored.
    pub mode: UpsertMode,
    /// Top-level keys to remove before the patches.
    pub remove_keys: Vec<String>,
    /// Documents to apply in order: exactly one under `Merge` and `Replace`, one a mention under `DeepMerge`.
    pub patches: Vec<Value>,
    /// The generation that must be stored; 0 for no live record.
    pub expected_generation: Option<i64>,
}

/// What is stored of a record, as deciding needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its data.
    pub data: Value,
    /// Its entity type.
    pub entity_type: String,
    /// Its generation.
    pub generation: i64,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

/// What to do with one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Insert it, or revive the tombstone, with exactly this data. `entity_type` is `None` for the entity's name.
    Create {
        /// The whole new data.
        data: Value,
        /// The entity type, where the change names one.
        entity_type: Option<String>,
    },
    /// Rewrite it with exactly this data and entity type.
    Update {
        /// The whole new data.
        data: Value,
        /// The new entity type.
        entity_type: String,
    },
    /// Leave the row alone.
    Unchanged,
}

/// Folds a batch into one change a record, in the order of first mention, so that the end equals sequential calls.
///
/// An id that is repeated with an expected generation is `InvalidInput`: after the first write the second could not hold.
pub fn plan(records: &[NewRecord], options: &UpsertOptions) -> Result<Vec<RecordChange>> {
    let mut changes: Vec<RecordChange> = Vec::with_capacity(records.len());
    let mut positions: HashMap<&str, usize> = HashMap::with_capacity(records.len());
    for record in records {
        match positions.get(record.external_id.as_str()).and_then(|position| changes.get_mut(*position)) {
            None => {
                positions.insert(&record.external_id, changes.len());
                changes.push(RecordChange::new(record, options.mode));
            }
            Some(change) => change.follow(record)?,
        }
    }
    Ok(changes)
}

impl RecordChange {
    fn new(record: &NewRecord, mode: UpsertMode) -> Self {
        Self {
            external_id: record.external_id.clone(),
            entity_type: record.entity_type.clone(),
            mode,
            remove_keys: record.remove_keys.clone(),
            patches: vec![record.data.clone()],
            expected_generation: record.expected_generation,
        }
    }

    fn follow(&mut self, record: &NewRecord) -> Result<()> {
        if record.expected_generation.is_some() || self.expected_generation.is_some() {
            return Err(Error::invalid_input("a batch repeats an external id that carries an expected generation")
                .with("externalId", &self.external_id));
        }
        if record.entity_type.is_some() {
            self.entity_type.clone_from(&record.entity_type);
        }
        match (self.mode, self.patches.last_mut()) {
            (UpsertMode::Merge, Some(patch)) => {
                remove(patch, &record.remove_keys);
                shallow_merge(patch, record.data.clone());
                self.remove_keys.extend(record.remove_keys.iter().cloned());
            }
            (UpsertMode::Replace, Some(patch)) => *patch = record.data.clone(),
            // Deep merges do not compose: `{a: 1}` then `{a: {b: 2}}` drops what `a` held before, their merge does not.
            // Removals between two patches are rare enough to apply to the stored and the patched keys alike.
            _ => {
                self.patches.iter_mut().for_each(|patch| remove(patch, &record.remove_keys));
                self.remove_keys.extend(record.remove_keys.iter().cloned());
                self.patches.push(record.data.clone());
            }
        }
        Ok(())
    }

    /// The data that results from what is stored; `None` for no live record.
    pub fn apply(&self, stored: Option<&Value>) -> Value {
        let mut data = match (self.mode, stored) {
            (UpsertMode::Replace, _) | (_, None) => Value::Object(serde_json::Map::new()),
            (_, Some(stored)) => stored.clone(),
        };
        remove(&mut data, &self.remove_keys);
        for patch in &self.patches {
            match self.mode {
                UpsertMode::DeepMerge => deep_merge(&mut data, patch.clone()),
                UpsertMode::Merge | UpsertMode::Replace => shallow_merge(&mut data, patch.clone()),
            }
        }
        data
    }

    /// Decides, from what is stored. `Conflict` where the generation is not the expected one.
    ///
    /// ```
    /// use mastra_core::{NewRecord, upsert::{Decision, UpsertOptions, plan}};
    /// use serde_json::json;
    ///
    /// let changes = plan(&[NewRecord::new("1", json!({ "a": 1 }))], &UpsertOptions::default())?;
    /// let decision = changes[0].decide(None)?;
    /// assert_eq!(decision, Decision::Create { data: json!({ "a": 1 }), entity_type: None });
    /// # Ok::<(), mastra_core::Error>(())
    /// ```
    pub fn decide(&self, stored: Option<&Stored>) -> Result<Decision> {
        let live = stored.filter(|stored| !stored.deleted);
        if let Some(expected) = self.expected_generation {
            let found = live.map_or(0, |stored| stored.generation);
            if found != expected {
                return Err(Error::conflict("the record has another generation than expected; read it and decide again")
                    .with("externalId", &self.external_id)
                    .with("expected", expected)
                    .with("found", found));
            }
        }
        let data = self.apply(live.map(|stored| &stored.data));
        let Some(stored) = live else {
            return Ok(Decision::Create { data, entity_type: self.entity_type.clone() });
        };
        let entity_type = self.entity_type.as_ref().unwrap_or(&stored.entity_type);
        if values_equal(&data, &stored.data) && *entity_type == stored.entity_type {
            return Ok(Decision::Unchanged);
        }
        Ok(Decision::Update { data, entity_type: entity_type.clone() })
    }
}

/// Key by key: a pass over the document would cost its length for each of the keys.
fn remove(data: &mut Value, keys: &[String]) {
    if let Value::Object(map) = data {
        for key in keys {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, Instant};

    #[test]
    fn many_removals_of_one_record_fold_in_time_that_grows_with_their_number() {
        let count = 20_000;
        let mention = |at: usize| {
            let removed = if at > 0 { format!("k{}", at - 1) } else { "stored".to_owned() };
            NewRecord::new("1", json!({ format!("k{at}"): at })).remove_keys([removed, format!("absent{at}")])
        };
        let mut batch = vec![NewRecord::new("1", (0..count).map(|at| (format!("s{at}"), json!(at))).collect())];
        batch.extend((0..count).map(mention));
        let began = Instant::now();
        let changes = plan(&batch, &UpsertOptions::default()).unwrap();
        let data = changes[0].apply(Some(&json!({ "stored": 1, "kept": 2 })));
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!(data.as_object().unwrap().len(), count + 2);
        assert_eq!((&data["kept"], &data["k19999"], data.get("stored")), (&json!(2), &json!(19_999), None));
    }
}
