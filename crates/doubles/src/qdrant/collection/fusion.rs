//! Reciprocal rank fusion, as Qdrant weighs it.

use std::collections::BTreeMap;

use crate::qdrant::id::Id;
use crate::qdrant::status::{Result, bad_input};

/// The server's `k` where none is asked for. It is not the 60 of the literature.
pub(super) const DEFAULT_K: u32 = 2;

/// Fuses ranked lists of ids: the scores that they came with do not count. Equal sums are ordered by id here; the server promises
/// no order among them.
pub(super) fn fuse(lists: &[Vec<Id>], k: u32, weights: &[f32]) -> Result<Vec<(Id, f32)>> {
    if !weights.is_empty() && weights.len() != lists.len() {
        let (got, expected) = (weights.len(), lists.len());
        let error = format!("Number of weights in RRF should match number of pre-fetches: got {got}, expected {expected}");
        return Err(bad_input(format!("Validation failed: {error}")));
    }
    let mut scores: BTreeMap<Id, f32> = BTreeMap::new();
    for (number, list) in lists.iter().enumerate() {
        let weight = weights.get(number).copied().unwrap_or(1.0);
        for (position, id) in list.iter().enumerate() {
            *scores.entry(*id).or_default() += part(position, k, weight);
        }
    }
    let mut fused: Vec<(Id, f32)> = scores.into_iter().collect();
    fused.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(fused)
}

/// What a rank adds. A weight stretches ranks and does not multiply the sum: with weight 3 the third counts as the first would.
#[expect(clippy::cast_precision_loss, reason = "ranks are small")]
fn part(position: usize, k: u32, weight: f32) -> f32 {
    if weight > 0.0 { 1.0 / ((position + 1) as f32 / weight + k as f32 - 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_summed_and_stretched_by_weight() {
        let [a, b, c] = [1, 2, 3].map(Id::Number);
        let lists = [vec![a, b], vec![b, c]];
        assert_eq!(fuse(&lists, DEFAULT_K, &[]).unwrap(), [(b, 1.0 / 3.0 + 0.5), (a, 0.5), (c, 1.0 / 3.0)]);
        let weighted = fuse(&lists, 60, &[2.0, 1.0]).unwrap();
        assert_eq!(weighted, [(b, 1.0 / 60.0 + 1.0 / 60.0), (a, 1.0 / 59.5), (c, 1.0 / 61.0)]);
        assert!(fuse(&lists, 60, &[1.0]).is_err());
    }
}
