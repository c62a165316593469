//! Reciprocal rank fusion: one order out of two that cannot be compared.

use super::{query::Weights, ranking::Placed, score::order};
use std::collections::HashMap;

/// What is added to every rank, after Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
/// Learning Methods" (2009).
pub const RRF_K: f64 = 60.0;

/// How many hits each leg of a hybrid query gives, so that every store fuses the same lists: four times `top_k`, at least 100.
pub fn leg_depth(top_k: usize) -> usize {
    top_k.saturating_mul(4).max(100)
}

/// Fuses two lists, each best first: a point is worth `weight / (60 + rank)` for each list that it stands in, ranks counted from 1. The
/// best `top_k`, ties by id; distances are the dense leg's.
///
/// ```
/// use mastra_core::vector::{Placed, Weights, fuse};
///
/// let dense = [Placed::new("a", 0.9, Some(0.1)), Placed::new("b", 0.8, Some(0.2))];
/// let words = [Placed::new("b", 7.0, None)];
/// let fused = fuse(&dense, &words, Weights::default(), 10);
/// assert_eq!(fused[0].id, "b");
/// assert_eq!(fused[0].score, 1.0 / 62.0 + 1.0 / 61.0);
/// assert_eq!(fused[0].distance, Some(0.2));
/// ```
pub fn fuse(dense: &[Placed], words: &[Placed], weights: Weights, top_k: usize) -> Vec<Placed> {
    let mut fused: HashMap<&str, Placed> = HashMap::new();
    for (list, weight) in [(dense, weights.vector), (words, weights.text)] {
        for (index, placed) in list.iter().enumerate() {
            let worth = weight / (RRF_K + (index + 1) as f64);
            let entry = fused.entry(&placed.id).or_insert_with(|| Placed::new(placed.id.clone(), 0.0, None));
            entry.score += worth;
            entry.distance = entry.distance.or(placed.distance);
        }
    }
    // A leg that counts nothing finds nothing.
    let mut fused: Vec<Placed> = fused.into_values().filter(|placed| placed.score > 0.0).collect();
    fused.sort_by(|a, b| order((a.score, &a.id), (b.score, &b.id)));
    fused.truncate(top_k);
    fused
}
