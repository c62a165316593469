//! A transaction over several operations.

use super::{
    Checked, DeleteReport, EngineInfo, EntityDeletion, PurgeOptions, RecordStore, SyncBatch, SyncReport, TransactionBackend,
};
use crate::{
    capabilities::Capabilities,
    changes::ChangeQueue,
    entity::{Entity, EntityQuery, EntityRef, EntityUpdate, NewEntity},
    error::Result,
    ids::{EntityId, RecordId},
    path::Path,
    query::{Count, CountQuery, Explanation, Page, RecordQuery, RecordSelector},
    record::{NewRecord, Record},
    sync::SyncStore,
    text::{TextResults, TextSearch},
    upsert::{UpsertOptions, UpsertReport},
    vector::{CheckedVectors, VectorOperations},
};
use async_trait::async_trait;

/// Several operations that become visible together or not at all. Dropping it rolls back.
///
/// It offers every operation of [`RecordStore`]. A deadlock or serialization failure inside is a retryable `Conflict`:
/// the whole transaction has to run again, as [`EngineExt::transaction_with_retry`](super::EngineExt::transaction_with_retry) does.
#[derive(Debug)]
pub struct Transaction {
    inner: Checked<Box<dyn TransactionBackend>>,
}

impl Transaction {
    /// Wraps a backend's transaction.
    pub fn new(backend: Box<dyn TransactionBackend>) -> Self {
        Self { inner: Checked::without_retry(backend) }
    }

    /// The vectors that the engine keeps in the same database, written and read in this transaction; `None` where it keeps none.
    ///
    /// ```no_run
    /// # use mastra_core::{Result, Transaction, vector::{NewPoint, Scope, VectorOperations as _}};
    /// # async fn example(transaction: &Transaction) -> Result<()> {
    /// if let Some(vectors) = transaction.vectors() {
    ///     vectors.upsert(&Scope::index("docs"), &[NewPoint::new("a", [0.1, 0.9])], &Default::default()).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn vectors(&self) -> Option<CheckedVectors<&dyn VectorOperations>> {
        self.inner.inner().vectors().map(CheckedVectors::without_retry)
    }

    /// Makes everything durable. Where it fails as `Unavailable`, the transaction may or may not have been committed.
    pub async fn commit(self) -> Result<()> {
        self.inner.into_inner().commit().await.map_err(|error| error.with_operation("commit"))
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<()> {
        self.inner.into_inner().rollback().await.map_err(|error| error.with_operation("rollback"))
    }
}

/// Passes every method of [`RecordStore`] on to a field or to what a pointer points at.
macro_rules! forward_record_store {
    ([$($generics:tt)*] $target:ty, $self:ident => $inner:expr) => {
        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<$($generics)*> RecordStore for $target {
            fn capabilities(&$self) -> &Capabilities {
                $inner.capabilities()
            }
            fn info(&$self) -> &EngineInfo {
                $inner.info()
            }
            async fn create_entity(&$self, entity: &NewEntity) -> Result<Entity> {
                $inner.create_entity(entity).await
            }
            async fn resolve_entity(&$self, entity: &EntityRef) -> Result<Entity> {
                $inner.resolve_entity(entity).await
            }
            async fn list_entities(&$self, query: &EntityQuery) -> Result<Page<Entity>> {
                $inner.list_entities(query).await
            }
            async fn update_entity(&$self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity> {
                $inner.update_entity(entity, update).await
            }
            async fn delete_entity_by_id(&$self, id: EntityId) -> Result<EntityDeletion> {
                $inner.delete_entity_by_id(id).await
            }
            async fn upsert_records(
                &$self,
                entity: &EntityRef,
                records: &[NewRecord],
                options: &UpsertOptions,
            ) -> Result<UpsertReport> {
                $inner.upsert_records(entity, records, options).await
            }
            async fn sync_records(&$self, batch: &SyncBatch) -> Result<SyncReport> {
                $inner.sync_records(batch).await
            }
            async fn get_records(&$self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>> {
                $inner.get_records(entity, query).await
            }
            async fn get_record(&$self, id: RecordId) -> Result<Record> {
                $inner.get_record(id).await
            }
            async fn get_records_by_external_ids(&$self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>> {
                $inner.get_records_by_external_ids(entity, external_ids).await
            }
            async fn count_records(&$self, entity: &EntityRef, query: &CountQuery) -> Result<Count> {
                $inner.count_records(entity, query).await
            }
            async fn delete_records(&$self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport> {
                $inner.delete_records(entity, selector).await
            }
            async fn purge_records(&$self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport> {
                $inner.purge_records(entity, options).await
            }
            async fn declare_text_index(&$self, entity: &EntityRef, fields: &[Path]) -> Result<Entity> {
                $inner.declare_text_index(entity, fields).await
            }
            async fn search_text(&$self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults> {
                $inner.search_text(entity, search).await
            }
            async fn explain(&$self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation> {
                $inner.explain(entity, query).await
            }
            fn changes(&$self) -> Option<&dyn ChangeQueue> {
                $inner.changes()
            }
            fn syncs(&$self) -> Option<&dyn SyncStore> {
                $inner.syncs()
            }
        }
    };
}

forward_record_store!([] Transaction, self => self.inner);
forward_record_store!([T: RecordStore + ?Sized] Box<T>, self => (**self));
forward_record_store!([T: RecordStore + ?Sized] std::sync::Arc<T>, self => (**self));
