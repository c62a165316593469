//! Expectations on every method, for tests that need no store at all.
#![allow(missing_docs, reason = "the generated methods are mockall's: expect_*, checkpoint")]

use async_trait::async_trait;
use mastra_core::{
    Capabilities, Count, CountQuery, DeleteReport, Engine, EngineInfo, Entity, EntityDeletion, EntityId, EntityQuery, EntityRef,
    EntityUpdate, Explanation, FieldIndex, FieldIndexKind, NewEntity, NewRecord, Page, Path, PurgeOptions, Record, RecordId,
    RecordQuery, RecordSelector, RecordStore, RecordStream, Result, SyncBatch, SyncReport, TextResults, TextSearch, Transaction,
    UpsertOptions, UpsertReport,
};

mockall::mock! {
    /// An engine that answers what a test told it to expect, by [`mockall`]'s rules: `expect_count_records().returning(…)`.
    ///
    /// A call that nobody expected fails the test. Wrapped in [`Checked`](mastra_core::Checked), it also has to be told its
    /// `info` and `capabilities`.
    ///
    /// ```
    /// use mastra_core::{Count, CountQuery, RecordStore};
    /// use mastra_mock::ExpectingEngine;
    ///
    /// async fn is_empty(engine: &dyn RecordStore) -> mastra_core::Result<bool> {
    ///     Ok(engine.count_records(&"Contacts".into(), &CountQuery::default()).await?.value == 0)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut engine = ExpectingEngine::new();
    /// engine
    ///     .expect_count_records()
    ///     .withf(|entity, _| *entity == "Contacts".into())
    ///     .times(1)
    ///     .returning(|_, _| Ok(Count { value: 0, capped: false }));
    /// assert!(is_empty(&engine).await.unwrap());
    /// # }
    /// ```
    pub ExpectingEngine {}

    #[async_trait]
    impl RecordStore for ExpectingEngine {
        fn capabilities(&self) -> &Capabilities;
        fn info(&self) -> &EngineInfo;
        async fn create_entity(&self, entity: &NewEntity) -> Result<Entity>;
        async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity>;
        async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>>;
        async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity>;
        async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion>;
        async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport>;
        async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport>;
        async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>>;
        async fn get_record(&self, id: RecordId) -> Result<Record>;
        async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>>;
        async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count>;
        async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport>;
        async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport>;
        async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity>;
        async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults>;
        async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation>;
    }

    #[async_trait]
    impl Engine for ExpectingEngine {
        async fn begin(&self) -> Result<Transaction>;
        async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream>;
        async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex>;
        async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>>;
        async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()>;
        async fn ping(&self) -> Result<()>;
        async fn close(&self) -> Result<()>;
    }
}
pub use MockExpectingEngine as ExpectingEngine;

impl std::fmt::Debug for MockExpectingEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExpectingEngine").finish_non_exhaustive()
    }
}
