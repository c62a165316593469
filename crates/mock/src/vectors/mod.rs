//! The vector store of the mock: the reference that every other store is held to.
//!
//! It keeps its points in the tables of the engine, so that a transaction holds both, and looks at every point of a namespace by core's
//! `FlatPoints`.

mod read;
mod write;

use crate::connection::{Connection, EachCall};
use crate::engine::{Mock, MockEngine};
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Page, Result,
    vector::{
        CheckedVectors, FlatPoints as _, Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery,
        PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities,
        VectorOperations, VectorQuery, VectorStore,
    },
};
use std::sync::Arc;

/// The key of a point: index, namespace, id.
pub(crate) type PointKey = (String, String, String);

/// What the mock can do with vectors: everything, within one process.
pub(crate) const CAPABILITIES: VectorCapabilities = {
    let mut can = VectorCapabilities::all();
    can.admin.persistent = false;
    can.admin.multi_process = false;
    can
};

impl MockEngine {
    /// The vector store of this engine, as every backend hands itself out: arguments checked, calls traced. It shares the engine's
    /// tables, transactions and faults.
    ///
    /// ```
    /// use mastra_core::vector::{IndexSpec, NewPoint, Scope, VectorOperations as _, VectorQuery, VectorStore as _};
    /// use mastra_mock::MockEngine;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> mastra_core::Result<()> {
    /// let store = MockEngine::new().vectors();
    /// store.create_index(&IndexSpec::new("docs", 2)).await?;
    /// let points = [NewPoint::new("a", [1.0, 0.0]), NewPoint::new("b", [0.0, 1.0])];
    /// store.upsert(&Scope::index("docs"), &points, &Default::default()).await?;
    /// let answer = store.query(&Scope::index("docs"), &VectorQuery::vector([0.9, 0.1]).top_k(1)).await?;
    /// assert_eq!(answer.hits[0].id, "a");
    /// # Ok(())
    /// # }
    /// ```
    pub fn vectors(&self) -> CheckedVectors<Self> {
        CheckedVectors::new(self.same())
    }
}

#[async_trait]
impl<C: Connection> VectorOperations for Mock<C> {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.connection().handle().vector_capabilities
    }

    fn info(&self) -> &EngineInfo {
        &self.connection().handle().shared.info
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        self.connection().read("get_index", |reader| reader.index(index).cloned()).await
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        self.connection().write("upsert", |mut writer| writer.upsert_points(scope, points, options)).await
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        self.connection().read("get", |reader| Ok(reader.namespace(scope)?.read(ids, include))).await
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        self.connection().write("update", |mut writer| writer.update_points(scope, selector, update)).await
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        self.connection().write("delete", |mut writer| writer.delete_points(scope, selector)).await
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        self.connection().write("delete_all", |mut writer| writer.clear_namespace(scope)).await
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        self.connection().read("query", |reader| reader.namespace(scope)?.search(query)).await
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        let operation = "query_batch";
        self.connection()
            .read(operation, |reader| queries.iter().map(|query| reader.namespace(scope)?.search(query)).collect())
            .await
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        self.connection().read("scroll", |reader| reader.namespace(scope)?.page(scope, query)).await
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        self.connection().read("count", |reader| Ok(reader.namespace(scope)?.count(query))).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorStore for Mock<EachCall> {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.connection().write("create_index", |mut writer| writer.create_index(spec)).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        self.connection().read("list_indexes", |reader| Ok(reader.indexes())).await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        self.connection().read("describe_index", |reader| reader.describe_index(index)).await
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        self.connection().write("delete_index", |mut writer| writer.delete_index(index)).await
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        self.connection().write("truncate_index", |mut writer| writer.truncate_index(index)).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        self.connection().read("list_namespaces", |reader| reader.namespaces(index)).await
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        let scope = Scope::index(index).in_namespace(namespace);
        self.connection().write("delete_namespace", |mut writer| writer.clear_namespace(&scope)).await
    }

    async fn ping(&self) -> Result<()> {
        self.connection().read("ping", |_| Ok(())).await
    }

    async fn close(&self) -> Result<()> {
        self.connection().handle().close();
        Ok(())
    }
}
