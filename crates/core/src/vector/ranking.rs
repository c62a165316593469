//! Keeping the best points while candidates stream by.

use super::score::order;
use std::{cmp::Ordering, collections::BinaryHeap};

/// A point with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed {
    /// Its id.
    pub id: String,
    /// Its score.
    pub score: f64,
    /// Its raw distance; `None` in the text leg.
    pub distance: Option<f64>,
}

impl Placed {
    /// A point of this score.
    pub fn new(id: impl Into<String>, score: f64, distance: Option<f64>) -> Self {
        Self { id: id.into(), score, distance }
    }
}

/// The best `top_k` candidates, in memory that does not grow with their number.
///
/// ```
/// use mastra_core::vector::{Placed, VectorRanking};
///
/// let mut ranking = VectorRanking::new(1);
/// ranking.push(Placed::new("b", 0.5, None));
/// ranking.push(Placed::new("a", 0.5, None));
/// assert_eq!(ranking.finish()[0].id, "a", "ties go by id");
/// ```
#[derive(Debug)]
pub struct VectorRanking {
    worst_first: BinaryHeap<Entry>,
    top_k: usize,
}

#[derive(Debug)]
struct Entry(Placed);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        order((self.0.score, &self.0.id), (other.0.score, &other.0.id))
    }
}

impl VectorRanking {
    /// Keeps so many.
    pub fn new(top_k: usize) -> Self {
        Self { worst_first: BinaryHeap::new(), top_k }
    }

    /// Whether a candidate would be kept: asked before its id is copied.
    pub fn wants(&self, score: f64, id: &str) -> bool {
        self.worst_first.len() < self.top_k
            || self.worst_first.peek().is_some_and(|Entry(worst)| order((score, id), (worst.score, &worst.id)).is_lt())
    }

    /// Takes one candidate.
    pub fn push(&mut self, placed: Placed) {
        if self.wants(placed.score, &placed.id) {
            self.worst_first.push(Entry(placed));
            if self.worst_first.len() > self.top_k {
                self.worst_first.pop();
            }
        }
    }

    /// The best, in order.
    pub fn finish(self) -> Vec<Placed> {
        self.worst_first.into_sorted_vec().into_iter().map(|Entry(placed)| placed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_keeps_what_sorting_all_of_them_would(
            scores in prop::collection::vec(prop::sample::select(vec![-1.0, -0.0, 0.0, 0.25, 1.0, f64::NAN]), 0..40),
            top_k in 0..12_usize,
        ) {
            let all: Vec<Placed> = scores.iter().enumerate().map(|(n, score)| Placed::new(format!("{}", n % 17), *score, None)).collect();
            let mut ranking = VectorRanking::new(top_k);
            all.iter().cloned().for_each(|placed| ranking.push(placed));
            let mut sorted = all;
            sorted.sort_by(|a, b| order((a.score, &a.id), (b.score, &b.id)));
            sorted.truncate(top_k);
            let told = |list: Vec<Placed>| list.into_iter().map(|placed| (placed.id, placed.score.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(told(ranking.finish()), told(sorted));
        }
    }
}
