//! The order of hits under the score law, from distances that the server measured in 32 bits.
//!
//! Where two distances lie so close that rounding may have swapped them, one lies as close to `min_score`, or one overflowed or cancelled,
//! the vectors themselves are fetched and measured here. With vectors that differ this is rare.

use crate::{index::Index, read};
use mastra_core::{
    Result,
    vector::{Include, Metric, Placed, Point, Scope, score},
};
use sqlx::PgConnection;

/// A point that was found, best first.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) distance: f64,
    /// How far from the truth the server's distance may be.
    pub(crate) error: f64,
    pub(crate) point: Point,
}

/// How far a sum of 32 bits may be from the truth, as a share of what it adds up.
const ROUNDING: f64 = 2e-6;
/// A distance that may be further from the truth than this share of it, or this where it is small, is measured anew.
const FAR: f64 = 1e-5;

impl Candidate {
    /// A point at the distance that the server measured.
    pub(crate) fn new(metric: Metric, distance: f64, point: Point) -> Self {
        let error = match metric {
            _ if !distance.is_finite() => f64::INFINITY,
            Metric::Dot => ROUNDING * distance.abs().max(1.0),
            Metric::Euclidean => ROUNDING * distance.abs(),
            _ => ROUNDING,
        };
        Self { distance, error, point }
    }
}

/// Whether no point that the server gave behind these, by its distances, can be nearer than the best of them, so many.
pub(crate) fn is_settled(depth: usize, candidates: &[Candidate]) -> bool {
    let error = candidates.iter().map(|candidate| candidate.error).fold(0.0, f64::max);
    match (depth.checked_sub(1).and_then(|last| candidates.get(last)), candidates.last()) {
        (Some(last), Some(furthest)) => furthest.distance - last.distance > 2.0 * error,
        _ => false,
    }
}

/// Asks how long vectors are, where that says how wrong distances may be: a product of long vectors that cancels is small, and its
/// rounding is not.
pub(crate) async fn weigh(
    conn: &mut PgConnection,
    persistent: bool,
    index: &Index,
    scope: &Scope,
    asked: &[f32],
    candidates: &mut [Candidate],
) -> Result<()> {
    if index.spec.metric != Metric::Dot || candidates.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = candidates.iter().map(|candidate| candidate.point.id.as_str()).collect();
    let lengths = read::lengths(conn, persistent, index, scope, &ids).await?;
    let own = -score::distance(Metric::Dot, asked, asked);
    // Roundings of many additions cancel in part.
    let share = ROUNDING * ((asked.len() as f64).sqrt() / 16.0).max(1.0);
    for candidate in candidates {
        if let Some(length) = lengths.get(&candidate.point.id) {
            candidate.error = candidate.error.max(share * own.sqrt() * length);
        }
    }
    Ok(())
}

/// Puts candidates in the order of the score law, those of at least `min_score`, and gives their scores beside them.
pub(crate) async fn settle(
    conn: &mut PgConnection,
    persistent: bool,
    index: &Index,
    scope: &Scope,
    asked: &[f32],
    min_score: Option<f64>,
    mut candidates: Vec<Candidate>,
) -> Result<Vec<(Placed, Point)>> {
    let metric = index.spec.metric;
    let doubtful = doubtful(metric, min_score, &candidates);
    if !doubtful.is_empty() {
        let vector = Include { vector: true, ..Include::ID };
        let found = read::by_ids(conn, persistent, index, scope, &doubtful, vector).await?;
        for candidate in &mut candidates {
            if let Some(vector) = found.get(&candidate.point.id).and_then(|point| point.vector.as_ref()) {
                candidate.distance = score::distance(metric, asked, vector.as_slice());
            }
        }
    }
    let mut placed: Vec<(Placed, Point)> = candidates
        .into_iter()
        .map(|Candidate { distance, point, .. }| {
            (Placed::new(point.id.clone(), score::score(metric, distance), Some(distance)), point)
        })
        .filter(|(placed, _)| min_score.is_none_or(|least| placed.score >= least))
        .collect();
    placed.sort_by(|(a, _), (b, _)| score::order((a.score, &a.id), (b.score, &b.id)));
    Ok(placed)
}

/// The ids whose distances have to be measured anew: those that may be far from the truth, that may stand in the other order, or on the
/// other side of `min_score`.
fn doubtful(metric: Metric, min_score: Option<f64>, candidates: &[Candidate]) -> Vec<String> {
    let bounds = |at: &Candidate| match at.error.is_finite() {
        true => (at.distance - at.error, at.distance + at.error),
        false => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let passes = |distance: f64| min_score.is_none_or(|least| score::score(metric, distance) >= least);
    let unsure = |at: &Candidate| {
        let (low, high) = bounds(at);
        at.error > FAR * at.distance.abs().max(1.0) || !at.error.is_finite() || passes(low) != passes(high)
    };
    let mut ranges: Vec<((f64, f64), &Candidate, bool)> =
        candidates.iter().map(|candidate| (bounds(candidate), candidate, unsure(candidate))).collect();
    ranges.sort_by(|(a, ..), (b, ..)| a.0.total_cmp(&b.0));
    // Of those that begin earlier, the one that reaches furthest meets whatever another one meets.
    let mut furthest: Option<usize> = None;
    for at in 0..ranges.len() {
        let reach = |at: usize| ranges.get(at).map_or((f64::INFINITY, f64::NEG_INFINITY), |(bounds, ..)| *bounds);
        let meets = furthest.filter(|before| reach(*before).1 >= reach(at).0);
        if furthest.is_none_or(|before| reach(at).1 > reach(before).1) {
            furthest = Some(at);
        }
        for doubtful in meets.into_iter().chain(meets.map(|_| at)) {
            if let Some((.., doubtful)) = ranges.get_mut(doubtful) {
                *doubtful = true;
            }
        }
    }
    ranges.into_iter().filter(|(.., doubtful)| *doubtful).map(|(_, candidate, _)| candidate.point.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(metric: Metric, id: &str, distance: f64) -> Candidate {
        Candidate::new(metric, distance, Point::new(id))
    }

    #[test]
    fn only_what_rounding_may_have_swapped_is_measured_anew() {
        let sorted = [("a", 0.1), ("b", 0.1 + 1e-7), ("c", 0.2), ("d", 0.5)].map(|(id, d)| at(Metric::Cosine, id, d));
        assert_eq!(doubtful(Metric::Cosine, None, &sorted), ["a", "b"]);
        assert_eq!(doubtful(Metric::Cosine, Some(0.5), &sorted), ["a", "b", "d"]);
        assert!(is_settled(2, &sorted) && is_settled(1, &sorted) && !is_settled(4, &sorted));
        assert!(!is_settled(1, &sorted[..2]), "the second may be the nearest");
    }

    #[test]
    fn distances_that_overflow_are_measured_anew() {
        let sorted =
            [("a", 1.0), ("b", 2.0), ("c", f64::INFINITY), ("d", f64::INFINITY)].map(|(id, d)| at(Metric::Euclidean, id, d));
        for min_score in [None, Some(1e-20)] {
            let ids = doubtful(Metric::Euclidean, min_score, &sorted);
            assert!(ids.contains(&"c".to_owned()) && ids.contains(&"d".to_owned()), "{ids:?}");
        }
        assert!(doubtful(Metric::Euclidean, None, &sorted[..2]).is_empty());
        assert!(!is_settled(1, &sorted), "what comes behind an overflow has no order");
    }

    #[test]
    fn a_wide_error_meets_those_behind_its_neighbour() {
        let mut sorted = [("a", 0.0), ("b", 12.0), ("c", 15.0), ("d", 90.0)].map(|(id, d)| at(Metric::Dot, id, d));
        for (candidate, error) in sorted.iter_mut().zip([1e-5, 1e-9, 1e-5, 1e-9]) {
            candidate.error = error;
        }
        assert!(doubtful(Metric::Dot, None, &sorted).is_empty());
        sorted[0].error = 10.0;
        sorted[2].error = 10.0;
        assert_eq!(doubtful(Metric::Dot, None, &sorted), ["a", "c", "b"]);
    }
}
