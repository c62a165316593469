//! The order of hits under the score law, from distances that the server measured in 32 bits.
//!
//! Where two distances lie so close that rounding may have swapped them, or one lies as close to `min_score`, the vectors
//! themselves are fetched and measured here. With vectors that differ this is rare.

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
    pub(crate) point: Point,
}

/// How far from the truth the server's distance may be.
fn tolerance(metric: Metric, distance: f64) -> f64 {
    match metric {
        Metric::Dot => 2e-6 * distance.abs().max(1.0),
        Metric::Euclidean => 2e-6 * distance.abs(),
        _ => 2e-6,
    }
}

/// Whether two distances may be the same, or stand in the other order.
pub(crate) fn close(metric: Metric, a: f64, b: f64) -> bool {
    (a - b).abs() <= tolerance(metric, a).max(tolerance(metric, b))
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
    candidates.sort_by(|a, b| a.distance.total_cmp(&b.distance));
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
        .map(|Candidate { distance, point }| {
            (Placed::new(point.id.clone(), score::score(metric, distance), Some(distance)), point)
        })
        .filter(|(placed, _)| min_score.is_none_or(|least| placed.score >= least))
        .collect();
    placed.sort_by(|(a, _), (b, _)| score::order((a.score, &a.id), (b.score, &b.id)));
    Ok(placed)
}

/// The ids whose distances have to be measured anew.
fn doubtful(metric: Metric, min_score: Option<f64>, sorted: &[Candidate]) -> Vec<String> {
    let mut doubtful = vec![false; sorted.len()];
    for (at, pair) in sorted.windows(2).enumerate() {
        if let [a, b] = pair
            && close(metric, a.distance, b.distance)
        {
            doubtful.iter_mut().skip(at).take(2).for_each(|doubtful| *doubtful = true);
        }
    }
    if let Some(least) = min_score {
        for (candidate, doubtful) in sorted.iter().zip(&mut doubtful) {
            let tolerance = tolerance(metric, candidate.distance);
            let passes = |distance: f64| score::score(metric, distance) >= least;
            *doubtful |= passes(candidate.distance - tolerance) != passes(candidate.distance + tolerance);
        }
    }
    let ids = sorted.iter().zip(doubtful).filter(|(_, doubtful)| *doubtful);
    ids.map(|(candidate, _)| candidate.point.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rounding_may_have_swapped_is_measured_anew() {
        let at = |id: &str, distance: f64| Candidate { distance, point: Point::new(id) };
        let sorted = [at("a", 0.1), at("b", 0.1 + 1e-7), at("c", 0.2), at("d", 0.5)];
        assert_eq!(doubtful(Metric::Cosine, None, &sorted), ["a", "b"]);
        assert_eq!(doubtful(Metric::Cosine, Some(0.5), &sorted), ["a", "b", "d"]);
    }
}
