//! One interface over the engine and the hand-written twins, so that one runner measures and compares them.

use super::{
    data::{CONNECTION, Document, ENTITY},
    raw_postgres::{self, RawPostgres},
    raw_sqlite::{self, RawSqlite},
};
use futures::TryStreamExt as _;
use mastra_core::{
    Engine, EntityId, EntityRef, Error, FieldIndexKind, Filter, Record, RecordQuery, RecordStoreExt as _, Result, SortKey,
    SyncBatch,
};
use serde_json::Value;
use std::{future::Future, sync::Arc};

/// Created, updated, unchanged.
pub(super) type Counts = (usize, usize, usize);

/// What both sides can do.
pub(super) trait Twin: Send {
    /// A batch as this side takes it; made outside of what is timed.
    type Batch: Send + Sync;
    /// A record as this side gives it; compared outside of what is timed.
    type Record: Send;

    fn batch(documents: &[Document], cursor: Option<String>) -> Self::Batch;
    fn seen(record: Self::Record) -> Seen;

    fn sync(&mut self, batch: &Self::Batch) -> impl Future<Output = Result<Counts>> + Send;
    fn page(&mut self, stage: &str, above: f64) -> impl Future<Output = Result<Vec<Self::Record>>> + Send;
    fn by_external_id(&mut self, external_id: &str) -> impl Future<Output = Result<Self::Record>> + Send;
    fn all(&mut self, each: impl FnMut(Self::Record) + Send) -> impl Future<Output = Result<()>> + Send;
    fn index_amount(&mut self) -> impl Future<Output = Result<()>> + Send;
    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// What has to be the same on both sides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) external_id: String,
    pub(super) entity_type: String,
    pub(super) data: Value,
}

/// The engine, through its public interface.
#[derive(Debug)]
pub(super) struct Ours {
    engine: Arc<dyn Engine>,
    entity: Option<EntityId>,
}

impl Ours {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, entity: None }
    }

    fn entity(&self) -> Result<EntityRef> {
        self.entity.map(EntityRef::Id).ok_or_else(|| Error::internal("nothing was synced yet"))
    }
}

impl Twin for Ours {
    type Batch = SyncBatch;
    type Record = Record;

    fn batch(documents: &[Document], cursor: Option<String>) -> SyncBatch {
        let records = documents.iter().map(|document| mastra_core::NewRecord::new(&document.external_id, document.data.clone()));
        SyncBatch { last_sync_id: cursor, ..SyncBatch::new(ENTITY, CONNECTION, records) }
    }

    fn seen(record: Record) -> Seen {
        Seen { external_id: record.external_id, entity_type: record.entity_type, data: record.data }
    }

    async fn sync(&mut self, batch: &SyncBatch) -> Result<Counts> {
        let report = self.engine.sync_records(batch).await?;
        self.entity = Some(report.entity.id);
        Ok((report.records.created.len(), report.records.updated.len(), report.records.unchanged.len()))
    }

    async fn page(&mut self, stage: &str, above: f64) -> Result<Vec<Record>> {
        let query = RecordQuery::new()
            .filter(Filter::eq("stage", stage)? & Filter::gt("amount", above)?)
            .sort(SortKey::descending("amount")?)
            .limit(50);
        Ok(self.engine.get_records(&self.entity()?, &query).await?.items)
    }

    async fn by_external_id(&mut self, external_id: &str) -> Result<Record> {
        let entity = EntityRef::named(ENTITY).in_connection(CONNECTION);
        self.engine.get_record_by_external_id(&entity, external_id).await
    }

    async fn all(&mut self, mut each: impl FnMut(Record) + Send) -> Result<()> {
        let mut records = self.engine.stream_records(&self.entity()?, &RecordQuery::new()).await?;
        while let Some(record) = records.try_next().await? {
            each(record);
        }
        Ok(())
    }

    async fn index_amount(&mut self) -> Result<()> {
        self.engine.create_field_index(&self.entity()?, &"amount".parse()?, FieldIndexKind::Scalar).await.map(drop)
    }

    async fn close(self) -> Result<()> {
        self.engine.close().await
    }
}

/// What both hand-written twins have in common, down to the field names.
macro_rules! raw {
    ($twin:ty, $module:ident) => {
        impl Twin for $twin {
            type Batch = (Vec<$module::RawInput>, Option<String>);
            type Record = $module::RawRecord;

            fn batch(documents: &[Document], cursor: Option<String>) -> Self::Batch {
                let input = |document: &Document| $module::RawInput {
                    external_id: document.external_id.clone(),
                    data: document.data.clone(),
                };
                (documents.iter().map(input).collect(), cursor)
            }

            fn seen(record: Self::Record) -> Seen {
                Seen { external_id: record.external_id, entity_type: record.entity_type, data: record.data }
            }

            async fn sync(&mut self, (records, cursor): &Self::Batch) -> Result<Counts> {
                <$twin>::sync(self, records, cursor.as_deref()).await.map_err(raw_error)
            }

            async fn page(&mut self, stage: &str, above: f64) -> Result<Vec<Self::Record>> {
                <$twin>::page(self, stage, above).await.map_err(raw_error)
            }

            async fn by_external_id(&mut self, external_id: &str) -> Result<Self::Record> {
                let found = <$twin>::by_external_id(self, ENTITY, CONNECTION, external_id).await.map_err(raw_error)?;
                found.ok_or_else(|| Error::not_found("the twin has no such record"))
            }

            async fn all(&mut self, each: impl FnMut(Self::Record) + Send) -> Result<()> {
                <$twin>::all(self, each).await.map_err(raw_error)
            }

            async fn index_amount(&mut self) -> Result<()> {
                <$twin>::index_amount(self).await.map_err(raw_error)
            }

            async fn close(self) -> Result<()> {
                <$twin>::close(self).await.map_err(raw_error)
            }
        }
    };
}

raw!(RawSqlite, raw_sqlite);
raw!(RawPostgres, raw_postgres);

/// An error of the driver outside of the engine.
pub(super) fn raw_error(error: sqlx::Error) -> Error {
    Error::internal("the hand-written twin failed").with_source(error)
}
