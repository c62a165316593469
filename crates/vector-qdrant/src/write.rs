//! Writing, changing and removing points. A call of many points is several requests, each of which Qdrant applies as a whole, in order.

use crate::{
    filter::{Plan, Split, Tri, and},
    known::Known,
    name,
    payload::{self, Payload, Reads},
    store::{QdrantVectors, points_of},
    turns::turn,
    walk::{has_id, not_ids, scoped},
};
use mastra_core::{
    Error, Result,
    vector::{Include, MetadataChange, NewPoint, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope},
};
use qdrant_client::qdrant::{
    Filter, PointId, PointStruct, PointVectors, PointsIdsList, PointsSelector, PointsUpdateOperation, UpdateBatchPoints,
    points_selector::PointsSelectorOneOf,
    points_update_operation::{DeletePoints, Operation, PointStructList, SetPayload, UpdateVectors},
};
use uuid::Uuid;

/// Points that one operation names.
const IDS: usize = 1_000;

/// Operations on their way, in requests of bounded size.
pub(crate) struct Batch<'s> {
    store: &'s QdrantVectors,
    known: &'s Known,
    operations: Vec<Operation>,
    bytes: usize,
}

impl<'s> Batch<'s> {
    pub(crate) fn new(store: &'s QdrantVectors, known: &'s Known) -> Self {
        Self { store, known, operations: Vec::new(), bytes: 0 }
    }

    pub(crate) async fn push(&mut self, operation: Operation, bytes: usize) -> Result<()> {
        let full = self.bytes.saturating_add(bytes) > self.store.settings.batch_bytes || self.operations.len() >= IDS;
        if full && !self.operations.is_empty() {
            self.send().await?;
        }
        self.operations.push(operation);
        self.bytes += bytes;
        Ok(())
    }

    pub(crate) async fn send(&mut self) -> Result<()> {
        if self.operations.is_empty() {
            return Ok(());
        }
        let operations = std::mem::take(&mut self.operations);
        self.bytes = 0;
        let request = UpdateBatchPoints {
            collection_name: self.known.collection.clone(),
            wait: Some(true),
            operations: operations.into_iter().map(|operation| PointsUpdateOperation { operation: Some(operation) }).collect(),
            ..UpdateBatchPoints::default()
        };
        self.store
            .client
            .repeatable(|client| {
                let request = request.clone();
                async move { client.update_points_batch(request).await }
            })
            .await
            .map(drop)
    }
}

pub(crate) fn selected(filter: Filter) -> Option<PointsSelector> {
    Some(PointsSelector { points_selector_one_of: Some(PointsSelectorOneOf::Filter(filter)) })
}

fn listed(ids: Vec<PointId>) -> Option<PointsSelector> {
    Some(PointsSelector { points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList { ids })) })
}

/// Qdrant takes an empty filter for every point: here one always has a condition.
fn deletion(filter: Filter) -> Operation {
    Operation::DeletePoints(DeletePoints { points: selected(filter), ..DeletePoints::default() })
}

impl QdrantVectors {
    pub(crate) async fn upsert_points(
        &self,
        known: &Known,
        scope: &Scope,
        points: &[NewPoint],
        options: &PointUpsertOptions,
    ) -> Result<PointUpsertReport> {
        known.spec.still_takes(None, options.model.as_deref())?;
        for point in points {
            known.spec.still_takes(Some(&point.vector), None)?;
        }
        let ids: Vec<String> =
            points.iter().map(|point| point.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string())).collect();
        let _turn = match &options.replace_where {
            Some(filter) => turn(self.server(), &known.collection, scope, filter).await?,
            None => None,
        };
        // What is to go is found before anything is written, and goes behind it: a document is never without its points.
        let stale = match &options.replace_where {
            Some(filter) => Some(self.stale(known, scope, &Plan::new(filter), &ids).await?),
            None => None,
        };
        let mut batch = Batch::new(self, known);
        let (mut list, mut bytes) = (Vec::new(), 0);
        let revision = payload::fresh_revision();
        for (id, point) in ids.iter().zip(points) {
            let (point, size) = new_point(known, scope, id, point, revision)?;
            let most = known.batch.min(self.settings.batch_points);
            if !list.is_empty() && (list.len() >= most || bytes + size > self.settings.batch_bytes) {
                batch.push(upsertion(std::mem::take(&mut list)), bytes).await?;
                bytes = 0;
            }
            bytes += size;
            list.push(point);
        }
        if !list.is_empty() {
            batch.push(upsertion(list), bytes).await?;
        }
        let mut removed = 0;
        if let Some((count, operations)) = stale {
            removed = count;
            for operation in operations {
                batch.push(operation, 0).await?;
            }
        }
        batch.send().await?;
        Ok(PointUpsertReport::new(ids, Some(removed)))
    }

    /// How many points match and are not among those that are kept, and what removes them.
    async fn stale(&self, known: &Known, scope: &Scope, plan: &Plan, kept: &[String]) -> Result<(u64, Vec<Operation>)> {
        let Split { sure, doubtful } = plan.split();
        let kept = points_of(&scope.namespace, kept);
        let others = |tri: Tri| if kept.is_empty() { tri } else { and(vec![tri, not_ids(kept.clone())]) };
        let (mut count, mut operations) = (0, Vec::new());
        if let Some(filter) = doubtful.and_then(|doubtful| scoped(&scope.namespace, others(doubtful))) {
            let mut walk = crate::walk::Walk::new(self, known, Some(filter), Reads::new(Include::ID).with_metadata(true));
            let mut ids = Vec::new();
            while let Some(points) = walk.next().await? {
                let matching = points.into_iter().filter(|read| plan.holds(read));
                ids.extend(matching.map(|read| PointId::from(name::point(&scope.namespace, &read.point.id))));
            }
            count += ids.len() as u64;
            operations
                .extend(ids.chunks(IDS).map(|ids| {
                    Operation::DeletePoints(DeletePoints { points: listed(ids.to_vec()), ..DeletePoints::default() })
                }));
        }
        if let Some(filter) = sure.and_then(|sure| scoped(&scope.namespace, others(sure))) {
            let sure = self.count_all(known, Some(filter.clone())).await?;
            count += sure;
            if sure > 0 {
                operations.push(deletion(filter));
            }
        }
        Ok((count, operations))
    }

    pub(crate) async fn delete_selected(&self, known: &Known, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let (count, operations) = match selector {
            PointSelector::Ids(ids) => {
                let found = self.read_ids(known, &points_of(&scope.namespace, ids), Reads::new(Include::ID)).await?;
                let ids: Vec<PointId> = found.iter().map(|read| name::point(&scope.namespace, &read.point.id).into()).collect();
                let operations = ids
                    .chunks(IDS)
                    .map(|ids| Operation::DeletePoints(DeletePoints { points: listed(ids.to_vec()), ..DeletePoints::default() }));
                (ids.len() as u64, operations.collect())
            }
            PointSelector::Filter(filter) => {
                if filter.is_trivially_true() {
                    return Err(Error::invalid_input("an empty filter would take every point"));
                }
                self.stale(known, scope, &Plan::new(filter), &[]).await?
            }
            _ => return Err(Error::unsupported("this store does not offer such a selection")),
        };
        self.apply(known, operations).await?;
        Ok(count)
    }

    pub(crate) async fn delete_tenant(&self, known: &Known, namespace: &str) -> Result<u64> {
        let Some(filter) = scoped(namespace, Tri::Yes) else { return Ok(0) };
        let count = self.count_all(known, Some(filter.clone())).await?;
        if count > 0 {
            self.apply(known, vec![deletion(filter)]).await?;
        }
        Ok(count)
    }

    /// Of every namespace: an empty filter on purpose.
    pub(crate) async fn delete_every_point(&self, known: &Known) -> Result<()> {
        self.apply(known, vec![deletion(Filter::default())]).await
    }

    async fn apply(&self, known: &Known, operations: Vec<Operation>) -> Result<()> {
        let mut batch = Batch::new(self, known);
        for operation in operations {
            batch.push(operation, 0).await?;
        }
        batch.send().await
    }

    pub(crate) async fn update_points(
        &self,
        known: &Known,
        scope: &Scope,
        selector: &PointSelector,
        update: &PointUpdate,
    ) -> Result<u64> {
        known.spec.still_takes(update.vector.as_ref(), update.model.as_deref())?;
        let reads = Reads::new(Include::ID);
        let (merge, reads) = match &update.metadata {
            Some(change @ MetadataChange::Merge(_)) => (Some(change), reads.with_revision()),
            _ => (None, reads),
        };
        let found = match selector {
            PointSelector::Ids(ids) => self.read_ids(known, &points_of(&scope.namespace, ids), reads).await?,
            PointSelector::Filter(filter) => self.matching(known, &scope.namespace, &Plan::new(filter), reads).await?,
            _ => return Err(Error::unsupported("this store does not offer such a selection")),
        };
        let count = found.len() as u64;
        let ids: Vec<PointId> = found.iter().map(|read| PointId::from(name::point(&scope.namespace, &read.point.id))).collect();
        if let Some(change) = merge {
            self.merge_metadata(known, &scope.namespace, found, selector, change).await?;
        }
        let mut batch = Batch::new(self, known);
        // What every point gets.
        let mut same = Payload::new();
        if let Some(MetadataChange::Replace(new)) = &update.metadata {
            same.extend(payload::metadata(new, payload::fresh_revision())?);
        }
        if let Some(text) = &update.text {
            same.extend(payload::text(text.as_deref()));
        }
        if let Some(vector) = &update.vector {
            same.extend(payload::original(&known.spec, vector.as_slice()));
        }
        if !same.is_empty() {
            let bytes: usize = same.values().map(payload::size).sum();
            for ids in ids.chunks(IDS) {
                batch.push(assignment(ids.to_vec(), same.clone()), bytes).await?;
            }
        }
        if let Some(vector) = &update.vector {
            self.move_points(known, &mut batch, &ids, vector.as_slice()).await?;
        }
        batch.send().await?;
        Ok(count)
    }

    /// Requests of their own, behind everything else: Qdrant moves the points that are there, and then complains of one that is not.
    async fn move_points(&self, known: &Known, batch: &mut Batch<'_>, ids: &[PointId], numbers: &[f32]) -> Result<()> {
        batch.send().await?;
        let each = numbers.len() * 4 + 64;
        let most = (self.settings.batch_bytes / each).clamp(1, known.batch.min(self.settings.batch_points));
        for ids in ids.chunks(most) {
            let vectors = || Some(payload::vectors(known.vector, numbers));
            let points = ids.iter().map(|id| PointVectors { id: Some(id.clone()), vectors: vectors() }).collect();
            batch.push(Operation::UpdateVectors(UpdateVectors { points, ..UpdateVectors::default() }), 0).await?;
            match batch.send().await {
                // A point went since it was read; if it was the whole collection, that is told.
                Err(error) if error.is_not_found() && self.collection_info(&known.collection).await.is_ok() => {}
                other => other?,
            }
        }
        Ok(())
    }
}

/// By a filter, which passes over what is not there.
fn assignment(ids: Vec<PointId>, payload: Payload) -> Operation {
    let filter = Filter { must: vec![has_id(ids)], ..Filter::default() };
    Operation::SetPayload(SetPayload { payload, points_selector: selected(filter), ..SetPayload::default() })
}

fn upsertion(points: Vec<PointStruct>) -> Operation {
    Operation::Upsert(PointStructList { points, ..PointStructList::default() })
}

/// The point as Qdrant takes it, and its size on the wire, about.
fn new_point(known: &Known, scope: &Scope, id: &str, point: &NewPoint, revision: i64) -> Result<(PointStruct, usize)> {
    let numbers = point.vector.as_slice();
    let mut payload = payload::identity(&scope.namespace, id);
    payload.extend(payload::metadata(&point.metadata, revision)?);
    payload.extend(payload::text(point.text.as_deref()));
    payload.extend(payload::original(&known.spec, numbers));
    let payload = payload::without_nulls(payload);
    let bytes = payload.iter().map(|(key, value)| key.len() + payload::size(value)).sum::<usize>() + numbers.len() * 4 + 128;
    let point = PointStruct {
        id: Some(name::point(&scope.namespace, id).into()),
        payload,
        vectors: Some(payload::vectors(known.vector, numbers)),
    };
    Ok((point, bytes))
}
