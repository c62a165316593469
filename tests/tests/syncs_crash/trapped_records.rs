//! Entities and records, step by step.

use crate::trapped::Trapped;
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId, RecordQuery, RecordSelector,
    RecordStore, Result, SyncBatch, SyncReport, UpsertOptions, UpsertReport,
    changes::ChangeQueue,
    sync::SyncStore,
    text::{TextResults, TextSearch},
};

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> RecordStore for Trapped<S> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.at("create_entity", self.inner.create_entity(entity)).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.at("resolve_entity", self.inner.resolve_entity(entity)).await
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.at("list_entities", self.inner.list_entities(query)).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        self.at("update_entity", self.inner.update_entity(entity, update)).await
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.at("delete_entity_by_id", self.inner.delete_entity_by_id(id)).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        self.at("upsert_records", self.inner.upsert_records(entity, records, options)).await
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        self.at("sync_records", self.inner.sync_records(batch)).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        self.at("get_records", self.inner.get_records(entity, query)).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.at("get_record", self.inner.get_record(id)).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        self.at("get_records_by_external_ids", self.inner.get_records_by_external_ids(entity, external_ids)).await
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        self.at("count_records", self.inner.count_records(entity, query)).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        self.at("delete_records", self.inner.delete_records(entity, selector)).await
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.at("purge_records", self.inner.purge_records(entity, options)).await
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        self.at("declare_text_index", self.inner.declare_text_index(entity, fields)).await
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        self.at("search_text", self.inner.search_text(entity, search)).await
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        self.at("explain", self.inner.explain(entity, query)).await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.inner.changes()
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        self.inner.syncs().map(|_| self as &dyn SyncStore)
    }
}
