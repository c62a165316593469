//! Points in the same file as records: operations once for an engine and for a transaction, and the administration of indexes.

mod best;
mod blob;
mod nearest;
pub(crate) mod place;
mod read;
mod registry;
mod rough;
mod select;
mod words;
mod write;

use crate::{
    store::{SqliteEngine, SqliteStore},
    unit::Access,
};
use async_trait::async_trait;
use mastra_core::{
    Count, EngineInfo, Page, Result,
    vector::{
        CheckedVectors, Include, IndexDescription, IndexSpec, NamespaceInfo, NewPoint, Point, PointCountQuery, PointSelector,
        PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, ScrollQuery, VectorAnswer, VectorCapabilities,
        VectorOperations, VectorQuery, VectorStore,
    },
};
use std::sync::Arc;

impl SqliteEngine {
    /// The vectors of this database, in the same file and through the same connections; closing either closes both.
    ///
    /// Every search looks at every point that matches, whatever kind an index is of: kinds are kept for a store that has them.
    pub fn vectors(&self) -> CheckedVectors<Self> {
        CheckedVectors::new(self.clone())
    }
}

#[async_trait]
impl<A: Access> VectorOperations for SqliteStore<A> {
    fn capabilities(&self) -> &VectorCapabilities {
        &self.can.vectors
    }

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn get_index(&self, index: &str) -> Result<Arc<IndexSpec>> {
        let mut unit = self.access.read().await?;
        Ok(place::resolve(unit.connection()?, &Scope::index(index)).await?.spec)
    }

    async fn upsert(&self, scope: &Scope, points: &[NewPoint], options: &PointUpsertOptions) -> Result<PointUpsertReport> {
        let draft = write::Draft::new(points);
        let (mut unit, place) = self.access.write_in(scope).await?;
        let report = write::upsert(unit.connection()?, place, scope, draft, options).await?;
        unit.commit().await?;
        Ok(report)
    }

    async fn get(&self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        let (mut unit, place) = self.access.snapshot_in(scope).await?;
        let points = read::by_ids(unit.connection()?, &place, ids, include).await?;
        unit.commit().await?;
        Ok(points)
    }

    async fn update(&self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let (mut unit, place) = self.access.write_in(scope).await?;
        let changed = write::update(unit.connection()?, &place, selector, update).await?;
        unit.commit().await?;
        Ok(changed)
    }

    async fn delete(&self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let (mut unit, place) = self.access.write_in(scope).await?;
        let keys = select::selected(unit.connection()?, &place, selector).await?;
        write::remove(unit.connection()?, &place, &keys).await?;
        unit.commit().await?;
        Ok(keys.len() as u64)
    }

    async fn delete_all(&self, scope: &Scope) -> Result<u64> {
        let (mut unit, place) = self.access.write_in(scope).await?;
        let removed = registry::empty(unit.connection()?, &place).await?;
        unit.commit().await?;
        Ok(removed)
    }

    async fn query(&self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let (mut unit, place) = self.access.snapshot_in(scope).await?;
        let answer = nearest::query(unit.connection()?, &place, query).await?;
        unit.commit().await?;
        Ok(answer)
    }

    async fn query_batch(&self, scope: &Scope, queries: &[VectorQuery]) -> Result<Vec<VectorAnswer>> {
        let (mut unit, place) = self.access.snapshot_in(scope).await?;
        let mut answers = Vec::with_capacity(queries.len());
        for query in queries {
            answers.push(nearest::query(unit.connection()?, &place, query).await?);
        }
        unit.commit().await?;
        Ok(answers)
    }

    async fn scroll(&self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        let (mut unit, place) = self.access.snapshot_in(scope).await?;
        let page = read::page(unit.connection()?, &place, scope, query).await?;
        unit.commit().await?;
        Ok(page)
    }

    async fn count(&self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        let (mut unit, place) = self.access.snapshot_in(scope).await?;
        let count = read::count(unit.connection()?, &place, query).await?;
        unit.commit().await?;
        Ok(count)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl VectorStore for SqliteEngine {
    async fn create_index(&self, spec: &IndexSpec) -> Result<()> {
        let mut unit = self.access.write().await?;
        registry::create(unit.connection()?, spec).await?;
        unit.commit().await
    }

    async fn list_indexes(&self) -> Result<Vec<IndexSpec>> {
        let mut unit = self.access.read().await?;
        place::all(unit.connection()?).await
    }

    async fn describe_index(&self, index: &str) -> Result<IndexDescription> {
        let (mut unit, place) = self.access.snapshot_in(&Scope::index(index)).await?;
        let count = registry::namespaces(unit.connection()?, &place).await?.iter().map(|namespace| namespace.count).sum();
        unit.commit().await?;
        Ok(IndexDescription::new(Arc::unwrap_or_clone(place.spec), count))
    }

    async fn delete_index(&self, index: &str) -> Result<()> {
        let (mut unit, place) = self.access.write_in(&Scope::index(index)).await?;
        registry::delete(unit.connection()?, &place).await?;
        unit.commit().await
    }

    async fn truncate_index(&self, index: &str) -> Result<()> {
        let (mut unit, place) = self.access.write_in(&Scope::index(index)).await?;
        registry::truncate(unit.connection()?, &place).await?;
        unit.commit().await
    }

    async fn list_namespaces(&self, index: &str) -> Result<Vec<NamespaceInfo>> {
        let (mut unit, place) = self.access.snapshot_in(&Scope::index(index)).await?;
        let namespaces = registry::namespaces(unit.connection()?, &place).await?;
        unit.commit().await?;
        Ok(namespaces)
    }

    async fn delete_namespace(&self, index: &str, namespace: &str) -> Result<u64> {
        self.delete_all(&Scope::index(index).in_namespace(namespace)).await
    }

    async fn ping(&self) -> Result<()> {
        mastra_core::Engine::ping(self).await
    }

    async fn close(&self) -> Result<()> {
        mastra_core::Engine::close(self).await
    }
}
