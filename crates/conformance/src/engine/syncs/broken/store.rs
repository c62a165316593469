//! Everything else of a broken store, which is as it should be.

use super::{BrokenSyncs, SyncMistake};
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, Engine, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, FieldIndex, FieldIndexKind, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId,
    RecordQuery, RecordSelector, RecordStore, RecordStream, Result, SyncBatch, SyncReport, TextResults, TextSearch, Transaction,
    TransactionBackend, UpsertOptions, UpsertReport, changes::ChangeQueue, sync::SyncStore, vector::VectorOperations,
};
use std::sync::Arc;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> RecordStore for BrokenSyncs<S> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.inner.create_entity(entity).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.inner.resolve_entity(entity).await
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.inner.list_entities(query).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        self.inner.update_entity(entity, update).await
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.inner.delete_entity_by_id(id).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        self.inner.upsert_records(entity, records, options).await
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        self.inner.sync_records(batch).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        self.inner.get_records(entity, query).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.inner.get_record(id).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        self.inner.get_records_by_external_ids(entity, external_ids).await
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        self.inner.count_records(entity, query).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        self.inner.delete_records(entity, selector).await
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.inner.purge_records(entity, options).await
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        self.inner.declare_text_index(entity, fields).await
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        self.inner.search_text(entity, search).await
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        self.inner.explain(entity, query).await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.inner.changes()
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        if self.is(SyncMistake::RemembersNothing) { None } else { self.inner.syncs().map(|_| self as &dyn SyncStore) }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Engine> Engine for BrokenSyncs<S> {
    async fn begin(&self) -> Result<Transaction> {
        let inner = self.inner.begin().await?;
        let broken = BrokenSyncs { inner, mistake: self.mistake, memory: Arc::clone(&self.memory) };
        Ok(Transaction::new(Box::new(broken)))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        self.inner.stream_records(entity, query).await
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        self.inner.create_field_index(entity, path, kind).await
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        self.inner.list_field_indexes(entity).await
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        self.inner.drop_field_index(entity, path, kind).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl TransactionBackend for BrokenSyncs<Transaction> {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.inner.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        self.inner.rollback().await
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        None
    }
}
