//! A store behind a pointer is a store, so that generic code takes `Arc<dyn VectorStore>`, `Box<dyn VectorStore>` and `&dyn
//! VectorStore` as they are.

use super::{
    answer::VectorAnswer,
    capabilities::VectorCapabilities,
    index::{IndexDescription, IndexSpec, NamespaceInfo},
    point::{Include, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
    query::{PointCountQuery, ScrollQuery, VectorQuery},
    store::{VectorOperations, VectorStore},
};
use crate::{
    engine::EngineInfo,
    error::Result,
    query::{Count, Page},
};
use async_trait::async_trait;
use std::sync::Arc;

macro_rules! forward {
    ($($pointer:ty),*) => {
        $(#[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: VectorOperations + ?Sized> VectorOperations for $pointer {
            fn capabilities(&self) -> &VectorCapabilities {
                (**self).capabilities()
            }
            fn info(&self) -> &EngineInfo {
                (**self).info()
            }
            async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
                (**self).get_index(index).await
            }
            async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
                (**self).upsert(scope, points, options).await
            }
            async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
                (**self).get(scope, ids, include).await
            }
            async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
                (**self).update(scope, selector, update).await
            }
            async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
                (**self).delete(scope, selector).await
            }
            async fn delete_all(&self, scope: &Scope) -> Result<u64> {
                (**self).delete_all(scope).await
            }
            async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
                (**self).query(scope, query).await
            }
            async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
                (**self).query_batch(scope, queries).await
            }
            async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
                (**self).scroll(scope, query).await
            }
            async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
                (**self).count(scope, query).await
            }
        }

        #[deny(clippy::missing_trait_methods)]
        #[async_trait]
        impl<T: VectorStore + ?Sized> VectorStore for $pointer {
            async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
                (**self).create_index(spec).await
            }
            async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
                (**self).list_indexes().await
            }
            async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
                (**self).describe_index(index).await
            }
            async fn delete_index(&self, index: &str) -> Result<()> {
                (**self).delete_index(index).await
            }
            async fn truncate_index(&self, index: &str) -> Result<()> {
                (**self).truncate_index(index).await
            }
            async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
                (**self).list_namespaces(index).await
            }
            async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
                (**self).delete_namespace(index, namespace).await
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

forward!(Box<T>, Arc<T>, &T);
