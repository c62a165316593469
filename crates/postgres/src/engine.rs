//! The engine, and a transaction of it.

use crate::{config::PostgresEngineBuilder, field_index, query, store::PgStore};
use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, Engine, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, FieldIndex, FieldIndexKind, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId,
    RecordQuery, RecordSelector, RecordStore, RecordStream, Result, SyncBatch, SyncReport, TextResults, TextSearch, Transaction,
    UpsertOptions, UpsertReport, changes::ChangeQueue, sync::SyncStore,
};
use sqlx::PgPool;

/// Entities and records in a Postgres database, 13 or later.
///
/// Handed out as `Checked<PostgresEngine>` by [`connect`](crate::connect()) and [`PostgresEngine::builder`].
#[derive(Debug)]
pub struct PostgresEngine {
    store: PgStore,
}

impl PostgresEngine {
    /// An engine on the database that a URL names: `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// Beside the driver's parameters (`sslmode`, `sslrootcert`, `application_name`, …) the URL may hold `schema=NAME` and
    /// `pooler=transaction`.
    pub fn builder(url: impl Into<String>) -> PostgresEngineBuilder {
        PostgresEngineBuilder::new(url)
    }

    /// An engine over a pool of yours, which stays open when the engine is closed.
    pub fn from_pool(pool: PgPool) -> PostgresEngineBuilder {
        PostgresEngineBuilder::from_pool(pool)
    }

    pub(crate) fn new(store: PgStore) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &PgStore {
        &self.store
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl RecordStore for PostgresEngine {
    fn capabilities(&self) -> &Capabilities {
        self.store.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.store.info()
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.store.create_entity(entity).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.store.resolve_entity(entity).await
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.store.list_entities(query).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        self.store.update_entity(entity, update).await
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.store.delete_entity_by_id(id).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        self.store.upsert_records(entity, records, options).await
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        self.store.sync_records(batch).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        self.store.get_records(entity, query).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.store.get_record(id).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        self.store.get_records_by_external_ids(entity, external_ids).await
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        self.store.count_records(entity, query).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        self.store.delete_records(entity, selector).await
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.store.purge_records(entity, options).await
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        self.store.declare_text_index(entity, fields).await
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        self.store.search_text(entity, search).await
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        self.store.explain(entity, query).await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.store.changes()
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        self.store.syncs()
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    async fn begin(&self) -> Result<Transaction> {
        Ok(Transaction::new(Box::new(self.store.begin().await?)))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        query::stream(&self.store, self.store.entity_to_read(entity).await?, query).await
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        field_index::create(&self.store, self.store.entity_to_read(entity).await?, path, kind).await
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        field_index::list(&self.store, self.store.entity_to_read(entity).await?).await
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        field_index::drop(&self.store, self.store.entity_to_read(entity).await?, path, kind).await
    }

    async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await;
        Ok(())
    }
}
