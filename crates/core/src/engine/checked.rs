//! The wrapper that every store is handed out in: it validates, traces and retries, so that no backend has to.

use super::{
    DeleteReport, Engine, EngineInfo, EntityDeletion, FieldIndex, FieldIndexKind, PurgeOptions, RecordStore, RecordStream,
    SyncBatch, SyncReport, Transaction, reentry,
};
use crate::{
    capabilities::Capabilities,
    changes::ChangeQueue,
    entity::{Entity, EntityQuery, EntityRef, EntityUpdate, NewEntity},
    error::{Error, ErrorKind, Result},
    ids::{EntityId, RecordId},
    path::Path,
    query::{Count, CountQuery, Explanation, Page, RecordQuery, RecordSelector},
    record::{NewRecord, Record},
    retry::Backoff,
    sync::SyncStore,
    text::{TextResults, TextSearch},
    upsert::{UpsertOptions, UpsertReport},
    validate,
};
use async_trait::async_trait;
use std::future::Future;
use tracing::{Instrument as _, Span, field::Empty};

/// A store that refuses malformed or unsupported arguments before any I/O, puts a span with OpenTelemetry's database names
/// around every call, names the operation in every error, and retries what another writer made fail.
///
/// ```text
/// engine.get_records("Contacts", …)  →  Checked  →  the backend
///                                        refuse, trace, retry
/// ```
#[derive(Debug)]
pub struct Checked<S> {
    inner: S,
    retries: bool,
}

impl<S> Checked<S> {
    /// Wraps an engine: its own transactions are retried.
    pub fn new(inner: S) -> Self {
        Self { inner, retries: true }
    }

    /// Wraps a transaction: nothing in it can be retried alone.
    pub(super) fn without_retry(inner: S) -> Self {
        Self { inner, retries: false }
    }

    /// The backend itself.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Unwraps the backend.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: RecordStore> Checked<S> {
    /// What tells this engine from others inside a transaction closure.
    pub(super) fn identity(&self) -> usize {
        std::ptr::from_ref(self.inner.info()).addr()
    }

    /// Whether it is a transaction.
    pub(super) fn is_transaction(&self) -> bool {
        !self.retries
    }

    /// One traced, checked, retried call.
    pub(super) async fn call<T, F>(
        &self,
        operation: &'static str,
        size: Option<usize>,
        checked: Result<()>,
        run: impl Fn() -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        let span = self.span(operation, size);
        let result = async {
            checked?;
            if !self.retries {
                return run().await;
            }
            reentry::refuse(self.identity())?;
            let mut backoff = Backoff::default();
            loop {
                match run().await {
                    Err(error) if error.kind() == ErrorKind::Conflict && error.is_retryable() => {
                        let Some(pause) = backoff.next() else { return Err(error) };
                        tracing::debug!(attempt = backoff.attempts(), "another writer made the call fail; trying again");
                        pause.await;
                    }
                    done => return done,
                }
            }
        }
        .instrument(span.clone())
        .await;
        result.map_err(|error: Error| {
            span.record("error.type", error.kind().as_str());
            error.with_operation(operation)
        })
    }

    fn span(&self, operation: &'static str, size: Option<usize>) -> Span {
        let info = self.inner.info();
        let span = tracing::debug_span!(
            "db",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = info.system,
            db.namespace = info.namespace,
            db.operation.name = operation,
            db.operation.batch.size = Empty,
            error.r#type = Empty,
        );
        if let Some(size) = size {
            span.record("db.operation.batch.size", size);
        }
        span
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: RecordStore> RecordStore for Checked<S> {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity> {
        self.call("create_entity", None, validate::new_entity(entity), || self.inner.create_entity(entity)).await
    }

    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity> {
        self.call("resolve_entity", None, validate::entity_ref(entity), || self.inner.resolve_entity(entity))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>> {
        self.call("list_entities", None, validate::entity_query(query), || self.inner.list_entities(query)).await
    }

    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::entity_update(update));
        self.call("update_entity", None, checked, || self.inner.update_entity(entity, update))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion> {
        self.call("delete_entity_by_id", None, Ok(()), || self.inner.delete_entity_by_id(id)).await
    }

    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::records(records, options, self.capabilities()));
        self.call("upsert_records", Some(records.len()), checked, || self.inner.upsert_records(entity, records, options))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport> {
        let checked = validate::name("entity name", &batch.name)
            .and_then(|()| validate::name("connection id", &batch.connection_id))
            .and_then(|()| validate::last_sync_id(batch.last_sync_id.as_deref()))
            .and_then(|()| validate::records(&batch.records, &batch.options, self.capabilities()));
        self.call("sync_records", Some(batch.records.len()), checked, || self.inner.sync_records(batch)).await
    }

    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::record_query(query, self.capabilities()));
        self.call("get_records", None, checked, || self.inner.get_records(entity, query))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn get_record(&self, id: RecordId) -> Result<Record> {
        self.call("get_record", None, Ok(()), || self.inner.get_record(id)).await
    }

    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
        let names = || external_ids.iter().try_for_each(|id| validate::name("external id", id));
        let checked = validate::entity_ref(entity).and_then(|()| names());
        let run = || self.inner.get_records_by_external_ids(entity, external_ids);
        self.call("get_records_by_external_ids", Some(external_ids.len()), checked, run)
            .await
            .map_err(|error| named(error, entity))
    }

    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::count_query(query, self.capabilities()));
        self.call("count_records", None, checked, || self.inner.count_records(entity, query))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::selector(selector, self.capabilities()));
        self.call("delete_records", None, checked, || self.inner.delete_records(entity, selector))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
        self.call("purge_records", None, validate::entity_ref(entity), || self.inner.purge_records(entity, options))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::fields(fields));
        self.call("declare_text_index", None, checked, || self.inner.declare_text_index(entity, fields))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::text_search(search, self.capabilities()));
        self.call("search_text", None, checked, || self.inner.search_text(entity, search))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::explain(query, self.capabilities()));
        self.call("explain", None, checked, || self.inner.explain(entity, query)).await.map_err(|error| named(error, entity))
    }

    fn changes(&self) -> Option<&dyn ChangeQueue> {
        self.inner.changes().map(|_| self as &dyn ChangeQueue)
    }

    fn syncs(&self) -> Option<&dyn SyncStore> {
        self.inner.syncs().map(|_| self as &dyn SyncStore)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: Engine> Engine for Checked<S> {
    async fn begin(&self) -> Result<Transaction> {
        self.call("begin", None, validate::transactions(self.capabilities()), || self.inner.begin()).await
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::record_query(query, self.capabilities()));
        self.call("stream_records", None, checked, || self.inner.stream_records(entity, query))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::field_index(path, self.capabilities()));
        self.call("create_field_index", None, checked, || self.inner.create_field_index(entity, path, kind))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        self.call("list_field_indexes", None, validate::entity_ref(entity), || self.inner.list_field_indexes(entity))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        let checked = validate::entity_ref(entity).and_then(|()| validate::field_index(path, self.capabilities()));
        self.call("drop_field_index", None, checked, || self.inner.drop_field_index(entity, path, kind))
            .await
            .map_err(|error| named(error, entity))
    }

    async fn ping(&self) -> Result<()> {
        self.call("ping", None, Ok(()), || self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await.map_err(|error| error.with_operation("close"))
    }
}

/// Says which entity is not there: its name is the caller's own word, and the one to check.
pub(super) fn named(error: Error, entity: &EntityRef) -> Error {
    if !error.is_not_found() || error.get("entity").is_some() {
        return error;
    }
    match entity {
        EntityRef::Id(id) => error.with("entity", id),
        EntityRef::Name { name, connection_id: None } => error.with("entity", name),
        EntityRef::Name { name, connection_id: Some(connection_id) } => {
            error.with("entity", name).with("connection", connection_id)
        }
    }
}
