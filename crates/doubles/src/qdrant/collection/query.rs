//! Queries: the nearest points to a vector or to a point, prefetches, and their fusion. Always exact: there is no graph here.

use std::collections::BTreeSet;

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::query::Variant;
use qdrant_client::qdrant::{Fusion, vector_input};

use super::vectors::UNNAMED;
use super::{Checked, Collection, WithPayload, WithVectors, fusion};
use crate::qdrant::filter::{Condition, Filter};
use crate::qdrant::id::Id;
use crate::qdrant::status::{Result, bad_input, bad_request, malformed, no_point, not_imitated, validation};

const DEFAULT_LIMIT: usize = 10;
/// How deep prefetches may stand in each other.
const MAX_DEPTH: usize = 64;

/// A query, read.
#[derive(Debug)]
pub(crate) struct Query {
    stage: Stage,
    offset: usize,
    payload: WithPayload,
    vectors: WithVectors,
    timeout: Option<u64>,
}

/// A query or a prefetch: both rank points, the former for the caller, the latter for the stage above it.
#[derive(Debug)]
struct Stage {
    prefetch: Vec<Stage>,
    ranking: Option<Ranking>,
    using: String,
    filter: Option<Filter>,
    params: Option<wire::SearchParams>,
    threshold: Option<f32>,
    limit: usize,
}

#[derive(Debug)]
enum Ranking {
    NearVector(Vec<f32>),
    NearPoint(Id),
    Fusion { k: u32, weights: Vec<f32> },
}

impl Query {
    pub(crate) fn read(request: wire::QueryPoints) -> Result<Self> {
        if request.timeout == Some(0) {
            return Err(validation("timeout", "value 0 invalid, must be 1 or larger"));
        }
        if request.lookup_from.is_some() {
            return Err(not_imitated("vectors looked up in another collection"));
        }
        let stage = Stage {
            prefetch: request.prefetch.into_iter().map(|prefetch| Stage::read(prefetch, 1)).collect::<Result<_>>()?,
            ranking: request.query.map(Ranking::read).transpose()?,
            using: request.using.unwrap_or_default(),
            filter: Filter::read_option(request.filter)?,
            params: request.params.map(check_params).transpose()?,
            threshold: request.score_threshold,
            limit: limit(request.limit)?,
        };
        Ok(Self {
            stage,
            offset: request.offset.map_or(0, |offset| usize::try_from(offset).unwrap_or(usize::MAX)),
            payload: WithPayload::read(request.with_payload, WithPayload::Nothing)?,
            vectors: WithVectors::read(request.with_vectors),
            timeout: request.timeout,
        })
    }
}

impl Stage {
    fn read(prefetch: wire::PrefetchQuery, depth: usize) -> Result<Self> {
        if depth > MAX_DEPTH {
            return Err(bad_input(format!("Validation failed: prefetches depth exceeds max depth {MAX_DEPTH}")));
        }
        if prefetch.lookup_from.is_some() {
            return Err(not_imitated("vectors looked up in another collection"));
        }
        Ok(Self {
            prefetch: prefetch.prefetch.into_iter().map(|prefetch| Self::read(prefetch, depth + 1)).collect::<Result<_>>()?,
            ranking: prefetch.query.map(Ranking::read).transpose()?,
            using: prefetch.using.unwrap_or_default(),
            filter: Filter::read_option(prefetch.filter)?,
            params: prefetch.params.map(check_params).transpose()?,
            threshold: prefetch.score_threshold,
            limit: limit(prefetch.limit)?,
        })
    }

    /// What makes no sense in any collection.
    fn check(&self) -> Result<()> {
        match &self.ranking {
            None if !self.prefetch.is_empty() => Err(bad_request("A query is needed to merge the prefetches")),
            None if self.threshold.is_some() => Err(bad_request("A query is needed to use the score_threshold")),
            Some(Ranking::Fusion { .. }) if self.using != UNNAMED => {
                Err(bad_request("Fusion queries cannot be combined with the 'using' field."))
            }
            Some(Ranking::Fusion { .. }) if self.prefetch.is_empty() => {
                Err(bad_input("Validation failed: cannot apply Fusion without prefetches"))
            }
            _ => self.prefetch.iter().try_for_each(Self::check),
        }
    }

    /// The points that this stage and those below ask for the neighbours of. An answer never has them.
    fn references(&self, found: &mut BTreeSet<Id>) {
        if let Some(Ranking::NearPoint(id)) = &self.ranking {
            found.insert(*id);
        }
        self.prefetch.iter().for_each(|prefetch| prefetch.references(found));
    }
}

impl Ranking {
    fn read(query: wire::Query) -> Result<Self> {
        match query.variant.ok_or_else(|| malformed("Query variant is missing"))? {
            Variant::Nearest(input) => match input.variant.ok_or_else(|| malformed("VectorInput variant is missing"))? {
                vector_input::Variant::Id(id) => Id::from_wire(id).map(Self::NearPoint),
                vector_input::Variant::Dense(dense) => Ok(Self::NearVector(dense.data)),
                _ => Err(not_imitated("queries by other than dense vectors")),
            },
            Variant::Fusion(fusion) if fusion == i32::from(Fusion::Rrf) => {
                Ok(Self::Fusion { k: fusion::DEFAULT_K, weights: Vec::new() })
            }
            Variant::Rrf(wire::Rrf { k: Some(0), .. }) => Err(validation("query.rrf.k", "value 0 invalid, must be 1 or larger")),
            Variant::Rrf(rrf) => Ok(Self::Fusion { k: rrf.k.unwrap_or(fusion::DEFAULT_K), weights: rrf.weights }),
            _ => Err(not_imitated("this kind of query")),
        }
    }
}

fn limit(limit: Option<u64>) -> Result<usize> {
    match limit {
        Some(0) => Err(validation("limit", "value 0 invalid, must be 1 or larger")),
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(usize::MAX)),
        None => Ok(DEFAULT_LIMIT),
    }
}

fn check_params(params: wire::SearchParams) -> Result<wire::SearchParams> {
    if params.hnsw_ef == Some(0) {
        return Err(validation("params.hnsw_ef", "value 0 invalid, must be 1 or larger"));
    }
    let oversampling = params.quantization.and_then(|quantization| quantization.oversampling);
    if oversampling.is_some_and(|factor| factor < 1.0) {
        return Err(validation("params.quantization.oversampling", "must be 1.0 or larger"));
    }
    if params.idf.is_some() {
        return Err(not_imitated("sparse vectors"));
    }
    Ok(params)
}

impl Collection {
    /// Refuses the queries that strict mode forbids, before any of them is run.
    pub(crate) fn check_queries(&self, queries: &[Query], batch: Option<usize>, timeout: Option<u64>) -> Result<()> {
        queries.iter().try_for_each(|query| {
            let timeout = timeout.or(query.timeout);
            self.check_stage(&query.stage, Checked { batch, timeout, ..Checked::default() })
        })
    }

    fn check_stage(&self, stage: &Stage, with: Checked<'_>) -> Result<()> {
        stage.prefetch.iter().try_for_each(|prefetch| self.check_stage(prefetch, Checked::default()))?;
        if stage.prefetch.is_empty() && matches!(stage.ranking, Some(Ranking::NearVector(_) | Ranking::NearPoint(_))) {
            self.check_full_scan(&stage.using, stage.filter.as_ref())?;
        }
        self.check(Checked { limit: Some(stage.limit), read: stage.filter.as_ref(), params: stage.params.as_ref(), ..with })
    }

    /// Runs a query.
    pub(crate) fn query(&self, query: &Query) -> Result<Vec<wire::ScoredPoint>> {
        let Query { stage, offset, payload, vectors, .. } = query;
        let mut references = BTreeSet::new();
        stage.references(&mut references);
        if let Some(missing) = references.iter().find(|id| !self.points.contains_key(id)) {
            return Err(no_point(missing));
        }
        stage.check()?;
        let filter = if references.is_empty() {
            stage.filter.clone()
        } else {
            let without = Filter { must_not: vec![Condition::HasId(references)], ..Filter::default() };
            Some(stage.filter.clone().unwrap_or_default().join(without))
        };
        let ranked = self.rank(stage, filter.as_ref(), stage.limit.saturating_add(*offset))?;
        let shown = ranked.into_iter().skip(*offset).take(stage.limit);
        Ok(shown.filter_map(|(id, score)| Some(self.points.get(&id)?.scored(id, score, payload, vectors))).collect())
    }

    /// The ids that a stage ranks, the best first, and their scores. `filter` is the stage's own and those of the stages above.
    fn rank(&self, stage: &Stage, filter: Option<&Filter>, limit: usize) -> Result<Vec<(Id, f32)>> {
        let mut lists = Vec::with_capacity(stage.prefetch.len());
        for prefetch in &stage.prefetch {
            let joined = match (filter.cloned(), prefetch.filter.clone()) {
                (Some(above), Some(own)) => Some(above.join(own)),
                (above, own) => above.or(own),
            };
            let ranked = self.rank(prefetch, joined.as_ref(), prefetch.limit)?;
            lists.push(ranked.into_iter().map(|(id, _)| id).collect::<Vec<Id>>());
        }
        // Over prefetches, only what they found is ranked again; they have applied the filter.
        let found = Filter { must: vec![Condition::HasId(lists.iter().flatten().copied().collect())], ..Filter::default() };
        let filter = if stage.prefetch.is_empty() { filter } else { Some(&found) };
        let vector = match &stage.ranking {
            None => return Ok(self.select(filter).take(limit).map(|(id, _)| (id, 1.0)).collect()),
            Some(Ranking::Fusion { k, weights }) => {
                let mut fused = fusion::fuse(&lists, *k, weights)?;
                // Inclusive, unlike the threshold of a search.
                fused.retain(|(_, score)| stage.threshold.is_none_or(|threshold| *score >= threshold));
                fused.truncate(limit);
                return Ok(fused);
            }
            Some(Ranking::NearVector(vector)) => vector.clone(),
            Some(Ranking::NearPoint(id)) => {
                self.space(&stage.using)?;
                let vector = self.points.get(id).and_then(|point| point.vectors.get(&stage.using));
                vector.cloned().ok_or_else(|| {
                    tonic::Status::not_found(format!("Not found: Vector with name {:?} for point not found", stage.using))
                })?
            }
        };
        self.nearest(stage, vector, filter, limit)
    }

    fn nearest(&self, stage: &Stage, vector: Vec<f32>, filter: Option<&Filter>, limit: usize) -> Result<Vec<(Id, f32)>> {
        let space = self.space(&stage.using)?;
        space.check(&vector)?;
        let vector = space.prepare(vector);
        let scored = |(id, point): (Id, &super::Point)| Some((id, space.score(&vector, point.vectors.get(&stage.using)?)));
        let mut ranked: Vec<(Id, f32)> = self.select(filter).filter_map(scored).collect();
        // Equal scores go by id, from the greatest down where the greatest score is best: not an order to rely on.
        ranked.sort_by(|(a, a_score), (b, b_score)| {
            let ids = if space.nearest_is_least() { a.cmp(b) } else { b.cmp(a) };
            space.order(*a_score, *b_score).then(ids)
        });
        ranked.truncate(limit);
        ranked.retain(|(_, score)| stage.threshold.is_none_or(|threshold| space.passes(*score, threshold)));
        Ok(ranked)
    }
}
