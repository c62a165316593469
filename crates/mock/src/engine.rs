//! The engine and its transactions: one implementation of the operations over either connection.

use crate::connection::{Connection, EachCall, Handle, Open, Shared, lost};
use crate::explain::explain;
use crate::faults::{Faults, Lost};
use crate::state::{shown, to_usize};
use async_trait::async_trait;
use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use mastra_core::{
    Capabilities, Checked, Count, CountQuery, DeleteReport, Engine, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery,
    EntityRef, EntityUpdate, Explanation, FieldIndex, FieldIndexKind, NewEntity, NewRecord, Page, Path, PurgeOptions, Record,
    RecordId, RecordQuery, RecordSelector, RecordStore, RecordStream, Result, SyncBatch, SyncReport, TextResults, TextSearch,
    Transaction, TransactionBackend, UpsertOptions, UpsertReport,
    capabilities::{AdminCapabilities, DataCapabilities},
    changes::ChangeQueue,
    sync::SyncStore,
    vector::{VectorCapabilities, VectorOperations},
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a writer waits for another to end before its call fails as `Timeout`.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// An engine in memory, with the semantics of the real ones; nothing is written anywhere.
///
/// One writer at a time: a transaction holds the store from `begin` to its end, and other writers wait for it in order, up to a
/// timeout. Readers never wait; they see the last commit. It needs a tokio runtime with its timer.
///
/// ```
/// use mastra_core::{NewRecord, RecordStore as _, RecordStoreExt as _, SyncBatch};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// let engine = mastra_mock::connect("mock://example").await?;
/// engine.sync_records(&SyncBatch::new("Contacts", "crm", [NewRecord::new("c-1", json!({ "name": "Ada" }))])).await?;
/// let contacts = engine.get_records_by_entity_name("Contacts", None).await?;
/// assert_eq!(contacts[0].data["name"], "Ada");
/// # Ok(())
/// # }
/// ```
pub type MockEngine = Mock<EachCall>;

/// The operations of the mock, over a connection; see [`MockEngine`].
#[derive(Debug)]
pub struct Mock<C> {
    connection: C,
}

impl MockEngine {
    /// An engine on a fresh store of its own.
    pub fn new() -> Self {
        static FRESH: AtomicU64 = AtomicU64::new(0);
        let number = FRESH.fetch_add(1, Ordering::Relaxed);
        Self::on(Arc::new(Shared::new(format!("fresh-{number}"))))
    }

    pub(crate) fn on(shared: Arc<Shared>) -> Self {
        let capabilities = Capabilities {
            data: DataCapabilities { nul_characters: true, unbounded_numbers: true },
            admin: AdminCapabilities { field_indexes: true, persistent: false, multi_process: false },
            ..Capabilities::all()
        };
        Self::holding(Handle::new(shared, capabilities, crate::vectors::CAPABILITIES, LOCK_TIMEOUT))
    }

    /// The engine with other claims, so that a test sees how code meets a backend that can do less.
    #[must_use]
    pub fn with_capabilities(self, capabilities: Capabilities) -> Self {
        let Handle { shared, vector_capabilities, lock_timeout, .. } = &*self.connection.0;
        Self::holding(Handle::new(Arc::clone(shared), capabilities, *vector_capabilities, *lock_timeout))
    }

    /// The same for its vectors. Without `write.transactions` its transactions hold none.
    ///
    /// ```
    /// use mastra_core::{ErrorKind, vector::{Scope, VectorOperations as _, VectorQuery}};
    /// use mastra_mock::MockEngine;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut can = *MockEngine::new().vectors().capabilities();
    /// can.limits.top_k = Some(100);
    /// let store = MockEngine::new().with_vector_capabilities(can).vectors();
    /// let error = store.query(&Scope::index("docs"), &VectorQuery::vector([1.0, 0.0]).top_k(101)).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # }
    /// ```
    #[must_use]
    pub fn with_vector_capabilities(self, vector_capabilities: VectorCapabilities) -> Self {
        let Handle { shared, capabilities, lock_timeout, .. } = &*self.connection.0;
        Self::holding(Handle::new(Arc::clone(shared), *capabilities, vector_capabilities, *lock_timeout))
    }

    /// The engine with another bound on waiting for a writer; 10 seconds otherwise.
    #[must_use]
    pub fn with_lock_timeout(self, timeout: Duration) -> Self {
        let Handle { shared, capabilities, vector_capabilities, .. } = &*self.connection.0;
        Self::holding(Handle::new(Arc::clone(shared), *capabilities, *vector_capabilities, timeout))
    }

    fn holding(handle: Handle) -> Self {
        Self { connection: EachCall(Arc::new(handle)) }
    }

    /// The same engine once more.
    pub(crate) fn same(&self) -> Self {
        Self { connection: self.connection.clone() }
    }

    /// The engine as every backend hands itself out: arguments checked, calls traced, conflicts retried.
    pub fn checked(self) -> Checked<Self> {
        Checked::new(self)
    }

    /// Sets the store's clock by so much forward, or back, from how it stands: all who share the store see that time, so that a test can
    /// let leases end, or have a clock step, without waiting.
    ///
    /// ```
    /// use chrono::TimeDelta;
    /// use mastra_core::{NewEntity, RecordStore as _, time::now};
    /// use mastra_mock::MockEngine;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> mastra_core::Result<()> {
    /// let engine = MockEngine::new().checked();
    /// engine.inner().step_clock(TimeDelta::hours(1));
    /// let entity = engine.create_entity(&NewEntity::new("Contacts", "crm")).await?;
    /// assert!(entity.created_at > now() + TimeDelta::minutes(59));
    /// # Ok(())
    /// # }
    /// ```
    pub fn step_clock(&self, by: TimeDelta) {
        self.connection.0.shared.clock.step(by);
    }

    /// What is to go wrong on this engine and its transactions.
    pub fn faults(&self) -> &Faults {
        &self.connection.0.faults
    }
}

impl<C> Mock<C> {
    pub(crate) fn connection(&self) -> &C {
        &self.connection
    }
}

impl Default for MockEngine {
    fn default() -> Self {
        Self::new()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<C: Connection> RecordStore for Mock<C> {
    fn capabilities(&self) -> &Capabilities {
        &self.connection.handle().capabilities
    }

    fn info(&self) -> &EngineInfo {
        &self.connection.handle().shared.info
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.connection.write("create_entity", |mut writer| writer.create_entity(entity)).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.connection.read("resolve_entity", |reader| reader.entity(entity)).await
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.connection.read("list_entities", |reader| reader.entities(query)).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        self.connection.write("update_entity", |mut writer| writer.update_entity(entity, update)).await
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.connection.write("delete_entity_by_id", |mut writer| writer.delete_entity(id)).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        self.connection.write("upsert_records", |mut writer| writer.upsert(entity, records, options)).await
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        self.connection.write("sync_records", |mut writer| writer.sync(batch)).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        self.connection.read("get_records", |reader| reader.page(reader.entity(entity)?.id, query)).await
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.connection.read("get_record", |reader| reader.record(id)).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        let operation = "get_records_by_external_ids";
        self.connection.read(operation, |reader| Ok(reader.live_by_external_ids(reader.entity(entity)?.id, external_ids))).await
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        self.connection.read("count_records", |reader| reader.count(reader.entity(entity)?.id, query)).await
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        self.connection.write("delete_records", |mut writer| writer.delete(entity, selector)).await
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.connection.write("purge_records", |mut writer| writer.purge(entity, options)).await
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        self.connection.write("declare_text_index", |mut writer| writer.declare_text_index(entity, fields)).await
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        self.connection.read("search_text", |reader| reader.search(&reader.entity(entity)?, search)).await
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        self.connection
            .read("explain", |reader| Ok(explain(reader.records(reader.entity(entity)?.id, None).count(), query)))
            .await
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.connection.handle().capabilities.write.change_queue.then_some(self as &dyn ChangeQueue)
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        self.connection.handle().capabilities.write.sync_store.then_some(self as &dyn SyncStore)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Engine for MockEngine {
    async fn begin(&self) -> Result<Transaction> {
        let connection = Open::begin(&self.connection.0).await?;
        Ok(Transaction::new(Box::new(Mock { connection })))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        let handle = &self.connection.0;
        let fate = handle.enter("stream_records").await?;
        if fate == Some(Lost::Request) {
            return Err(lost());
        }
        // Rows are shared, not copied: a stream is a list of pointers into the state of its beginning.
        let rows: Vec<Arc<Record>> = handle.read_committed(|reader| {
            let rows = reader.select(reader.entity(entity)?.id, query)?;
            Ok(rows.skip(to_usize(query.offset)).take(to_usize(query.limit.unwrap_or(u64::MAX))).cloned().collect())
        })?;
        let whole = if fate.is_none() { rows.len() } else { rows.len() / 2 };
        let query = query.clone();
        let rows = stream::iter(rows.into_iter().take(whole)).map(move |record| Ok(shown(&record, &query)));
        Ok(rows.chain(stream::iter(fate.map(|_| Err(lost())))).boxed())
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        self.connection.write("create_field_index", |mut writer| writer.create_field_index(entity, path, kind)).await
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        self.connection.read("list_field_indexes", |reader| Ok(reader.field_indexes(reader.entity(entity)?.id))).await
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        self.connection.write("drop_field_index", |mut writer| writer.drop_field_index(entity, path, kind)).await
    }

    async fn ping(&self) -> Result<()> {
        self.connection.read("ping", |_| Ok(())).await
    }

    async fn close(&self) -> Result<()> {
        self.connection.0.close();
        Ok(())
    }
}

#[async_trait]
impl TransactionBackend for Mock<Open> {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.connection.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        self.connection.roll_back().await
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        let can = self.connection.handle().vector_capabilities.write.transactions;
        can.then_some(self as &dyn VectorOperations)
    }
}
