//! The store: the traits, and what is remembered of indexes.

use crate::{
    builder::{QdrantBuilder, Settings},
    client::Client,
    filter::Plan,
    known::Known,
    name,
    payload::Reads,
};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use mastra_core::{
    Count, EngineInfo, Error, ErrorKind, Page, Result,
    vector::{
        Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector, PointUpdate,
        PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities, VectorOperations,
        VectorQuery, VectorStore,
    },
};
use qdrant_client::qdrant::PointId;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock, atomic::AtomicBool},
};

/// Queries of one batch that are under way at once.
const AT_ONCE: usize = 8;

/// Vectors in Qdrant: handed out by [`connect`](crate::connect) and [`QdrantBuilder::connect`], with arguments checked.
///
/// Qdrant has no transactions. Upserts with `replace_where` wait for those of this process that have the same index, namespace and filter;
/// of two processes that replace the same points at once, under ids of their own, the points of both are left until the next call.
#[derive(Debug)]
pub struct QdrantVectors {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    capabilities: VectorCapabilities,
    info: EngineInfo,
    known: RwLock<HashMap<String, Arc<Known>>>,
    /// Whether the server knows conditions on the beginning of a word, as far as it has been asked.
    pub(crate) knows_beginnings: AtomicBool,
}

impl QdrantVectors {
    /// How to connect to the server of this URL, as [`connect`](crate::connect) takes it.
    ///
    /// ```no_run
    /// use mastra_qdrant::{QdrantVectors, Quantization};
    ///
    /// # async fn connect() -> mastra_core::Result<()> {
    /// let store = QdrantVectors::builder("https://qdrant.example.com")?
    ///     .api_key("…")
    ///     .prefix("staging_")
    ///     .quantization(Quantization::Scalar)
    ///     .numbers("price".parse()?)
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: &str) -> Result<QdrantBuilder> {
        QdrantBuilder::from_url(url)
    }

    pub(crate) fn new(client: Client, host: String, capabilities: VectorCapabilities, settings: Settings) -> Self {
        let namespace = if settings.prefix.is_empty() { host } else { format!("{host}/{}", settings.prefix) };
        let info = EngineInfo { system: "qdrant", namespace };
        Self { client, settings, capabilities, info, known: RwLock::default(), knows_beginnings: AtomicBool::new(true) }
    }

    /// The server, and the prefix.
    pub(crate) fn server(&self) -> &str {
        &self.info.namespace
    }

    pub(crate) fn collection(&self, index: &str) -> String {
        name::collection(&self.settings.prefix, index)
    }

    /// The index as it is remembered, else as it is.
    pub(crate) async fn known(&self, index: &str) -> Result<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(index).cloned();
        match known {
            Some(known) => Ok(known),
            None => self.look_up(index).await,
        }
    }

    /// The index as it is.
    async fn look_up(&self, index: &str) -> Result<Arc<Known>> {
        self.forget(index);
        let collection = self.collection(index);
        let missing = || Error::not_found("there is no vector index of this name").with("index", index);
        let info = match self.collection_info(&collection).await {
            Ok(info) => info.ok_or_else(missing)?,
            Err(error) if error.is_not_found() => return Err(missing()),
            Err(error) => return Err(error),
        };
        let known = Arc::new(Known::read(collection, &info)?.ok_or_else(missing)?);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(index.to_owned(), Arc::clone(&known));
        Ok(known)
    }

    pub(crate) fn forget(&self, index: &str) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(index);
    }

    /// A refusal may mean that the index is another by now. Everything else that the server refuses has been checked before.
    async fn settle<T>(&self, scope: &Scope, known: &Known, result: Result<T>) -> Result<T> {
        let Err(error) = result else { return result };
        if !matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound | ErrorKind::SchemaMismatch) {
            return Err(error);
        }
        let now = self.look_up(&scope.index).await?;
        if now.spec != known.spec && error.kind() != ErrorKind::SchemaMismatch {
            return Err(Error::schema_mismatch("the index was made again, otherwise, while it was in use; try again"));
        }
        Err(error)
    }
}

/// The ids of points, each once, in the order of their ids.
pub(crate) fn points_of(namespace: &str, ids: &[String]) -> Vec<PointId> {
    let mut seen = HashSet::new();
    ids.iter().filter(|id| seen.insert(id.as_str())).map(|id| name::point(namespace, id).into()).collect()
}

#[async_trait]
impl VectorOperations for QdrantVectors {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.capabilities
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        Ok(Arc::clone(&self.look_up(index).await?.spec))
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        let known = self.known(&scope.index).await?;
        let result = self.upsert_points(&known, scope, points, options).await;
        self.settle(scope, &known, result).await
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        let known = self.known(&scope.index).await?;
        let result = self.read_ids(&known, &points_of(&scope.namespace, ids), Reads::new(include)).await;
        let found = self.settle(scope, &known, result).await?;
        let mut found: HashMap<String, Point> =
            found.into_iter().map(|read| (read.point.id.clone(), read.point.only(include))).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let known = self.known(&scope.index).await?;
        let result = self.update_points(&known, scope, selector, update).await;
        self.settle(scope, &known, result).await
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let known = self.known(&scope.index).await?;
        let result = self.delete_selected(&known, scope, selector).await;
        self.settle(scope, &known, result).await
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        let known = self.known(&scope.index).await?;
        let result = self.delete_tenant(&known, &scope.namespace).await;
        self.settle(scope, &known, result).await
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let known = self.known(&scope.index).await?;
        let result = self.search(&known, scope, query).await;
        self.settle(scope, &known, result).await
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        // The index is looked up once.
        self.known(&scope.index).await?;
        let queries: Vec<_> = queries.iter().map(|query| self.query(scope, query)).collect();
        stream::iter(queries).buffered(AT_ONCE).try_collect().await
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let known = self.known(&scope.index).await?;
        let result = self.page(&known, scope, query).await;
        self.settle(scope, &known, result).await
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        let known = self.known(&scope.index).await?;
        let result = self.count_matching(&known, &scope.namespace, &Plan::new(&query.filter), query.cap).await;
        let counted = self.settle(scope, &known, result).await?;
        let capped = query.cap.is_some_and(|cap| counted > cap);
        Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
    }
}

#[async_trait]
impl VectorStore for QdrantVectors {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        self.create(spec).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        self.list().await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        let known = self.look_up(index).await?;
        let count = self.count_all(&known, None).await?;
        Ok(IndexDescription::new(IndexSpec::clone(&known.spec), count))
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        let known = self.look_up(index).await?;
        self.forget(index);
        if self.drop_collection(&known.collection).await? {
            return Ok(());
        }
        Err(Error::not_found("there is no vector index of this name"))
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        let known = self.look_up(index).await?;
        self.delete_every_point(&known).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        let known = self.look_up(index).await?;
        self.namespaces(&known).await
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        self.delete_all(&Scope::index(index).in_namespace(namespace)).await
    }

    async fn ping(&self) -> Result<()> {
        self.client.repeatable(|client| async move { client.health_check().await }).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.client.close();
        Ok(())
    }
}
