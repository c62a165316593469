//! The traits that a backend implements.

use super::Transaction;
use crate::{
    capabilities::Capabilities,
    changes::ChangeQueue,
    entity::{Entity, EntityQuery, EntityRef, EntityUpdate, NewEntity},
    error::{Error, Result},
    ids::{EntityId, RecordId},
    path::Path,
    query::{Count, CountQuery, Explanation, Page, RecordQuery, RecordSelector},
    record::{NewRecord, Record},
    sync::SyncStore,
    text::{TextResults, TextSearch},
    time::Timestamp,
    upsert::{UpsertOptions, UpsertReport},
    vector::VectorOperations,
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Records as they are read, with memory that does not grow with their number.
pub type RecordStream = BoxStream<'static, Result<Record>>;

/// Everything that can be asked of entities and records, on an [`Engine`] (each call its own transaction) or inside a
/// [`Transaction`].
///
/// Entities, records, their sync cursors and the text index are one unit, because they commit together.
///
/// # The contract, for callers and backends alike
///
/// - An absent entity is `NotFound`, on reads as on writes; only [`RecordStore::sync_records`] creates it. A name that several
///   connections share is a `Conflict` whose context lists them as `matches`. A blank name, connection or external id is `InvalidInput`.
/// - Each call is atomic. On an engine, a deadlock or serialization failure is retried inside; in a transaction it is a
///   retryable `Conflict`, and the transaction has to be run again.
/// - Malformed arguments are refused before any I/O; that is [`Checked`](super::Checked)'s work, so a backend can rely on it.
/// - Every method costs a number of round trips that does not grow with its input.
#[async_trait]
pub trait RecordStore: Send + Sync + fmt::Debug {
    /// What this backend can do.
    fn capabilities(&self) -> &Capabilities;

    /// Which backend this is, for traces and messages.
    fn info(&self) -> &EngineInfo;

    /// Creates an entity; `AlreadyExists` where the connection has one of that name.
    async fn create_entity(&self, entity: &NewEntity) -> Result<Entity>;

    /// The entity, else `NotFound`; by name, `Conflict` where several connections share it.
    async fn resolve_entity(&self, entity: &EntityRef) -> Result<Entity>;

    /// Entities in order of id.
    async fn list_entities(&self, query: &EntityQuery) -> Result<Page<Entity>>;

    /// Changes an entity and returns it; an empty update returns it as it is, untouched.
    async fn update_entity(&self, entity: &EntityRef, update: &EntityUpdate) -> Result<Entity>;

    /// Deletes an entity for good, with all its records, deleted ones included.
    async fn delete_entity_by_id(&self, id: EntityId) -> Result<EntityDeletion>;

    /// Creates, merges or replaces records by their external ids.
    ///
    /// A call that repeats an id ends like sequential calls. Unchanged rows are not rewritten, locked or logged. A deleted
    /// record is revived, with the new data only, and counts as created. An empty batch is a no-op on an entity that exists.
    async fn upsert_records(&self, entity: &EntityRef, records: &[NewRecord], options: &UpsertOptions) -> Result<UpsertReport>;

    /// Upserts one batch of a sync and moves the entity's cursor, in one transaction; creates the entity on first use.
    async fn sync_records(&self, batch: &SyncBatch) -> Result<SyncReport>;

    /// One page of the records that match.
    async fn get_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Page<Record>>;

    /// The live record of that id, of whatever entity; else `NotFound`.
    async fn get_record(&self, id: RecordId) -> Result<Record>;

    /// The live records that have these external ids, in the order of the ids; those that are not there are left out, and a
    /// repeated id gives one record.
    async fn get_records_by_external_ids(&self, entity: &EntityRef, external_ids: &[String]) -> Result<Vec<Record>>;

    /// How many records match.
    async fn count_records(&self, entity: &EntityRef, query: &CountQuery) -> Result<Count>;

    /// Marks live records as deleted; those already deleted or absent do not count.
    async fn delete_records(&self, entity: &EntityRef, selector: &RecordSelector) -> Result<DeleteReport>;

    /// Removes deleted records for good; live ones are never touched.
    async fn purge_records(&self, entity: &EntityRef, options: &PurgeOptions) -> Result<DeleteReport>;

    /// Declares which fields full-text search covers, and indexes the records that are there. No fields: nothing is searched.
    async fn declare_text_index(&self, entity: &EntityRef, fields: &[Path]) -> Result<Entity>;

    /// Searches the declared fields; `InvalidInput` where none was declared.
    async fn search_text(&self, entity: &EntityRef, search: &TextSearch) -> Result<TextResults>;

    /// How the engine would answer a query.
    async fn explain(&self, entity: &EntityRef, query: &RecordQuery) -> Result<Explanation>;

    /// The queue of changes, which what is derived from records follows; `None` where the backend has none.
    fn changes(&self) -> Option<&dyn ChangeQueue> {
        None
    }

    /// What is remembered of syncs; `None` where the backend keeps nothing of them.
    fn syncs(&self) -> Option<&dyn SyncStore> {
        None
    }
}

/// A whole engine: [`RecordStore`] with transactions, streams and administration. Used as `Arc<dyn Engine>`.
#[async_trait]
pub trait Engine: RecordStore {
    /// Begins a transaction. Dropping it rolls back.
    async fn begin(&self) -> Result<Transaction>;

    /// The records that match, one after the other, with flat memory, from one consistent view. `limit`, `offset` and `cursor`
    /// hold as for a page.
    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream>;

    /// Builds an index on a field, so that filters, ranges and sorts on it need not read every record of the entity. Building
    /// one that exists returns it.
    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        let _ = (entity, path, kind);
        Err(Error::unsupported("this backend has no field indexes").with_operation("create_field_index"))
    }

    /// The field indexes of an entity.
    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        let _ = entity;
        Ok(Vec::new())
    }

    /// Drops a field index; `NotFound` where there is none.
    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        let _ = (entity, path, kind);
        Err(Error::unsupported("this backend has no field indexes").with_operation("drop_field_index"))
    }

    /// One round trip to the backend.
    async fn ping(&self) -> Result<()>;

    /// Closes every connection; later calls fail as `Unavailable`.
    async fn close(&self) -> Result<()>;
}

/// What a backend implements for [`Transaction`]; callers use that.
#[async_trait]
pub trait TransactionBackend: RecordStore {
    /// Makes everything durable.
    async fn commit(self: Box<Self>) -> Result<()>;

    /// Undoes everything.
    async fn rollback(self: Box<Self>) -> Result<()>;

    /// The vectors of the same database, in this transaction; `None` where the engine keeps none.
    fn vectors(&self) -> Option<&dyn VectorOperations> {
        None
    }
}

/// Which backend an engine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineInfo {
    /// OpenTelemetry's `db.system.name`: `postgresql`, `sqlite`, `mastra.mock`.
    pub system: &'static str,
    /// OpenTelemetry's `db.namespace`: database and schema, or the file. Never a secret.
    pub namespace: String,
}

/// What [`RecordStore::delete_entity_by_id`] removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EntityDeletion {
    /// How many records went with it, deleted ones included.
    pub records: u64,
}

/// What [`RecordStore::delete_records`] or [`RecordStore::purge_records`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DeleteReport {
    /// How many records.
    pub deleted: u64,
}

/// Which deleted records [`RecordStore::purge_records`] removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PurgeOptions {
    /// Only those deleted before this time; all deleted ones where it is `None`.
    pub deleted_before: Option<Timestamp>,
}

/// One batch of a sync.
///
/// ```
/// use mastra_core::{NewRecord, SyncBatch};
/// use serde_json::json;
///
/// let batch = SyncBatch::new("Contacts", "crm", [NewRecord::new("c-1", json!({ "name": "Ada" }))]).last_sync_id("page-1");
/// assert_eq!(batch.records.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SyncBatch {
    /// The entity's name.
    pub name: String,
    /// Its connection.
    pub connection_id: String,
    /// The records; rows that are absent from a batch stay.
    pub records: Vec<NewRecord>,
    /// The cursor that is true once the records are stored; `None` leaves the old one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync_id: Option<String>,
    /// How records meet those already there.
    #[serde(default)]
    pub options: UpsertOptions,
}

impl SyncBatch {
    /// A batch for the entity of that name in that connection.
    pub fn new(name: impl Into<String>, connection_id: impl Into<String>, records: impl IntoIterator<Item = NewRecord>) -> Self {
        Self {
            name: name.into(),
            connection_id: connection_id.into(),
            records: records.into_iter().collect(),
            last_sync_id: None,
            options: UpsertOptions::default(),
        }
    }

    /// Sets the cursor to store with the records.
    #[must_use]
    pub fn last_sync_id(mut self, last_sync_id: impl Into<String>) -> Self {
        self.last_sync_id = Some(last_sync_id.into());
        self
    }

    /// Says how records meet those already there.
    #[must_use]
    pub fn options(mut self, options: UpsertOptions) -> Self {
        self.options = options;
        self
    }
}

/// What [`RecordStore::sync_records`] did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncReport {
    /// The entity, with the cursor that is stored now.
    pub entity: Entity,
    /// What became of the records.
    pub records: UpsertReport,
}

/// What a field index is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldIndexKind {
    /// The field holds one value: serves equality, ranges and sorts.
    Scalar,
    /// The field, or one above it, may hold an array: serves equality and membership.
    Multi,
}

/// An index on a field of one entity's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldIndex {
    /// The entity.
    pub entity_id: EntityId,
    /// The field.
    pub path: Path,
    /// What it is for.
    pub kind: FieldIndexKind,
    /// What the backend calls it.
    pub name: String,
}
