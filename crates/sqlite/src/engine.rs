//! The engine as a whole, and its transactions.

use crate::{
    entities,
    error::Mapped as _,
    index, records,
    store::{SqliteEngine, SqliteStore},
    unit::{Access as _, Open},
};
use async_trait::async_trait;
use mastra_core::{
    Engine, EntityRef, Error, FieldIndex, FieldIndexKind, Path, RecordQuery, RecordStream, Result, Transaction,
    TransactionBackend, vector::VectorOperations,
};
use std::sync::Arc;

#[async_trait]
impl Engine for SqliteEngine {
    async fn begin(&self) -> Result<Transaction> {
        let open = self.access.open().await?;
        Ok(Transaction::new(Box::new(SqliteStore::new(open, Arc::clone(&self.info), self.can))))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        records::stream(&self.access, entity, query).await
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let index = index::create(unit.connection()?, &known, path, kind).await?;
        unit.commit().await?;
        Ok(index)
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        let mut unit = self.access.read().await?;
        let known = entities::resolve(unit.connection()?, entity).await?;
        Ok(known.indexes.iter().map(|index| index.describe(known.entity.id)).collect())
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        let (mut unit, known) = self.access.write_to(entity).await?;
        let absent = || Error::not_found("the field has no index of this kind").with("path", path);
        let index = index::find(&known, path, kind).ok_or_else(absent)?;
        index::remove(unit.connection()?, index).await?;
        unit.commit().await
    }

    async fn ping(&self) -> Result<()> {
        let mut unit = self.access.read().await?;
        sqlx::query("SELECT 1 FROM sqlite_schema").fetch_optional(unit.connection()?).await.map(drop).mapped()
    }

    async fn close(&self) -> Result<()> {
        self.access.readers.close().await?;
        // Last, so that closing it can fold the write-ahead log into the file.
        self.access.writer.close().await
    }
}

#[async_trait]
impl TransactionBackend for SqliteStore<Open> {
    async fn commit(self: Box<Self>) -> Result<()> {
        self.access.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        self.access.rollback().await
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        Some(self)
    }
}
