//! Every operation that changes something.
//!
//! Each decides all that it will do before it writes anything, so that a call which fails inside a transaction leaves no half of
//! itself behind.

use crate::state::{Reader, State, index_key};
use crate::table::View;
use chrono::TimeDelta;
use mastra_core::{
    DeleteReport, Entity, EntityDeletion, EntityId, EntityRef, EntityUpdate, Error, FieldIndex, FieldIndexKind, NewEntity,
    NewRecord, Path, PurgeOptions, Record, RecordId, RecordSelector, Result, SyncBatch, SyncReport, UpsertOptions, UpsertReport,
    UpsertedRecord,
    number::values_equal,
    time::Timestamp,
    upsert::{Decision, RecordChange, Stored, plan},
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The one writer of a store.
#[derive(Debug)]
pub(crate) struct Writer<'s> {
    pub(crate) state: &'s mut State,
    /// As a sequence: what a rolled back transaction took is not given again.
    pub(crate) generations: &'s AtomicI64,
    /// A sequence too, of runs and targets.
    pub(crate) sync_numbers: &'s AtomicI64,
    /// The time of the call, by the store's clock.
    pub(crate) now: Timestamp,
}

/// One decided change of an upsert.
struct Step {
    external_id: String,
    stored: Option<Arc<Record>>,
    decision: Decision,
}

impl Writer<'_> {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { state: self.state, view: View::Pending, now: self.now }
    }

    pub(crate) fn next_generation(&self) -> i64 {
        self.generations.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn next_sync_number(&self) -> i64 {
        self.sync_numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The time of a change that follows `previous`, as core's function of that name has it, by the store's clock.
    fn next_after(&self, previous: Timestamp) -> Timestamp {
        let behind = previous.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(previous);
        self.now.max(behind)
    }

    pub(crate) fn create_entity(&mut self, new: &NewEntity) -> Result<Entity> {
        self.refuse_name(&new.name, &new.connection_id)?;
        Ok(self.insert_entity(new))
    }

    fn refuse_name(&self, name: &str, connection_id: &str) -> Result<()> {
        match self.reader().named(name, connection_id).first() {
            None => Ok(()),
            Some(entity) => Err(Error::already_exists("the connection has an entity of this name").with("entity", entity.id)),
        }
    }

    pub(crate) fn insert_entity(&mut self, new: &NewEntity) -> Entity {
        let created_at = self.now;
        let entity = Entity {
            id: EntityId::generate(),
            name: new.name.clone(),
            connection_id: new.connection_id.clone(),
            last_sync_id: None,
            schema: new.schema.clone(),
            text_fields: Vec::new(),
            created_at,
            updated_at: created_at,
        };
        self.put_entity(entity.clone());
        entity
    }

    fn put_entity(&mut self, entity: Entity) {
        self.state.names.put((entity.name.clone(), entity.connection_id.clone()), entity.id);
        self.state.entities.put(entity.id, entity);
    }

    pub(crate) fn update_entity(&mut self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        let old = self.reader().entity(entity)?;
        let mut new = old.clone();
        if let Some(name) = &update.name {
            new.name.clone_from(name);
        }
        if let Some(last_sync_id) = &update.last_sync_id {
            new.last_sync_id.clone_from(last_sync_id);
        }
        if let Some(schema) = &update.schema {
            new.schema.clone_from(schema);
        }
        if new.name != old.name {
            self.refuse_name(&new.name, &new.connection_id)?;
        }
        Ok(self.change_entity(old, new))
    }

    /// Writes the entity if anything of it changed.
    fn change_entity(&mut self, old: Entity, mut new: Entity) -> Entity {
        if same_schema(old.schema.as_ref(), new.schema.as_ref()) {
            new.schema.clone_from(&old.schema);
        }
        if new == old {
            return old;
        }
        if new.name != old.name {
            self.state.names.remove((old.name, old.connection_id));
        }
        new.updated_at = self.next_after(old.updated_at);
        self.put_entity(new.clone());
        new
    }

    pub(crate) fn delete_entity(&mut self, id: EntityId) -> Result<EntityDeletion> {
        let entity = self.reader().entity(&EntityRef::Id(id))?;
        let records: Vec<Arc<Record>> = self.reader().records(id, None).cloned().collect();
        let indexes = self.reader().field_indexes(id);
        for record in records.iter().filter(|record| record.deleted_at.is_none()) {
            let generation = self.next_generation();
            self.queue(record, generation, true);
        }
        records.iter().for_each(|record| self.remove_record(record));
        indexes.iter().for_each(|index| self.state.field_indexes.remove(index_key(id, &index.path, index.kind)));
        self.forget_targets(id);
        self.state.names.remove((entity.name, entity.connection_id));
        self.state.entities.remove(id);
        Ok(EntityDeletion { records: records.len() as u64 })
    }

    fn remove_record(&mut self, record: &Record) {
        self.state.owners.remove(record.id);
        self.state.external_ids.remove((record.entity_id, record.external_id.clone()));
        self.state.records.remove((record.entity_id, record.id));
    }

    pub(crate) fn upsert(&mut self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        let entity = self.reader().entity(entity)?;
        let steps = self.decide(Some(&entity), records, options)?;
        Ok(self.carry_out(&entity, steps))
    }

    pub(crate) fn sync(&mut self, batch: &SyncBatch) -> Result<SyncReport> {
        let found = self.reader().named(&batch.name, &batch.connection_id).pop();
        let steps = self.decide(found.as_ref(), &batch.records, &batch.options)?;
        let old = found.unwrap_or_else(|| self.insert_entity(&NewEntity::new(&batch.name, &batch.connection_id)));
        let mut new = old.clone();
        if batch.last_sync_id.is_some() {
            new.last_sync_id.clone_from(&batch.last_sync_id);
        }
        let entity = self.change_entity(old, new);
        let records = self.carry_out(&entity, steps);
        Ok(SyncReport { entity, records })
    }

    /// What each record of a batch comes to; in an entity that is still to be created there is nothing to meet.
    fn decide(&self, entity: Option<&Entity>, records: &[NewRecord], options: &UpsertOptions) -> Result<Vec<Step>> {
        let step = |change: RecordChange| {
            let stored = entity.and_then(|entity| self.reader().by_external_id(entity.id, &change.external_id)).cloned();
            let decision = change.decide(stored.as_deref().map(as_stored).as_ref())?;
            Ok(Step { external_id: change.external_id, stored, decision })
        };
        plan(records, options)?.into_iter().map(step).collect()
    }

    fn carry_out(&mut self, entity: &Entity, steps: Vec<Step>) -> UpsertReport {
        let mut report = UpsertReport::default();
        for Step { external_id, stored, decision } in steps {
            let (list, record) = match (decision, stored) {
                (Decision::Unchanged, stored) => (&mut report.unchanged, stored),
                (Decision::Create { data, entity_type }, stored) => {
                    let entity_type = entity_type.unwrap_or_else(|| entity.name.clone());
                    let record = match stored {
                        Some(tombstone) => self.changed(&tombstone, data, entity_type),
                        None => self.created(entity, &external_id, data, entity_type),
                    };
                    (&mut report.created, Some(record))
                }
                (Decision::Update { data, entity_type }, stored) => {
                    (&mut report.updated, stored.map(|stored| self.changed(&stored, data, entity_type)))
                }
            };
            list.extend(record.map(|record| UpsertedRecord { external_id, id: record.id }));
        }
        report
    }

    fn created(&mut self, entity: &Entity, external_id: &str, data: Value, entity_type: String) -> Arc<Record> {
        let created_at = self.now;
        self.put_record(Record {
            id: RecordId::generate(),
            entity_id: entity.id,
            external_id: external_id.to_owned(),
            entity_type,
            data,
            generation: self.next_generation(),
            created_at,
            updated_at: created_at,
            deleted_at: None,
        })
    }

    /// The record with other data, live again if it was deleted.
    fn changed(&mut self, old: &Record, data: Value, entity_type: String) -> Arc<Record> {
        let last = old.deleted_at.map_or(old.updated_at, |deleted_at| deleted_at.max(old.updated_at));
        let generation = self.next_generation();
        self.put_record(Record {
            data,
            entity_type,
            generation,
            updated_at: self.next_after(last),
            deleted_at: None,
            ..old.clone()
        })
    }

    fn put_record(&mut self, record: Record) -> Arc<Record> {
        let record = Arc::new(record);
        self.queue(&record, record.generation, record.deleted_at.is_some());
        self.state.owners.put(record.id, record.entity_id);
        self.state.external_ids.put((record.entity_id, record.external_id.clone()), record.id);
        self.state.records.put((record.entity_id, record.id), Arc::clone(&record));
        record
    }

    pub(crate) fn delete(&mut self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        let entity = self.reader().entity(entity)?;
        let doomed = self.reader().selected(entity.id, selector)?;
        for record in &doomed {
            let generation = self.next_generation();
            let deleted_at = Some(self.next_after(record.updated_at));
            self.put_record(Record { deleted_at, generation, ..Record::clone(record) });
        }
        Ok(DeleteReport { deleted: doomed.len() as u64 })
    }

    pub(crate) fn purge(&mut self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        let entity = self.reader().entity(entity)?;
        let due = |record: &&Arc<Record>| {
            record.deleted_at.is_some_and(|deleted_at| options.deleted_before.is_none_or(|before| deleted_at < before))
        };
        let doomed: Vec<Arc<Record>> = self.reader().records(entity.id, None).filter(due).cloned().collect();
        doomed.iter().for_each(|record| self.remove_record(record));
        Ok(DeleteReport { deleted: doomed.len() as u64 })
    }

    pub(crate) fn declare_text_index(&mut self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        let old = self.reader().entity(entity)?;
        let new = Entity { text_fields: fields.to_vec(), ..old.clone() };
        Ok(self.change_entity(old, new))
    }

    pub(crate) fn create_field_index(&mut self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        let entity_id = self.reader().entity(entity)?.id;
        let key = index_key(entity_id, path, kind);
        if let Some(index) = self.reader().field_index(&key) {
            return Ok(index);
        }
        let index = FieldIndex { entity_id, path: path.clone(), kind, name: format!("{kind:?} {path}").to_lowercase() };
        self.state.field_indexes.put(key, index.clone());
        Ok(index)
    }

    pub(crate) fn drop_field_index(&mut self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        let key = index_key(self.reader().entity(entity)?.id, path, kind);
        if self.reader().field_index(&key).is_none() {
            return Err(Error::not_found("the entity has no such field index").with("path", path));
        }
        self.state.field_indexes.remove(key);
        Ok(())
    }
}

fn as_stored(record: &Record) -> Stored {
    Stored {
        data: record.data.clone(),
        entity_type: record.entity_type.clone(),
        generation: record.generation,
        deleted: record.deleted_at.is_some(),
    }
}

fn same_schema(old: Option<&Value>, new: Option<&Value>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => values_equal(old, new),
        (old, new) => old.is_none() && new.is_none(),
    }
}
