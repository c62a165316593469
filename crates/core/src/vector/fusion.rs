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
/// best `top_k`, ties by id; distances are the dense leg's. A leg of weight 0 finds nothing: what stands in it alone is no hit.
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
    let mut fused: Vec<Placed> = fused.into_values().filter(|placed| placed.score > 0.0).collect();
    fused.sort_by(|a, b| order((a.score, &a.id), (b.score, &b.id)));
    fused.truncate(top_k);
    fused
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn dense(ids: &[String]) -> Vec<Placed> {
        ids.iter().map(|id| Placed::new(id.clone(), 0.0, Some(1.0))).collect()
    }

    fn words(ids: &[String]) -> Vec<Placed> {
        ids.iter().map(|id| Placed::new(id.clone(), 0.0, None)).collect()
    }

    fn list() -> impl Strategy<Value = Vec<String>> {
        prop::collection::btree_set("[a-f]{1,2}", 0..12)
            .prop_map(|ids: BTreeSet<String>| ids.into_iter().collect())
            .prop_shuffle()
    }

    #[test]
    fn legs_are_deep_enough_for_every_top_k() {
        assert_eq!((leg_depth(1), leg_depth(25), leg_depth(26), leg_depth(usize::MAX)), (100, 100, 104, usize::MAX));
    }

    #[test]
    fn equals_go_by_id() {
        let (one, other) = (dense(&["b".into()]), words(&["a".into()]));
        let ids: Vec<String> = fuse(&one, &other, Weights::default(), 2).into_iter().map(|placed| placed.id).collect();
        assert_eq!(ids, ["a", "b"]);
    }

    #[test]
    fn a_leg_of_no_weight_finds_nothing() {
        let fused =
            fuse(&dense(&["a".into(), "b".into()]), &words(&["c".into(), "a".into()]), Weights { vector: 0.0, text: 2.0 }, 9);
        assert_eq!(fused, [Placed::new("c", 2.0 / 61.0, None), Placed::new("a", 2.0 / 62.0, Some(1.0))]);
    }

    proptest! {
        #[test]
        fn every_point_is_worth_its_ranks(
            near in list(), said in list(), vector in 0.0..4.0_f64, text in 0.0..4.0_f64, top_k in 1..30_usize,
        ) {
            let mut worth: BTreeMap<&str, f64> = BTreeMap::new();
            for (list, weight) in [(&near, vector), (&said, text)] {
                for (place, id) in list.iter().enumerate() {
                    *worth.entry(id).or_default() += weight / (61 + place) as f64;
                }
            }
            let mut expected: Vec<(&str, f64)> = worth.into_iter().filter(|(_, worth)| *worth > 0.0).collect();
            // Stable, and the map is in order of ids.
            expected.sort_by(|a, b| b.1.total_cmp(&a.1));
            expected.truncate(top_k);
            let fused = fuse(&dense(&near), &words(&said), Weights { vector, text }, top_k);
            prop_assert_eq!(fused.iter().map(|placed| (placed.id.as_str(), placed.score)).collect::<Vec<_>>(), expected);
            for placed in &fused {
                prop_assert_eq!(placed.distance.is_some(), near.contains(&placed.id));
            }
        }

        #[test]
        fn a_longer_top_k_only_adds(near in list(), said in list(), top_k in 1..20_usize) {
            let fused = |top_k| fuse(&dense(&near), &words(&said), Weights::default(), top_k);
            let (short, long) = (fused(top_k), fused(top_k + 1));
            prop_assert_eq!(&long[..short.len()], &short[..]);
        }
    }
}
