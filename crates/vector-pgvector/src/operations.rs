//! [`VectorOperations`], once, for the store and for a transaction of an engine.

use crate::{read, registry, search, store::PgVector, write};
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Page, Result,
    vector::{
        Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities, VectorOperations,
        VectorQuery, VectorStore,
    },
};
use std::sync::Arc;

/// Calls with the index, and once more with what the registry says now where the index that was known is gone.
macro_rules! with_index {
    ($store:expr, $name:expr, $index:ident => $call:expr) => {{
        let (mut $index, mut known) = $store.index($name).await?;
        loop {
            match $call.await {
                Err(error) if known && PgVector::is_outdated(&error) => {
                    $index = $store.index_now($name).await?;
                    known = false;
                }
                done => break done,
            }
        }
    }};
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorOperations for PgVector {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.common.capabilities
    }

    fn info(&self) -> &EngineInfo {
        self.database.info()
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        Ok(Arc::clone(&self.index_now(index).await?.spec))
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        with_index!(self, &scope.index, index => write::upsert(&self.database, &index, scope, points, options))
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        with_index!(self, &scope.index, index => read::get(&self.database, &index, scope, ids, include))
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        with_index!(self, &scope.index, index => write::update(&self.database, &index, scope, selector, update))
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        with_index!(self, &scope.index, index => write::delete(&self.database, &index, scope, selector))
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        with_index!(self, &scope.index, index => write::delete_all(&self.database, &index, scope))
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let mut answers = self.query_batch(scope, std::slice::from_ref(query)).await?;
        answers.pop().ok_or_else(|| mastra_core::Error::internal("a query without an answer"))
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        with_index!(self, &scope.index, index => async {
            let mut work = self.database.read().await?;
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(search::nearest(work.conn()?, self, &index, scope, query).await?);
            }
            work.finish().await?;
            Ok(answers)
        })
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        with_index!(self, &scope.index, index => read::scroll(&self.database, &index, scope, query))
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        with_index!(self, &scope.index, index => read::count(&self.database, &index, scope, query))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorStore for PgVector {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.make_index(spec, true).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        let mut work = self.database.read().await?;
        let indexes = registry::list(work.conn()?, &self.database).await?;
        work.finish().await?;
        Ok(indexes)
    }

    async fn describe_index(&self, name: &str) -> Result<IndexDescription> {
        let index = self.index_now(name).await?;
        let count = read::count_all(&self.database, &index).await?;
        Ok(IndexDescription::new(IndexSpec::clone(&index.spec), count))
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        self.drop_index(index).await
    }

    async fn truncate_index(&self, name: &str) -> Result<()> {
        with_index!(self, name, index => self.empty(&index))
    }

    async fn list_namespaces(&self, name: &str) -> Result<Vec<NamespaceInfo>> {
        with_index!(self, name, index => read::namespaces(&self.database, &index))
    }

    async fn delete_namespace(&self, name: &str, namespace: &str) -> Result<u64> {
        self.delete_all(&Scope::index(name).in_namespace(namespace)).await
    }

    async fn ping(&self) -> Result<()> {
        self.database.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.database.close().await;
        Ok(())
    }
}
