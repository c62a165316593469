//! Finding, reading, walking and counting points at hand.

use super::{FlatPoints, StoredPoint};
use crate::{
    error::Result,
    filter::{Filter, Matcher},
    query::{Count, Page},
    text::TextQuery,
    vector::{
        answer::{VectorAnswer, VectorHit},
        fusion::fuse,
        point::{Include, Point, Scope, Vector},
        query::{PointCountQuery, ScrollQuery, VectorQuery, VectorSearch},
        ranking::{Placed, VectorRanking},
        score,
    },
};
use std::collections::HashSet;

pub(super) fn search(points: &(impl FlatPoints + ?Sized), query: &VectorQuery) -> Result<VectorAnswer> {
    points.spec().still_takes(query.search.vector(), query.model.as_deref())?;
    let matcher = query.filter.clone().matcher();
    let placed = match &query.search {
        VectorSearch::Vector(vector) => nearest(points, query, vector, &matcher),
        VectorSearch::Text(text) => saying(points, query, text, &matcher)?,
        VectorSearch::Hybrid { vector, text, weights } => {
            let near = nearest(points, query, vector, &matcher);
            fuse(&near, &saying(points, query, text, &matcher)?, *weights, query.top_k)
        }
    };
    let hit = |placed: Placed| {
        let point = points.point(&placed.id)?.point(&placed.id, query.include);
        Some(VectorHit::new(point, placed.score, placed.distance, query.include))
    };
    Ok(VectorAnswer::exact(placed.into_iter().filter_map(hit).collect(), query.top_k))
}

/// The dense leg.
fn nearest(points: &(impl FlatPoints + ?Sized), query: &VectorQuery, asked: &Vector, matcher: &Matcher) -> Vec<Placed> {
    let spec = points.spec();
    let asked = score::stored(spec.element, asked.as_slice());
    let mut ranking = VectorRanking::new(query.depth());
    for (id, point) in matches(points, "", matcher) {
        let distance = score::distance(spec.metric, &asked, point.vector());
        let worth = score::score(spec.metric, distance);
        if query.min_score.is_none_or(|least| worth >= least) && ranking.wants(worth, id) {
            ranking.push(Placed::new(id, worth, Some(distance)));
        }
    }
    ranking.finish()
}

/// The text leg.
fn saying(points: &(impl FlatPoints + ?Sized), query: &VectorQuery, text: &str, matcher: &Matcher) -> Result<Vec<Placed>> {
    let asked = TextQuery::parse(text)?;
    let mut ranking = VectorRanking::new(query.depth());
    for (id, point) in matches(points, "", matcher) {
        if let Some(worth) = asked.score(point.words()).filter(|worth| ranking.wants(*worth, id)) {
            ranking.push(Placed::new(id, worth, None));
        }
    }
    Ok(ranking.finish())
}

fn matches<'p>(
    points: &'p (impl FlatPoints + ?Sized),
    after: &str,
    matcher: &Matcher,
) -> impl Iterator<Item = (&'p str, &'p StoredPoint)> {
    points.points_after(after).filter(|(_, point)| matcher.matches(point.metadata()))
}

pub(super) fn read(points: &(impl FlatPoints + ?Sized), ids: &[String], include: Include) -> Vec<Point> {
    let mut seen = HashSet::new();
    let ids = ids.iter().filter(|id| seen.insert(id.as_str()));
    ids.filter_map(|id| Some(points.point(id)?.point(id, include))).collect()
}

pub(super) fn page(points: &(impl FlatPoints + ?Sized), scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
    let after = query.position(scope)?.unwrap_or_default();
    let matcher = query.filter.clone().matcher();
    let mut rows = matches(points, &after, &matcher);
    let items: Vec<Point> = rows.by_ref().take(query.limit).map(|(id, point)| point.point(id, query.include)).collect();
    let last = items.last().filter(|_| rows.next().is_some());
    let next_cursor = last.map(|last| query.cursor_after(scope, &last.id)).transpose()?;
    Ok(Page { items, next_cursor })
}

pub(super) fn count(points: &(impl FlatPoints + ?Sized), query: &PointCountQuery) -> Count {
    let matcher = query.filter.clone().matcher();
    // One more than the cap tells whether there are more.
    let most = query.cap.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX).saturating_add(1));
    let counted = matches(points, "", &matcher).take(most).count() as u64;
    let value = query.cap.map_or(counted, |cap| counted.min(cap));
    Count { value, capped: value < counted }
}

pub(super) fn matching(points: &(impl FlatPoints + ?Sized), filter: &Filter) -> Vec<String> {
    let matcher = filter.clone().matcher();
    matches(points, "", &matcher).map(|(id, _)| id.to_owned()).collect()
}
