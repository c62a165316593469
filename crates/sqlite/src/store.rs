//! The operations, once for an engine and for a transaction.

use crate::{
    builder::SqliteEngineBuilder,
    capabilities::Can,
    entities,
    records::{self, Draft},
    text,
    unit::{Access, Pools},
};
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId, RecordQuery, RecordSelector,
    RecordStore, Result, SyncBatch, SyncReport, TextResults, TextSearch, UpsertOptions, UpsertReport, changes::ChangeQueue,
    sync::SyncStore,
};
use std::sync::Arc;

/// Entities and records in one SQLite database.
///
/// Open it with [`connect`](crate::connect) or [`SqliteEngine::builder`]. Reads see a snapshot and never wait for a writer; writes
/// wait for one another, within the process in order, between processes for as long as the busy timeout says. An acknowledged
/// write is on the disk.
pub type SqliteEngine = SqliteStore<Pools>;

/// What operations run on: the connections of an engine, or one with a transaction open.
#[derive(Debug, Clone)]
pub struct SqliteStore<A> {
    pub(crate) access: A,
    pub(crate) info: Arc<EngineInfo>,
    pub(crate) can: &'static Can,
}

impl<A> SqliteStore<A> {
    pub(crate) fn new(access: A, info: Arc<EngineInfo>, can: &'static Can) -> Self {
        Self { access, info, can }
    }
}

impl SqliteEngine {
    /// An engine in this file; `:memory:` for one that goes with its handle.
    pub fn builder(path: impl AsRef<std::path::Path>) -> SqliteEngineBuilder {
        SqliteEngineBuilder::new(path.as_ref())
    }
}

#[async_trait]
impl<A: Access> RecordStore for SqliteStore<A> {
    fn capabilities(&self) -> &Capabilities {
        &self.can.engine
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        let mut unit = self.access.write().await?;
        let created = entities::create(unit.connection()?, entity).await?.entity;
        unit.commit().await?;
        Ok(created)
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        let mut unit = self.access.read().await?;
        Ok(entities::resolve(unit.connection()?, entity).await?.entity)
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        let mut unit = self.access.read().await?;
        entities::list(unit.connection()?, query).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let updated = entities::update(unit.connection()?, known, update).await?;
        unit.commit().await?;
        Ok(updated)
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        let (mut unit, known) = self.access.write_to(&EntityRef::Id(id)).await?;
        let deletion = entities::delete(unit.connection()?, &known).await?;
        unit.commit().await?;
        Ok(deletion)
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        let draft = Draft::new(records, options)?;
        if draft.is_empty() {
            self.resolve_entity(entity).await?;
            return Ok(UpsertReport::default());
        }
        let (mut unit, known) = self.access.write_to(entity).await?;
        let report = records::upsert(unit.connection()?, &known, draft).await?;
        unit.commit().await?;
        Ok(report)
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        let draft = Draft::new(&batch.records, &batch.options)?;
        let mut unit = self.access.write().await?;
        let connection = unit.connection()?;
        let known = entities::resolve_or_create(connection, &batch.name, &batch.connection_id).await?;
        let records = records::upsert(connection, &known, draft).await?;
        let entity = match &batch.last_sync_id {
            None => known.entity,
            Some(id) => {
                let update = EntityUpdate { last_sync_id: Some(Some(id.clone())), ..EntityUpdate::default() };
                entities::update(connection, known, &update).await?
            }
        };
        unit.commit().await?;
        Ok(SyncReport { entity, records })
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        let (unit, known) = self.access.snapshot_of(entity).await?;
        records::page(unit, &known, query).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        let mut unit = self.access.read().await?;
        records::by_id(unit.connection()?, id).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        if let [external_id] = external_ids {
            let mut unit = self.access.read().await?;
            if let Some(found) = records::by_external_id(unit.connection()?, entity, external_id).await? {
                return Ok(found);
            }
        }
        let (mut unit, known) = self.access.snapshot_of(entity).await?;
        let found = records::by_external_ids(unit.connection()?, &known, external_ids).await?;
        unit.commit().await?;
        Ok(found)
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        let (mut unit, known) = self.access.snapshot_of(entity).await?;
        let count = records::count(unit.connection()?, &known, query).await?;
        unit.commit().await?;
        Ok(count)
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let report = records::delete(unit.connection()?, &known, selector).await?;
        unit.commit().await?;
        Ok(report)
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let report = records::purge(unit.connection()?, &known, options).await?;
        unit.commit().await?;
        Ok(report)
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let declared = text::declare(unit.connection()?, known, fields).await?;
        unit.commit().await?;
        Ok(declared)
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        let (mut unit, known) = self.access.snapshot_of(entity).await?;
        let results = text::search(unit.connection()?, &known, search).await?;
        unit.commit().await?;
        Ok(results)
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        let (mut unit, known) = self.access.snapshot_of(entity).await?;
        let explanation = records::explain(unit.connection()?, &known, query).await?;
        unit.commit().await?;
        Ok(explanation)
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        Some(self)
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        Some(self)
    }
}
