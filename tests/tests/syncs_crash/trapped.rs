//! An engine that kills its process at a step, and one that makes a mistake on purpose.

use crate::moment::{Phase, Trap};
use async_trait::async_trait;
use mastra_core::{
    Engine, EntityRef, FieldIndex, FieldIndexKind, Path, RecordQuery, RecordStream, Result, Transaction, TransactionBackend,
    vector::VectorOperations,
};
use serde::{Deserialize, Serialize};
use std::{future::Future, sync::Arc};

/// What an engine or a writer could do wrong, and the comparison has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mistake {
    /// Each call is a transaction of its own.
    NoTransaction,
    /// The stored cursor is a page ahead of the stored records.
    CursorFirst,
    /// What is met at the end of the third page is not noted.
    Unseen,
}

/// Passes everything on, and stops at each step.
#[derive(Debug, Clone)]
pub(crate) struct Trapped<S> {
    pub(crate) inner: S,
    pub(crate) trap: Arc<Trap>,
    pub(crate) mistake: Option<Mistake>,
}

impl<S> Trapped<S> {
    pub(crate) fn new(inner: S, trap: Arc<Trap>, mistake: Option<Mistake>) -> Self {
        Self { inner, trap, mistake }
    }

    pub(crate) async fn at<T>(&self, step: &'static str, work: impl Future<Output = T>) -> T {
        self.trap.come(step, Phase::Before);
        let done = work.await;
        self.trap.come(step, Phase::After);
        done
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Engine for Trapped<Arc<dyn Engine>> {
    async fn begin(&self) -> Result<Transaction> {
        if self.mistake == Some(Mistake::NoTransaction) {
            return Ok(Transaction::new(Box::new(self.clone())));
        }
        let inner = self.at("begin", self.inner.begin()).await?;
        Ok(Transaction::new(Box::new(Trapped::new(inner, Arc::clone(&self.trap), self.mistake))))
    }

    async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
        self.at("stream_records", self.inner.stream_records(entity, query)).await
    }

    async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
        self.at("create_field_index", self.inner.create_field_index(entity, path, kind)).await
    }

    async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
        self.at("list_field_indexes", self.inner.list_field_indexes(entity)).await
    }

    async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
        self.at("drop_field_index", self.inner.drop_field_index(entity, path, kind)).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl TransactionBackend for Trapped<Transaction> {
    async fn commit(self: Box<Self>) -> Result<()> {
        let Self { inner, trap, .. } = *self;
        trap.come("commit", Phase::Before);
        let done = inner.commit().await;
        trap.come("commit", Phase::After);
        done
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        let Self { inner, trap, .. } = *self;
        trap.come("rollback", Phase::Before);
        let done = inner.rollback().await;
        trap.come("rollback", Phase::After);
        done
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        None
    }
}

/// The transaction of [`Mistake::NoTransaction`].
#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl TransactionBackend for Trapped<Arc<dyn Engine>> {
    async fn commit(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<()> {
        Ok(())
    }

    fn vectors(&self) -> Option<&dyn VectorOperations> {
        None
    }
}
