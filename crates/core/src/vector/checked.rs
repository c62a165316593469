//! The wrapper that every vector store is handed out in: it validates, traces and retries, so that no backend has to.

use super::{
    answer::VectorAnswer,
    capabilities::VectorCapabilities,
    index::{IndexDescription, IndexSpec, NamespaceInfo},
    point::{Include, NewPoint, Point, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
    query::{PointCountQuery, ScrollQuery, VectorQuery},
    store::{VectorOperations, VectorStore},
    validate,
};
use crate::{
    engine::EngineInfo,
    error::{Error, ErrorKind, Result},
    query::{Count, Page},
    retry::Backoff,
    validate::name,
};
use async_trait::async_trait;
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, PoisonError, RwLock},
};
use tracing::{Instrument as _, field::Empty};

/// What an index says to the arguments of a call.
type Judge<'j> = dyn Fn(&IndexSpec) -> Result<()> + Send + Sync + 'j;

/// A store that refuses malformed or unsupported arguments before any I/O, puts a span with OpenTelemetry's database names around every
/// call, names the operation and the index in every error, and retries what another writer made fail.
///
/// A vector can only be judged by its index, so how an index was made is looked up once and remembered; an error that says it is
/// another by now makes it be looked up again.
#[derive(Debug)]
pub struct CheckedVectors<S> {
    inner: S,
    retries: bool,
    known: RwLock<HashMap<String, Arc<IndexSpec>>>,
}

impl<S: VectorOperations> CheckedVectors<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> Self {
        Self { inner, retries: true, known: RwLock::default() }
    }

    /// Wraps the vectors of a transaction: nothing in it can be retried alone.
    pub fn without_retry(inner: S) -> Self {
        Self { inner, retries: false, known: RwLock::default() }
    }

    /// The backend itself.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Unwraps the backend.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// How the index was made, from memory where it is known.
    async fn spec(&self, index: &str) -> Result<Arc<IndexSpec>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(index).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let spec = self.inner.get_index(index).await?;
        // Inside a transaction an index may be one that is never committed.
        if self.retries {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(index.to_owned(), Arc::clone(&spec));
        }
        Ok(spec)
    }

    fn forget(&self, index: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(index);
    }

    /// One traced, checked, retried call. What does not pass `of_index` is judged anew by the index as it is now: it may have been made
    /// again with another dimension.
    async fn call<T, F>(
        &self,
        operation: &'static str,
        index: Option<&str>,
        size: Option<usize>,
        checked: Result<()>,
        of_index: Option<&Judge<'_>>,
        run: impl Fn() -> F + Send + Sync,
    ) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        let info = self.inner.info();
        let span = tracing::debug_span!(
            "db",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = info.system,
            db.namespace = info.namespace,
            db.collection.name = Empty,
            db.operation.name = operation,
            db.operation.batch.size = Empty,
            error.r#type = Empty,
        );
        if let Some(index) = index {
            span.record("db.collection.name", index);
        }
        if let Some(size) = size {
            span.record("db.operation.batch.size", size);
        }
        let result = async {
            checked?;
            if let (Some(judge), Some(index)) = (of_index, index)
                && judge(&*self.spec(index).await?).is_err()
            {
                self.forget(index);
                judge(&*self.spec(index).await?)?;
            }
            let mut backoff = Backoff::default();
            loop {
                match run().await {
                    Err(error) if self.retries && error.kind() == ErrorKind::Conflict && error.is_retryable() => {
                        let Some(pause) = backoff.next() else { return Err(error) };
                        tracing::debug!(attempt = backoff.attempts(), "another writer made the call fail; trying again");
                        pause.await;
                    }
                    done => return done,
                }
            }
        }
        .instrument(span.clone())
        .await;
        result.map_err(|error: Error| {
            span.record("error.type", error.kind().as_str());
            let error = match index {
                Some(index) => {
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::SchemaMismatch) {
                        self.forget(index);
                    }
                    if error.get("index").is_some() { error } else { error.with("index", index) }
                }
                None => error,
            };
            error.with_operation(operation)
        })
    }

    fn can(&self) -> &VectorCapabilities {
        self.inner.capabilities()
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: VectorOperations> VectorOperations for CheckedVectors<S> {
    fn capabilities(&self) -> &VectorCapabilities {
        self.inner.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.inner.info()
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        self.forget(index);
        self.call("get_index", Some(index), None, name("index name", index), None, || self.inner.get_index(index)).await
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        let checked = validate::scope(scope, self.can()).and_then(|()| validate::points(points, options, self.can()));
        let judge = |spec: &IndexSpec| validate::points_of(points, options, spec);
        let run = || self.inner.upsert(scope, points, options);
        self.call("upsert", Some(&scope.index), Some(points.len()), checked, Some(&judge), run).await
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        let checked = validate::scope(scope, self.can()).and_then(|()| validate::ids(ids, self.can()));
        let run = || self.inner.get(scope, ids, include);
        self.call("get", Some(&scope.index), Some(ids.len()), checked, None, run).await
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let can = self.can();
        let checked = validate::scope(scope, can)
            .and_then(|()| validate::selector(selector, can.write.update_by_filter, can))
            .and_then(|()| validate::update(update, can));
        let judge = |spec: &IndexSpec| {
            validate::model(update.model.as_deref(), spec)?;
            update.vector.as_ref().map_or(Ok(()), |vector| validate::vector(vector, spec))
        };
        let run = || self.inner.update(scope, selector, update);
        self.call("update", Some(&scope.index), None, checked, Some(&judge), run).await
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let can = self.can();
        let checked = validate::scope(scope, can).and_then(|()| validate::selector(selector, can.write.delete_by_filter, can));
        self.call("delete", Some(&scope.index), None, checked, None, || self.inner.delete(scope, selector)).await
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        let checked = validate::scope(scope, self.can());
        self.call("delete_all", Some(&scope.index), None, checked, None, || self.inner.delete_all(scope)).await
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let checked = validate::scope(scope, self.can()).and_then(|()| validate::query(query, self.can()));
        let judge = |spec: &IndexSpec| validate::query_of(query, spec);
        self.call("query", Some(&scope.index), None, checked, Some(&judge), || self.inner.query(scope, query)).await
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        let numbered = |check: &dyn Fn(&VectorQuery) -> Result<()>| {
            let mut each = queries.iter().enumerate();
            each.try_for_each(|(index, query)| check(query).map_err(|error| error.with("query", index)))
        };
        let checked = validate::scope(scope, self.can()).and_then(|()| numbered(&|query| validate::query(query, self.can())));
        let judge = |spec: &IndexSpec| numbered(&|query| validate::query_of(query, spec));
        let run = || self.inner.query_batch(scope, queries);
        self.call("query_batch", Some(&scope.index), Some(queries.len()), checked, Some(&judge), run).await
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let checked = validate::scope(scope, self.can()).and_then(|()| validate::scroll(query, scope, self.can()));
        self.call("scroll", Some(&scope.index), None, checked, None, || self.inner.scroll(scope, query)).await
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        let checked = validate::scope(scope, self.can()).and_then(|()| validate::count(query, self.can()));
        self.call("count", Some(&scope.index), None, checked, None, || self.inner.count(scope, query)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl<S: VectorStore> VectorStore for CheckedVectors<S> {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.forget(&spec.name);
        let checked = validate::spec(spec, self.can());
        self.call("create_index", Some(&spec.name), None, checked, None, || self.inner.create_index(spec)).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        self.call("list_indexes", None, None, Ok(()), None, || self.inner.list_indexes()).await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        let checked = name("index name", index);
        self.call("describe_index", Some(index), None, checked, None, || self.inner.describe_index(index)).await
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        self.forget(index);
        let checked = name("index name", index);
        self.call("delete_index", Some(index), None, checked, None, || self.inner.delete_index(index)).await
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        let checked = name("index name", index);
        self.call("truncate_index", Some(index), None, checked, None, || self.inner.truncate_index(index)).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        let checked = name("index name", index);
        self.call("list_namespaces", Some(index), None, checked, None, || self.inner.list_namespaces(index)).await
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        let checked = name("index name", index).and_then(|()| validate::namespace(namespace, self.can()));
        let run = || self.inner.delete_namespace(index, namespace);
        self.call("delete_namespace", Some(index), None, checked, None, run).await
    }

    async fn ping(&self) -> Result<()> {
        self.call("ping", None, None, Ok(()), None, || self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await.map_err(|error| error.with_operation("close"))
    }
}
