//! Searches: near points by Qdrant, words by core over candidates of Qdrant's, both fused by core.

use crate::{
    filter::{Plan, Tri, and, empty, is, matching, not},
    known::Known,
    name,
    payload::{Reads, TERMS, asked, read},
    store::QdrantVectors,
    walk::{Walk, scoped},
};
use mastra_core::{
    Error, ErrorKind, Result,
    text::{TextQuery, index_string},
    vector::{
        Exactness, Include, Metric, Placed, Point, Scope, Shortfall, VectorAnswer, VectorHit, VectorQuery, VectorRanking,
        VectorSearch, fuse, score,
    },
};
use qdrant_client::qdrant::{Query, QueryPoints, ScoredPoint, SearchParams, VectorInput, r#match::MatchValue};
use std::{collections::HashMap, sync::atomic::Ordering};

/// Candidates that one search looks at.
const MOST: usize = 100_000;
/// A short answer of a graph is looked for exactly among so many.
const EXACTLY: u64 = 10_000;
/// What scores of 32 bits may differ by.
const ROUNDING: f64 = 1e-6;

/// What a leg found.
#[derive(Debug)]
struct Leg {
    placed: Vec<Placed>,
    points: HashMap<String, Point>,
    exactness: Exactness,
    shortfall: Shortfall,
}

/// The nearest points, and whether there are no more.
#[derive(Debug)]
struct Nearest {
    found: Vec<(Placed, Point)>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    /// As many as were asked for.
    Enough,
    /// What follows scores too little.
    Bound,
    /// Nothing follows.
    Exhausted,
    /// Something may follow, and too much was looked at.
    GaveUp,
}

impl QdrantVectors {
    pub(crate) async fn search(&self, known: &Known, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let plan = Plan::new(&query.filter);
        let (placed, mut points, exactness, shortfall) = match &query.search {
            VectorSearch::Vector(vector) => {
                let leg = self.dense(known, scope, &plan, query, vector.as_slice()).await?;
                (leg.placed, leg.points, leg.exactness, leg.shortfall)
            }
            VectorSearch::Text(text) => {
                let placed = self.words(known, scope, &plan, text, query.depth()).await?;
                (placed, HashMap::new(), Exactness::Exact, Shortfall::NoMoreRows)
            }
            VectorSearch::Hybrid { vector, text, weights } => {
                let (leg, words) = futures::try_join!(
                    self.dense(known, scope, &plan, query, vector.as_slice()),
                    self.words(known, scope, &plan, text, query.depth()),
                )?;
                (fuse(&leg.placed, &words, *weights, query.top_k), leg.points, leg.exactness, leg.shortfall)
            }
            _ => return Err(Error::unsupported("this store does not offer such a search")),
        };
        let missing: Vec<&str> = placed.iter().map(|placed| placed.id.as_str()).filter(|id| !points.contains_key(*id)).collect();
        if query.include == Include::ID {
            points.extend(missing.into_iter().map(|id| (id.to_owned(), Point::new(id))));
        } else {
            let ids: Vec<_> = missing.into_iter().map(|id| name::point(&scope.namespace, id).into()).collect();
            let read = self.read_ids(known, &ids, Reads::new(query.include)).await?;
            points.extend(read.into_iter().map(|read| (read.point.id.clone(), read.point)));
        }
        let hits = placed.into_iter().filter_map(|placed| {
            let point = points.remove(&placed.id)?;
            Some(VectorHit::new(point, placed.score, placed.distance, query.include))
        });
        let hits: Vec<VectorHit> = hits.collect();
        Ok(match exactness {
            Exactness::Exact => VectorAnswer::exact(hits, query.top_k),
            Exactness::Approximate => VectorAnswer::approximate(hits, query.top_k, shortfall),
        })
    }

    async fn dense(&self, known: &Known, scope: &Scope, plan: &Plan, query: &VectorQuery, vector: &[f32]) -> Result<Leg> {
        known.spec.still_takes(query.search.vector(), query.model.as_deref())?;
        if query.exact && known.forbids_exact {
            return Err(Error::unsupported("the collection's strict mode forbids exact search"));
        }
        let exact = query.exact || (known.is_flat() && !known.forbids_exact);
        let mut nearest = self.nearest(known, scope, plan, query, vector, exact).await?;
        let mut exactness = if exact { Exactness::Exact } else { Exactness::Approximate };
        let mut shortfall = Shortfall::NoMoreRows;
        match nearest.end {
            End::GaveUp => (exactness, shortfall) = (Exactness::Approximate, Shortfall::IndexGaveUp),
            End::Exhausted if !exact => {
                // A graph that ends early does not say whether there is more.
                shortfall = Shortfall::Unknown;
                let most = self.count_all(known, scoped(&scope.namespace, plan.bound())).await?;
                if most <= EXACTLY && !known.forbids_exact {
                    nearest = self.nearest(known, scope, plan, query, vector, true).await?;
                    (exactness, shortfall) = (Exactness::Exact, Shortfall::NoMoreRows);
                }
            }
            End::Bound if !exact => shortfall = Shortfall::Unknown,
            End::Enough | End::Bound | End::Exhausted => {}
        }
        let mut leg = Leg { placed: Vec::with_capacity(nearest.found.len()), points: HashMap::new(), exactness, shortfall };
        for (placed, point) in nearest.found {
            leg.points.insert(placed.id.clone(), point);
            leg.placed.push(placed);
        }
        Ok(leg)
    }

    /// The best points of the dense leg. Qdrant promises no order among equals, so an exact search asks until the last of what comes scores
    /// less than the last that is wanted.
    async fn nearest(
        &self,
        known: &Known,
        scope: &Scope,
        plan: &Plan,
        query: &VectorQuery,
        vector: &[f32],
        exact: bool,
    ) -> Result<Nearest> {
        let depth = query.depth();
        let Some(filter) = scoped(&scope.namespace, plan.bound()) else {
            return Ok(Nearest { found: Vec::new(), end: End::Exhausted });
        };
        // An exact score is measured here, from the vectors themselves.
        let reads = Reads::new(query.include).with_metadata(plan.is_judged()).with_vector(exact);
        let mut request = QueryPoints {
            collection_name: known.collection.clone(),
            query: Some(Query::new_nearest(VectorInput::new_dense(vector.to_vec()))),
            using: Some(known.vector.to_owned()),
            filter: Some(filter),
            params: Some(SearchParams {
                exact: exact.then_some(true),
                hnsw_ef: query.ef.map(u64::from).filter(|_| !known.is_flat()),
                ..SearchParams::default()
            }),
            with_payload: Some(reads.payload()),
            with_vectors: Some(reads.vectors(known.vector)),
            ..QueryPoints::default()
        };
        let vector = asked(&known.spec, vector);
        let most = known.query_limit.min(MOST).max(depth);
        let mut limit = match (plan.is_loose(), exact) {
            (true, _) => depth.saturating_mul(4).max(100),
            (false, true) => depth.saturating_add(depth / 8 + 4),
            (false, false) => depth,
        }
        .min(most);
        loop {
            request.limit = Some(limit as u64);
            let page = self.query_points(&request).await?;
            let full = page.len() >= limit;
            let worst =
                page.last().map_or(f64::NEG_INFINITY, |last| score::score(known.spec.metric, distance(known.spec.metric, last)));
            let mut found = self.judged(known, plan, reads, &vector, exact, page)?;
            let least = query.min_score.map(|least| if exact { least } else { least - slack(least) });
            found.retain(|(placed, _)| least.is_none_or(|least| placed.score >= least));
            found.sort_by(|(a, _), (b, _)| score::order((a.score, &a.id), (b.score, &b.id)));
            let last = depth.checked_sub(1).and_then(|last| found.get(last)).map(|(placed, _)| placed.score);
            let end = match last {
                _ if !full => Some(End::Exhausted),
                Some(last) if !exact || worst < last - slack(last) => Some(End::Enough),
                _ if query.min_score.is_some_and(|least| worst < least - slack(least)) => Some(End::Bound),
                // Equals beyond counting: which of them are in is left to the server.
                Some(_) if limit >= most => Some(End::Enough),
                _ if limit >= most => Some(End::GaveUp),
                _ => None,
            };
            if let Some(end) = end {
                let end = if found.len() >= depth { End::Enough } else { end };
                found.truncate(depth);
                return Ok(Nearest { found, end });
            }
            limit = limit.saturating_mul(4).min(most);
        }
    }

    async fn query_points(&self, request: &QueryPoints) -> Result<Vec<ScoredPoint>> {
        let answer = self
            .client
            .repeatable(|client| {
                let request = request.clone();
                async move { client.query(request).await }
            })
            .await?;
        Ok(answer.result)
    }

    fn judged(
        &self,
        known: &Known,
        plan: &Plan,
        reads: Reads,
        vector: &[f32],
        exact: bool,
        page: Vec<ScoredPoint>,
    ) -> Result<Vec<(Placed, Point)>> {
        let metric = known.spec.metric;
        let mut found = Vec::with_capacity(page.len());
        for scored in page {
            let mut distance = distance(metric, &scored);
            let read = read(scored.payload, scored.vectors, &known.spec, known.vector, reads)?;
            if !plan.holds(&read) {
                continue;
            }
            if let Some(stored) = read.point.vector.as_ref().filter(|_| exact) {
                distance = score::distance(metric, vector, stored.as_slice());
            }
            let placed = Placed::new(read.point.id.clone(), score::score(metric, distance), Some(distance));
            found.push((placed, read.point));
        }
        Ok(found)
    }

    /// The best points of the text leg: candidates hold every word, and core decides.
    async fn words(&self, known: &Known, scope: &Scope, plan: &Plan, text: &str, depth: usize) -> Result<Vec<Placed>> {
        let query = TextQuery::parse(text)?;
        let asks_beginnings = query.clauses().iter().any(|clause| clause.prefix);
        let knows = self.knows_beginnings.load(Ordering::Relaxed);
        match self.words_among(known, scope, plan, &query, depth, knows).await {
            // Servers before 1.19 do not know how to ask for the beginning of a word, and refuse the whole.
            Err(error) if error.kind() == ErrorKind::InvalidInput && asks_beginnings && knows => {
                let placed = self.words_among(known, scope, plan, &query, depth, false).await?;
                self.knows_beginnings.store(false, Ordering::Relaxed);
                Ok(placed)
            }
            other => other,
        }
    }

    async fn words_among(
        &self,
        known: &Known,
        scope: &Scope,
        plan: &Plan,
        query: &TextQuery,
        depth: usize,
        beginnings: bool,
    ) -> Result<Vec<Placed>> {
        let mut conditions = vec![plan.bound()];
        for clause in query.clauses() {
            for (place, token) in clause.tokens.iter().enumerate() {
                let is_beginning = clause.prefix && place + 1 == clause.tokens.len();
                let word = match is_beginning {
                    true if beginnings => MatchValue::Prefix(token.clone()),
                    true => continue,
                    false => MatchValue::Keyword(token.clone()),
                };
                conditions.push(is(matching(TERMS.to_owned(), word)));
            }
        }
        if conditions.len() == 1 {
            conditions.push(not(is(empty(TERMS.to_owned()))));
        }
        let reads = Reads::new(Include::ID).with_text().with_metadata(plan.is_judged());
        let candidates: Tri = and(conditions);
        let mut walk = Walk::new(self, known, scoped(&scope.namespace, candidates), reads);
        let mut ranking = VectorRanking::new(depth);
        while let Some(points) = walk.next().await? {
            for read in points.into_iter().filter(|read| plan.holds(read)) {
                let worth = read.point.text.as_deref().and_then(|text| query.score(&index_string(text)));
                if let Some(worth) = worth {
                    ranking.push(Placed::new(read.point.id, worth, None));
                }
            }
        }
        Ok(ranking.finish())
    }
}

/// The raw distance in what Qdrant calls a score.
fn distance(metric: Metric, scored: &ScoredPoint) -> f64 {
    let given = f64::from(scored.score);
    match metric {
        Metric::Cosine => 1.0 - given,
        Metric::Dot => -given,
        _ => given,
    }
}

fn slack(score: f64) -> f64 {
    ROUNDING * score.abs().max(1.0)
}
