//! The store. What is not written yet says so, method by method.

use crate::capabilities::capabilities;
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Error, Page, Result,
    vector::{
        Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities, VectorOperations,
        VectorQuery, VectorStore,
    },
};
use std::sync::Arc;

/// A store of vectors in Newstore: see [`connect`](crate::connect).
#[derive(Debug)]
pub struct NewstoreVectors {
    capabilities: VectorCapabilities,
    info: EngineInfo,
}

impl NewstoreVectors {
    pub(crate) fn open(url: &str) -> Result<Self> {
        if !url.starts_with("newstore:") {
            return Err(Error::invalid_input("the URL of such a store begins with newstore:"));
        }
        // The namespace stands in every trace: put there what tells stores apart and is no secret, such as host and database.
        let info = EngineInfo { system: "newstore", namespace: String::new() };
        Ok(Self { capabilities: capabilities(), info })
    }
}

/// The error of what is not written yet.
fn later(method: &str) -> Error {
    Error::unsupported(format!("{method} is not written yet"))
}

#[async_trait]
impl VectorOperations for NewstoreVectors {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.capabilities
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn get_index(&self, _index: &str) -> Result<Arc<IndexSpec>> {
        Err(later("get_index"))
    }

    async fn upsert(&self, _scope: &Scope, _points: &[NewPoint], _options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        Err(later("upsert"))
    }

    async fn get(&self, _scope: &Scope, _ids: &[String], _include: Include) -> Result<Vec<Point>> {
        Err(later("get"))
    }

    async fn update(&self, _scope: &Scope, _selector: &PointSelector, _update: &PointUpdate) -> Result<u64> {
        Err(later("update"))
    }

    async fn delete(&self, _scope: &Scope, _selector: &PointSelector) -> Result<u64> {
        Err(later("delete"))
    }

    async fn delete_all(&self, _scope: &Scope) -> Result<u64> {
        Err(later("delete_all"))
    }

    async fn query(&self, _scope: &Scope, _query: &VectorQuery) -> Result<VectorAnswer> {
        Err(later("query"))
    }

    async fn scroll(&self, _scope: &Scope, _query: &ScrollQuery) -> Result<Page<Point>> {
        Err(later("scroll"))
    }

    async fn count(&self, _scope: &Scope, _query: &PointCountQuery) -> Result<Count> {
        Err(later("count"))
    }
}

#[async_trait]
impl VectorStore for NewstoreVectors {
    async fn create_index(&self, _spec: &IndexSpec) -> Result<()> {
        Err(later("create_index"))
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        Err(later("list_indexes"))
    }

    async fn describe_index(&self, _index: &str) -> Result<IndexDescription> {
        Err(later("describe_index"))
    }

    async fn delete_index(&self, _index: &str) -> Result<()> {
        Err(later("delete_index"))
    }

    async fn truncate_index(&self, _index: &str) -> Result<()> {
        Err(later("truncate_index"))
    }

    async fn list_namespaces(&self, _index: &str) -> Result<Vec<NamespaceInfo>> {
        Err(later("list_namespaces"))
    }

    async fn delete_namespace(&self, _index: &str, _namespace: &str) -> Result<u64> {
        Err(later("delete_namespace"))
    }

    async fn ping(&self) -> Result<()> {
        Err(later("ping"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
