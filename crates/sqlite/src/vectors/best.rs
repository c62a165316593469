//! The best of many by score, without their ids.

use mastra_core::vector::score;

/// Keeps the candidates that can be among the best so many, whatever their ids are: ties at the end stay until ids decide.
#[derive(Debug)]
pub(super) struct Best {
    kept: Vec<Candidate>,
    most: usize,
    /// How many are kept before those that cannot win any more are dropped.
    room: usize,
    /// Below this nobody can win.
    least: Option<f64>,
}

/// A point that was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) key: i64,
    pub(super) score: f64,
    pub(super) distance: f64,
}

/// How two scores stand, as hits of one id would.
fn order(a: f64, b: f64) -> std::cmp::Ordering {
    score::order((a, ""), (b, ""))
}

/// Fewer are not worth dropping some.
const ROOM: usize = 256;

impl Best {
    pub(super) fn new(most: usize, least: Option<f64>) -> Self {
        Self { kept: Vec::new(), most, room: most.saturating_mul(2).max(ROOM), least }
    }

    /// Below this nobody can win any more.
    pub(super) fn least(&self) -> Option<f64> {
        self.least
    }

    pub(super) fn push(&mut self, candidate: Candidate) {
        if self.least.is_some_and(|least| candidate.score < least || candidate.score.is_nan()) {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() >= self.room {
            self.drop_losers();
            self.room = self.kept.len().saturating_mul(2).max(ROOM);
        }
    }

    fn drop_losers(&mut self) {
        let Some(last) = self.most.checked_sub(1).filter(|last| *last < self.kept.len()) else { return };
        let (_, worst, _) = self.kept.select_nth_unstable_by(last, |a, b| order(a.score, b.score));
        let worst = worst.score;
        self.kept.retain(|candidate| order(candidate.score, worst).is_le());
        if !worst.is_nan() {
            self.least = Some(self.least.map_or(worst, |least| least.max(worst)));
        }
    }

    /// The best, in no order, with all that tie with the last.
    pub(super) fn finish(mut self) -> Vec<Candidate> {
        self.drop_losers();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ties_with_the_last_are_kept() {
        let mut best = Best::new(3, Some(0.5));
        for key in 0..10_000_i64 {
            let score = if key % 2_000 == 0 { 2.0 } else { (key % 7) as f64 / 6.0 };
            best.push(Candidate { key, score, distance: 0.0 });
        }
        let found = best.finish();
        assert_eq!(found.iter().filter(|found| found.score == 2.0).count(), 5);
        assert_eq!(found.len(), 5);

        let mut best = Best::new(2, None);
        for key in 0..5_000 {
            best.push(Candidate { key, score: f64::from(u8::from(key == 17)), distance: 0.0 });
        }
        assert_eq!(best.finish().len(), 5_000);

        let mut best = Best::new(2, Some(0.5));
        best.push(Candidate { key: 1, score: 0.5, distance: 0.0 });
        best.push(Candidate { key: 2, score: 0.4, distance: 0.0 });
        assert_eq!(best.finish().len(), 1);
    }
}
