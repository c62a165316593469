//! [`RecordStore`], once, for the engine and for a transaction of it.

use crate::{delete, entities, explain, lookup, query, store::PgStore, sync, text, upsert};
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId, RecordQuery, RecordSelector,
    RecordStore, Result, SyncBatch, SyncReport, TextResults, TextSearch, TransactionBackend, UpsertOptions, UpsertReport,
    changes::ChangeQueue, sync::SyncStore, vector::VectorOperations,
};

impl PgStore {
    /// The id of an entity to read from. An id is taken as it comes, which spares a round trip: whoever finds nothing under it
    /// asks whether it exists.
    pub(crate) async fn entity_to_read(&self, entity: &EntityRef) -> Result<EntityId> {
        match entity {
            EntityRef::Id(id) => Ok(*id),
            by_name => self.resolve_entity(by_name).await.map(|entity| entity.id),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecordStore for PgStore {
    fn capabilities(&self) -> &Capabilities {
        &self.shared.capabilities
    }

    fn info(&self) -> &EngineInfo {
        &self.shared.info
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        let mut session = self.write().await?;
        let created = entities::create(session.conn()?, &self.shared, entity).await?;
        session.finish().await?;
        Ok(created)
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        let mut session = self.read().await?;
        let found = entities::resolve(session.conn()?, &self.shared, entity).await?;
        session.finish().await?;
        Ok(found)
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        let mut session = self.read().await?;
        let page = entities::list(session.conn()?, &self.shared, query).await?;
        session.finish().await?;
        Ok(page)
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        let mut session = self.write().await?;
        let updated = entities::update(session.conn()?, &self.shared, entity, update).await?;
        session.finish().await?;
        Ok(updated)
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        let mut session = self.write().await?;
        let deletion = entities::delete(session.conn()?, &self.shared, id).await?;
        session.finish().await?;
        Ok(deletion)
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        let mut session = self.write().await?;
        let entity = entities::resolve(session.conn()?, &self.shared, entity).await?;
        let report = upsert::upsert(&mut session.line()?, &self.shared, &entity, records, options).await?;
        session.finish().await?;
        Ok(report)
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        let mut session = self.write().await?;
        let report = sync::sync(&mut session.line()?, &self.shared, batch).await?;
        session.finish().await?;
        Ok(report)
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        query::page(self, self.entity_to_read(entity).await?, query).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        let mut session = self.read().await?;
        let record = lookup::by_id(session.conn()?, &self.shared, id).await?;
        session.finish().await?;
        Ok(record)
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        let mut session = self.read().await?;
        let records = lookup::by_external_ids(session.conn()?, &self.shared, entity, external_ids).await?;
        session.finish().await?;
        Ok(records)
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        query::count(self, self.entity_to_read(entity).await?, query).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        let mut session = self.write().await?;
        let id = entities::resolve(session.conn()?, &self.shared, entity).await?.id;
        let deleted = delete::delete(session.conn()?, &self.shared, id, selector).await?;
        session.finish().await?;
        Ok(DeleteReport { deleted })
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        let mut session = self.write().await?;
        let id = entities::resolve(session.conn()?, &self.shared, entity).await?.id;
        let deleted = delete::purge(session.conn()?, &self.shared, id, options).await?;
        session.finish().await?;
        Ok(DeleteReport { deleted })
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        let mut session = self.write().await?;
        let declared = text::declare(session.conn()?, &self.shared, entity, fields).await?;
        session.finish().await?;
        Ok(declared)
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        // One state of the data, so that no hit is gone when its record is fetched.
        let mut session = self.snapshot().await?;
        let results = text::search(session.conn()?, &self.shared, entity, search).await?;
        session.finish().await?;
        Ok(results)
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        explain::explain(self, self.entity_to_read(entity).await?, query).await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        Some(self)
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        Some(self)
    }
}

#[async_trait]
impl TransactionBackend for PgStore {
    async fn commit(self: Box<Self>) -> Result<()> {
        PgStore::commit(*self).await
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        PgStore::rollback(*self).await
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        PgStore::vectors(self)
    }
}
