//! The store: every call is one piece of work on the folder, done on a thread where it may wait for the disk.

use crate::folder::Folder;
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Error, Filter, Page, Result,
    vector::{
        FlatNamespace, FlatPoints as _, Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointChanges,
        PointCountQuery, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer,
        VectorCapabilities, VectorOperations, VectorQuery, VectorStore,
    },
};
use std::sync::{Arc, PoisonError, RwLock};

/// What a call changes, and what it tells.
type Planned<T> = Result<(PointChanges, T)>;

/// Everything that looking at every point gives, in one process at a time.
const CAPABILITIES: VectorCapabilities = {
    let mut can = VectorCapabilities::all();
    can.kind.hnsw = false;
    can.kind.ivf_flat = false;
    can.write.transactions = false;
    can.admin.multi_process = false;
    // An index's name is that of a file.
    can.limits.plain_index_names = true;
    can.limits.index_name_bytes = Some(100);
    can
};

/// A store of vectors in a folder: see [`connect`](crate::connect).
#[derive(Debug)]
pub struct JsonlVectors {
    pub(crate) info: EngineInfo,
    /// `None` once it is closed.
    pub(crate) folder: Arc<RwLock<Option<Folder>>>,
}

impl JsonlVectors {
    async fn read<T: Sent>(&self, work: impl FnOnce(&Folder) -> Result<T> + Sent) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(folder.read().unwrap_or_else(PoisonError::into_inner).as_ref().ok_or_else(closed)?)).await
    }

    async fn write<T: Sent>(&self, work: impl FnOnce(&mut Folder) -> Result<T> + Sent) -> Result<T> {
        let folder = Arc::clone(&self.folder);
        blocking(move || work(folder.write().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(closed)?)).await
    }

    /// Asks the points of a namespace.
    async fn ask<T: Sent>(&self, at: &Scope, ask: impl FnOnce(FlatNamespace<'_>) -> Result<T> + Sent) -> Result<T> {
        let Scope { index, namespace } = at.clone();
        self.read(move |folder| ask(folder.index(&index)?.points.namespace(&namespace))).await
    }

    /// Makes the changes that are planned on the points of a namespace; gives the plan's report, and how many points it touches.
    async fn change<T: Sent>(&self, at: &Scope, plan: impl FnOnce(FlatNamespace<'_>) -> Planned<T> + Sent) -> Result<(T, u64)> {
        let Scope { index, namespace } = at.clone();
        self.write(move |folder| {
            let index = folder.index_mut(&index)?;
            let (changes, report) = plan(index.points.namespace(&namespace))?;
            Ok((report, index.write(changes)?))
        })
        .await
    }
}

/// What goes to another thread and comes back.
pub(crate) trait Sent: Send + 'static {}
impl<T: Send + 'static> Sent for T {}

/// Runs work to its end, even where the caller goes away: a call takes effect as a whole or not at all.
pub(crate) async fn blocking<T: Sent>(work: impl FnOnce() -> Result<T> + Sent) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|source| Error::internal("the work on the folder was given up").with_source(source))?
}

fn closed() -> Error {
    Error::unavailable("the store is closed").retryable(false)
}

#[async_trait]
impl VectorOperations for JsonlVectors {
    fn capabilities(&self) -> &VectorCapabilities {
        &CAPABILITIES
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        let index = index.to_owned();
        self.read(move |folder| Ok(Arc::clone(folder.index(&index)?.points.spec()))).await
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        let (new, options) = (points.to_vec(), options.clone());
        Ok(self.change(scope, move |points| points.plan_upsert(&new, &options)).await?.0)
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        let ids = ids.to_vec();
        self.ask(scope, move |points| Ok(points.read(&ids, include))).await
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let (selector, update) = (selector.clone(), update.clone());
        Ok(self.change(scope, move |points| Ok((points.plan_update(&selector, &update)?, ()))).await?.1)
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let selector = selector.clone();
        Ok(self.change(scope, move |points| Ok((points.plan_delete(&selector), ()))).await?.1)
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        self.delete(scope, &PointSelector::Filter(Filter::all())).await
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let query = query.clone();
        self.ask(scope, move |points| points.search(&query)).await
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let (place, query) = (scope.clone(), query.clone());
        self.ask(scope, move |points| points.page(&place, &query)).await
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        let query = query.clone();
        self.ask(scope, move |points| Ok(points.count(&query))).await
    }
}

#[async_trait]
impl VectorStore for JsonlVectors {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        let spec = spec.clone();
        self.write(move |folder| folder.create(spec)).await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        self.read(|folder| Ok(folder.indexes.values().map(|index| IndexSpec::clone(index.points.spec())).collect())).await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        let index = index.to_owned();
        self.read(move |folder| Ok(folder.index(&index)?.points.describe())).await
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        let index = index.to_owned();
        self.write(move |folder| folder.remove(&index)).await
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        let index = index.to_owned();
        self.write(move |folder| folder.index_mut(&index)?.truncate()).await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        let index = index.to_owned();
        self.read(move |folder| Ok(folder.index(&index)?.points.namespaces())).await
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        self.delete_all(&Scope::index(index).in_namespace(namespace)).await
    }

    async fn ping(&self) -> Result<()> {
        self.read(|_| Ok(())).await
    }

    async fn close(&self) -> Result<()> {
        let folder = Arc::clone(&self.folder);
        blocking(move || Ok(folder.write().unwrap_or_else(PoisonError::into_inner).take())).await.map(drop)
    }
}
