//! The operations of a transaction's vectors, as a store.

use async_trait::async_trait;
use mastra_core::{
    Count, Engine, EngineInfo, Error, Page, Result,
    vector::{
        CheckedVectors, Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector,
        PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities,
        VectorOperations, VectorQuery, VectorStore,
    },
};
use std::sync::Arc;

/// Makes every call on points in a transaction of the engine, which is committed; indexes are the store's own work. So the suite runs
/// on the vectors of transactions as it does on the store.
#[derive(Debug)]
pub struct EachInTransaction {
    engine: Arc<dyn Engine>,
    store: Arc<dyn VectorStore>,
}

impl EachInTransaction {
    /// Over an engine and the store that shares its database.
    pub fn new(engine: Arc<dyn Engine>, store: Arc<dyn VectorStore>) -> Self {
        Self { engine, store }
    }

    async fn run<T>(&self, call: impl AsyncCall<T>) -> Result<T> {
        let transaction = self.engine.begin().await?;
        let vectors = transaction.vectors().ok_or_else(|| Error::unsupported("the engine's transaction has no vectors"))?;
        let result = call.on(&vectors).await;
        drop(vectors);
        match result {
            Ok(value) => transaction.commit().await.map(|()| value),
            Err(error) => {
                transaction.rollback().await?;
                Err(error)
            }
        }
    }
}

/// One call, on whatever the transaction gives.
#[async_trait]
trait AsyncCall<T>: Send {
    async fn on(self, vectors: &CheckedVectors<&dyn VectorOperations>) -> Result<T>;
}

/// A struct of each call's arguments, and the call.
macro_rules! calls {
    ($($name:ident($($argument:ident: $type:ty),*) -> $returns:ty => $method:ident;)*) => {
        $(struct $name<'a>($(&'a $type),*);

        #[async_trait]
        impl AsyncCall<$returns> for $name<'_> {
            async fn on(self, vectors: &CheckedVectors<&dyn VectorOperations>) -> Result<$returns> {
                let Self($($argument),*) = self;
                vectors.$method($($argument),*).await
            }
        })*
    };
}

calls! {
    GetIndex(index: str) -> Arc<IndexSpec> => get_index;
    Upsert(scope: Scope, points: [NewPoint], options: PointUpsertOptions) -> PointUpsertReport => upsert;
    Update(scope: Scope, selector: PointSelector, update: PointUpdate) -> u64 => update;
    Delete(scope: Scope, selector: PointSelector) -> u64 => delete;
    DeleteAll(scope: Scope) -> u64 => delete_all;
    Query(scope: Scope, query: VectorQuery) -> VectorAnswer => query;
    QueryBatch(scope: Scope, queries: [VectorQuery]) -> Vec<VectorAnswer> => query_batch;
    Scroll(scope: Scope, query: ScrollQuery) -> Page<Point> => scroll;
    CountPoints(scope: Scope, query: PointCountQuery) -> Count => count;
}

struct Get<'a>(&'a Scope, &'a [String], Include);

#[async_trait]
impl AsyncCall<Vec<Point>> for Get<'_> {
    async fn on(self, vectors: &CheckedVectors<&dyn VectorOperations>) -> Result<Vec<Point>> {
        vectors.get(self.0, self.1, self.2).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorOperations for EachInTransaction {
    fn capabilities(&self) -> &VectorCapabilities {
        self.store.capabilities()
    }

    fn info(&self) -> &EngineInfo {
        self.store.info()
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        self.run(GetIndex(index)).await
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        self.run(Upsert(scope, points, options)).await
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        self.run(Get(scope, ids, include)).await
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        self.run(Update(scope, selector, update)).await
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        self.run(Delete(scope, selector)).await
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        self.run(DeleteAll(scope)).await
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        self.run(Query(scope, query)).await
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        self.run(QueryBatch(scope, queries)).await
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        self.run(Scroll(scope, query)).await
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        self.run(CountPoints(scope, query)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorStore for EachInTransaction {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.store.create_index(spec).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        self.store.list_indexes().await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        self.store.describe_index(index).await
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        self.store.delete_index(index).await
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        self.store.truncate_index(index).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        self.store.list_namespaces(index).await
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        self.store.delete_namespace(index, namespace).await
    }

    async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}
