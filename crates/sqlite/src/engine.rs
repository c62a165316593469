//! The engine as a whole, and its transactions.

use crate::{
    error::Mapped as _,
    records,
    store::{SqliteEngine, SqliteStore},
    unit::{Access as _, Open},
};
use async_trait::async_trait;
use mastra_core::{Engine, EntityRef, RecordQuery, RecordStream, Result, Transaction, TransactionBackend};
use std::sync::Arc;

#[async_trait]
impl Engine for SqliteEngine {
    async fn begin(&self) -> Result<Transaction> {
        let mut lease = self.access.writer.lease().await?;
        lease.begin("BEGIN IMMEDIATE").await?;
        Ok(Transaction::new(Box::new(SqliteStore::new(Open::new(lease), Arc::clone(&self.info), self.capabilities))))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        records::stream(&self.access, entity, query).await
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
}
