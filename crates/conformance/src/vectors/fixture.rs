//! What many cases begin with, and how answers are compared.

use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use mastra_core::{
    Filter, Path, Result,
    filter::Predicate,
    vector::{
        Element, Exactness, Include, IndexKind, IndexSpec, Metric, NewPoint, Point, PointSelector, PointUpsertOptions,
        PointUpsertReport, Scope, Shortfall, Vector, VectorAnswer, VectorCapabilities, VectorOperations, VectorQuery,
        VectorStore, score,
    },
};
use serde_json::Value;

/// Stores may add up in 32 bits: scores agree to so much, relative to their size where that is above 1.
const TOLERANCE: f64 = 1e-5;

/// The metrics that a store offers.
pub(crate) fn metrics(can: &VectorCapabilities) -> Vec<Metric> {
    Metric::ALL.into_iter().filter(|metric| can.metric.offers(*metric)).collect()
}

/// An index that every store which makes any can make: flat and under cosine, unless it has to be another.
pub(crate) fn spec(store: &dyn VectorStore, name: &str, dimension: usize) -> IndexSpec {
    let can = store.capabilities();
    let kinds = [IndexKind::Flat, IndexKind::hnsw(), IndexKind::IvfFlat { lists: 1 }];
    let kind = kinds.into_iter().find(|kind| can.kind.offers(*kind)).unwrap_or_default();
    let metric = metrics(can).first().copied().unwrap_or(Metric::Cosine);
    IndexSpec::new(name, dimension).kind(kind).metric(metric)
}

/// A fresh index, and its default namespace.
pub(crate) async fn index(store: &dyn VectorStore, name: &str, dimension: usize) -> Result<Scope> {
    made(store, &spec(store, name, dimension)).await
}

/// The index of this description, and its default namespace.
pub(crate) async fn made(store: &dyn VectorStore, spec: &IndexSpec) -> Result<Scope> {
    store.create_index(spec).await?;
    Ok(Scope::index(&spec.name))
}

/// A point with metadata.
pub(crate) fn point(id: impl Into<String>, vector: impl Into<Vector>, metadata: Value) -> NewPoint {
    NewPoint::new(id, vector).metadata(metadata)
}

/// Writes points, and lets the report speak for itself.
pub(crate) async fn put(store: &dyn VectorOperations, scope: &Scope, points: &[NewPoint]) -> Result<PointUpsertReport> {
    store.upsert(scope, points, &PointUpsertOptions::new()).await
}

/// Removes points by their ids.
pub(crate) async fn remove(store: &dyn VectorOperations, scope: &Scope, ids: &[&str]) -> Result<u64> {
    store.delete(scope, &PointSelector::ids(ids.iter().copied())).await
}

/// Ids as they are given to [`VectorOperations::get`].
pub(crate) fn named(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// The point of an id, whole, if it is there.
pub(crate) async fn get(store: &dyn VectorOperations, scope: &Scope, id: &str) -> Result<Option<Point>> {
    Ok(store.get(scope, &named(&[id]), Include::ALL).await?.pop())
}

/// The point of an id, whole; it has to be there.
pub(crate) async fn there(store: &dyn VectorOperations, scope: &Scope, id: &str) -> Outcome<Point> {
    get(store, scope, id).await?.ok_or_else(|| Failure::new(format!("the point {id:?} is not there")))
}

/// The ids of an answer, in its order.
pub(crate) fn ids(answer: &VectorAnswer) -> Vec<String> {
    answer.hits.iter().map(|hit| hit.id.clone()).collect()
}

/// The ids of points, in their order.
pub(crate) fn point_ids(points: &[Point]) -> Vec<String> {
    points.iter().map(|point| point.id.clone()).collect()
}

/// Asks a query, and checks what holds of every answer.
pub(crate) async fn ask(store: &dyn VectorOperations, scope: &Scope, query: &VectorQuery) -> Outcome<VectorAnswer> {
    let answer = store.query(scope, query).await?;
    lawful(&answer, query)?;
    Ok(answer)
}

/// The ids that a query finds.
pub(crate) async fn found(store: &dyn VectorOperations, scope: &Scope, query: &VectorQuery) -> Outcome<Vec<String>> {
    Ok(ids(&ask(store, scope, query).await?))
}

/// The ids that a filter leaves of at most a hundred points, sorted.
pub(crate) async fn matching(store: &dyn VectorOperations, scope: &Scope, near: &[f32], filter: Filter) -> Outcome<Vec<String>> {
    let mut ids = found(store, scope, &VectorQuery::vector(near).top_k(100).filter(filter)).await?;
    ids.sort();
    Ok(ids)
}

/// What holds of every answer: as many hits as asked for or a reason, best first, ties by id, no point twice, no score below the bound,
/// nothing in the hits that was not asked for.
pub(crate) fn lawful(answer: &VectorAnswer, query: &VectorQuery) -> Outcome {
    let hits = &answer.hits;
    ensure!(hits.len() <= query.top_k, "{} hits where top_k is {}", hits.len(), query.top_k);
    ensure_eq!(answer.shortfall.is_some(), hits.len() < query.top_k, "whether {} hits of {} are short", hits.len(), query.top_k);
    if answer.exactness == Exactness::Exact {
        let reason = answer.shortfall.is_none_or(|why| why == Shortfall::NoMoreRows);
        ensure!(reason, "an exact answer is short because of {:?}", answer.shortfall);
    }
    for pair in hits.windows(2) {
        let [first, second] = pair else { continue };
        let ordered = score::order((first.score, &first.id), (second.score, &second.id)).is_lt();
        ensure!(ordered, "{:?} of score {} stands before {:?} of score {}", first.id, first.score, second.id, second.score);
    }
    for hit in hits {
        ensure!(hit.score.is_finite(), "the score of {:?} is {}", hit.id, hit.score);
        ensure!(
            hit.metadata.is_some() == query.include.metadata,
            "metadata of {:?} asked for: {}",
            hit.id,
            query.include.metadata
        );
        ensure!(hit.vector.is_some() == query.include.vector, "vector of {:?} asked for: {}", hit.id, query.include.vector);
        ensure!(hit.text.is_none() || query.include.text, "the text of {:?} was not asked for", hit.id);
        if let (Some(least), None) = (query.min_score, query.search.text()) {
            ensure!(hit.score >= least - TOLERANCE * least.abs().max(1.0), "{:?} scores {}, below {least}", hit.id, hit.score);
        }
    }
    let mut seen: Vec<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
    seen.sort_unstable();
    seen.dedup();
    ensure_eq!(seen.len(), hits.len(), "different ids among the hits");
    Ok(())
}

/// Whether two numbers are one but for rounding in 32 bits.
pub(crate) fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

/// Fails unless the vector is what a store has to give back for what it was given.
#[track_caller]
pub(crate) fn same_vector(can: &VectorCapabilities, spec: &IndexSpec, found: Option<&Vector>, written: &[f32]) -> Outcome {
    let Some(found) = found.map(Vector::as_slice) else { return Err(Failure::new("there is no vector")) };
    let stored = score::stored(spec.element, written);
    if can.data.exact_vectors || spec.metric != Metric::Cosine {
        ensure_eq!(found, stored.as_slice(), "the vector");
    } else {
        ensure_eq!(found.len(), stored.len(), "the length of the vector");
        let turned = score::distance(Metric::Cosine, found, &stored);
        let slack = if spec.element == Element::F16 { 1e-3 } else { TOLERANCE };
        ensure!(turned.abs() <= slack, "the vector has another direction: {found:?} for {stored:?}");
    }
    Ok(())
}

/// Whether two values are one, whatever the spelling of their numbers and the order of their keys.
pub(crate) fn same_json(found: Option<&Value>, written: &Value) -> bool {
    let equal = Filter::Field { path: Path::this(), predicate: Predicate::Eq(written.clone()) };
    found.is_some_and(|found| found.is_object() == written.is_object() && equal.matches(found))
}
