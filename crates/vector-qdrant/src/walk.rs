//! Points in Qdrant's own order, page by page, and how many there are.

use crate::{
    filter::{Plan, Split, Tri, is},
    known::Known,
    payload::{NAMESPACE, Read, Reads, read},
    store::QdrantVectors,
};
use mastra_core::{Result, vector::Include};
use qdrant_client::qdrant::{
    Condition, CountPoints, Filter, GetPoints, HasIdCondition, PointId, RetrievedPoint, ScrollPoints, condition::ConditionOneOf,
    r#match::MatchValue,
};

/// Ids a request names.
const IDS: usize = 1_000;

/// The points of a namespace for which a condition holds; none where it never does.
pub(crate) fn scoped(namespace: &str, condition: Tri) -> Option<Filter> {
    let mut must = vec![crate::filter::matching(NAMESPACE.to_owned(), MatchValue::Keyword(namespace.to_owned()))];
    match condition {
        Tri::No => return None,
        Tri::Yes => {}
        Tri::Is(condition) => must.push(*condition),
    }
    Some(Filter { must, ..Filter::default() })
}

/// The points of these ids.
pub(crate) fn has_id(ids: Vec<PointId>) -> Condition {
    Condition { condition_one_of: Some(ConditionOneOf::HasId(HasIdCondition { has_id: ids })) }
}

/// A walk over what a filter holds for.
#[derive(Debug)]
pub(crate) struct Walk<'s> {
    store: &'s QdrantVectors,
    known: &'s Known,
    filter: Option<Filter>,
    reads: Reads,
    offset: Option<PointId>,
}

impl<'s> Walk<'s> {
    pub(crate) fn new(store: &'s QdrantVectors, known: &'s Known, filter: Option<Filter>, reads: Reads) -> Self {
        Self { store, known, filter, reads, offset: None }
    }

    /// The next points; none behind the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Read>>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        let request = ScrollPoints {
            collection_name: self.known.collection.clone(),
            filter: Some(filter.clone()),
            offset: self.offset.take(),
            limit: Some(self.known.page),
            with_payload: Some(self.reads.payload()),
            with_vectors: Some(self.reads.vectors(self.known.vector)),
            ..ScrollPoints::default()
        };
        let answer = self.store.scroll_points(request).await?;
        self.offset = answer.1;
        if self.offset.is_none() {
            self.filter = None;
        }
        self.store.read_all(self.known, answer.0, self.reads).map(Some)
    }
}

impl QdrantVectors {
    pub(crate) async fn scroll_points(&self, request: ScrollPoints) -> Result<(Vec<RetrievedPoint>, Option<PointId>)> {
        let answer = self
            .client
            .repeatable(|client| {
                let request = request.clone();
                async move { client.scroll(request).await }
            })
            .await?;
        Ok((answer.result, answer.next_page_offset))
    }

    pub(crate) fn read_all(&self, known: &Known, points: Vec<RetrievedPoint>, reads: Reads) -> Result<Vec<Read>> {
        points.into_iter().map(|point| read(point.payload, point.vectors, &known.spec, known.vector, reads)).collect()
    }

    /// The points of these ids that are there, in no order.
    pub(crate) async fn read_ids(&self, known: &Known, ids: &[PointId], reads: Reads) -> Result<Vec<Read>> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS) {
            let request = GetPoints {
                collection_name: known.collection.clone(),
                ids: ids.to_vec(),
                with_payload: Some(reads.payload()),
                with_vectors: Some(reads.vectors(known.vector)),
                ..GetPoints::default()
            };
            let answer = self
                .client
                .repeatable(|client| {
                    let request = request.clone();
                    async move { client.get_points(request).await }
                })
                .await?;
            found.extend(self.read_all(known, answer.result, reads)?);
        }
        Ok(found)
    }

    /// How many points a filter holds for.
    pub(crate) async fn count_all(&self, known: &Known, filter: Option<Filter>) -> Result<u64> {
        if known.forbids_exact {
            // Strict mode takes an exact count for an exact search.
            let mut walk = Walk::new(self, known, Some(filter.unwrap_or_default()), Reads::new(Include::ID));
            let mut count = 0;
            while let Some(points) = walk.next().await? {
                count += points.len() as u64;
            }
            return Ok(count);
        }
        let request =
            CountPoints { collection_name: known.collection.clone(), filter, exact: Some(true), ..CountPoints::default() };
        let answer = self
            .client
            .repeatable(|client| {
                let request = request.clone();
                async move { client.count(request).await }
            })
            .await?;
        Ok(answer.result.map_or(0, |result| result.count))
    }

    /// How many points match; counting stops once there are more than the cap.
    pub(crate) async fn count_matching(&self, known: &Known, namespace: &str, plan: &Plan, cap: Option<u64>) -> Result<u64> {
        let Split { sure, doubtful } = plan.split();
        let mut count = 0;
        if let Some(filter) = sure.and_then(|sure| scoped(namespace, sure)) {
            count += self.count_all(known, Some(filter)).await?;
        }
        let doubtful = doubtful.and_then(|doubtful| scoped(namespace, doubtful));
        let mut walk = Walk::new(self, known, doubtful, Reads::new(Include::ID).with_metadata(true));
        while cap.is_none_or(|cap| count <= cap) {
            let Some(points) = walk.next().await? else { break };
            count += points.iter().filter(|point| plan.holds(point)).count() as u64;
        }
        Ok(count)
    }

    /// Every point that matches.
    pub(crate) async fn matching(&self, known: &Known, namespace: &str, plan: &Plan, reads: Reads) -> Result<Vec<Read>> {
        let reads = reads.with_metadata(plan.is_judged());
        let mut walk = Walk::new(self, known, scoped(namespace, plan.bound()), reads);
        let mut found = Vec::new();
        while let Some(points) = walk.next().await? {
            found.extend(points.into_iter().filter(|point| plan.holds(point)));
        }
        Ok(found)
    }
}

/// A condition on ids, as a condition among others.
pub(crate) fn not_ids(ids: Vec<PointId>) -> Tri {
    crate::filter::not(is(has_id(ids)))
}
