//! An engine behind a pointer is an engine, so that generic code takes `Arc<dyn Engine>` and `Box<dyn Engine>` as they are.

use super::{Engine, FieldIndex, FieldIndexKind, RecordStream, Transaction};
use crate::{entity::EntityRef, error::Result, path::Path, query::RecordQuery};
use async_trait::async_trait;
use std::sync::Arc;

macro_rules! forward_engine {
    ($($pointer:ident)*) => {
        $(#[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: Engine + ?Sized> Engine for $pointer<T> {
            async fn begin(&self) -> Result<Transaction> {
                (**self).begin().await
            }
            async fn stream_records(&self, entity: &EntityRef, query: &RecordQuery) -> Result<RecordStream> {
                (**self).stream_records(entity, query).await
            }
            async fn create_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<FieldIndex> {
                (**self).create_field_index(entity, path, kind).await
            }
            async fn list_field_indexes(&self, entity: &EntityRef) -> Result<Vec<FieldIndex>> {
                (**self).list_field_indexes(entity).await
            }
            async fn drop_field_index(&self, entity: &EntityRef, path: &Path, kind: FieldIndexKind) -> Result<()> {
                (**self).drop_field_index(entity, path, kind).await
            }
            async fn ping(&self) -> Result<()> {
                (**self).ping().await
            }
            async fn close(&self) -> Result<()> {
                (**self).close().await
            }
        })*
    };
}

forward_engine!(Box Arc);
