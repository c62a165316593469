//! Keeping the best hits while candidates stream by.

use crate::ids::RecordId;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The best `offset + limit` candidates, in memory that does not grow with their number.
///
/// ```
/// use mastra_core::{RecordId, text::Ranking};
///
/// let mut ranking = Ranking::new(1, 0);
/// let (better, worse) = (RecordId::generate(), RecordId::generate());
/// ranking.push(worse, 0.5);
/// ranking.push(better, 0.9);
/// assert_eq!(ranking.total(), 2);
/// assert_eq!(ranking.finish(), [(better, 0.9)]);
/// ```
#[derive(Debug)]
pub struct Ranking {
    heap: BinaryHeap<Reverse<Entry>>,
    keep: usize,
    offset: usize,
    total: u64,
}

#[derive(Debug, PartialEq)]
struct Entry {
    score: f64,
    id: RecordId,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ranking {
    /// Keeps `limit` hits behind the first `offset`.
    pub fn new(limit: u64, offset: u64) -> Self {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let keep = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(offset);
        Self { heap: BinaryHeap::new(), keep, offset, total: 0 }
    }

    /// Takes one match.
    pub fn push(&mut self, id: RecordId, score: f64) {
        self.total += 1;
        self.heap.push(Reverse(Entry { score, id }));
        if self.heap.len() > self.keep {
            self.heap.pop();
        }
    }

    /// How many matches it was given.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The hits, best first, ties by id ascending.
    pub fn finish(self) -> Vec<(RecordId, f64)> {
        self.heap.into_sorted_vec().into_iter().skip(self.offset).map(|Reverse(entry)| (entry.id, entry.score)).collect()
    }
}
