//! Handles that reach one namespace and nothing else.

use super::{
    answer::VectorAnswer,
    point::{Include, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
    query::{PointCountQuery, ScrollQuery, VectorQuery},
    store::VectorOperations,
};
use crate::{
    error::{Error, Result},
    query::{Count, Page},
};

/// Conveniences on every store and every transaction's vectors.
pub trait VectorOperationsExt: VectorOperations {
    /// A handle for one tenant, that reaches the points of this namespace and no others, and administers nothing.
    ///
    /// ```no_run
    /// # use mastra_core::{Result, vector::{VectorOperationsExt as _, VectorQuery, VectorStore}};
    /// # async fn example(store: &dyn VectorStore) -> Result<()> {
    /// let tenant = store.namespace("tenant-a");
    /// let answer = tenant.index("docs").query(&VectorQuery::vector([0.1, 0.9])).await?;
    /// # Ok(())
    /// # }
    /// ```
    fn namespace(&self, namespace: impl Into<String>) -> NamespaceHandle<&Self> {
        NamespaceHandle::new(self, namespace)
    }
}

impl<T: VectorOperations + ?Sized> VectorOperationsExt for T {}

/// One tenant's part of a store: hand this, not the store, to code that works for a tenant.
///
/// Every operation of a tenant without a name is `InvalidInput`: an empty name, such as that of a setting which was left out, would
/// reach the default namespace. Code that means that one takes a [`Scope`].
#[derive(Debug, Clone)]
pub struct NamespaceHandle<S> {
    store: S,
    namespace: String,
}

impl<S: VectorOperations> NamespaceHandle<S> {
    /// Narrows a store, such as an `Arc<dyn VectorStore>`.
    pub fn new(store: S, namespace: impl Into<String>) -> Self {
        Self { store, namespace: namespace.into() }
    }

    /// The namespace's name.
    pub fn name(&self) -> &str {
        &self.namespace
    }

    /// The namespace's part of an index.
    pub fn index(&self, index: impl Into<String>) -> NamespaceIndex<'_> {
        NamespaceIndex { store: &self.store, scope: Scope::index(index).in_namespace(&self.namespace) }
    }
}

/// The points of one namespace in one index.
#[derive(Debug, Clone)]
pub struct NamespaceIndex<'s> {
    store: &'s dyn VectorOperations,
    scope: Scope,
}

impl NamespaceIndex<'_> {
    fn scope(&self) -> Result<&Scope> {
        if self.scope.namespace.is_empty() {
            let message = "the namespace of a tenant has no name: that would reach the points which belong to no tenant";
            return Err(Error::invalid_input(message).with("index", &self.scope.index));
        }
        Ok(&self.scope)
    }

    /// As [`VectorOperations::upsert`].
    pub async fn upsert(&self, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        self.store.upsert(self.scope()?, points, options).await
    }

    /// As [`VectorOperations::get`].
    pub async fn get(&self, ids: &[String], include: Include) -> Result<Vec<Point>> {
        self.store.get(self.scope()?, ids, include).await
    }

    /// As [`VectorOperations::update`].
    pub async fn update(&self, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        self.store.update(self.scope()?, selector, update).await
    }

    /// As [`VectorOperations::delete`].
    pub async fn delete(&self, selector: &PointSelector) -> Result<u64> {
        self.store.delete(self.scope()?, selector).await
    }

    /// As [`VectorOperations::delete_all`].
    pub async fn delete_all(&self) -> Result<u64> {
        self.store.delete_all(self.scope()?).await
    }

    /// As [`VectorOperations::query`].
    pub async fn query(&self, query: &VectorQuery) -> Result<VectorAnswer> {
        self.store.query(self.scope()?, query).await
    }

    /// As [`VectorOperations::query_batch`].
    pub async fn query_batch(&self, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        self.store.query_batch(self.scope()?, queries).await
    }

    /// As [`VectorOperations::scroll`].
    pub async fn scroll(&self, query: &ScrollQuery) -> Result<Page<Point>> {
        self.store.scroll(self.scope()?, query).await
    }

    /// As [`VectorOperations::count`].
    pub async fn count(&self, query: &PointCountQuery) -> Result<Count> {
        self.store.count(self.scope()?, query).await
    }
}
