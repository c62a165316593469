//! How long questions took: the middle one, and the one that 99 of 100 are quicker than.

use super::side::Place;
use crate::bench::measure::Spread;
use serde_json::{Value, json};

/// The most that our middle question may take, as a multiple of the twin's.
const MOST: f64 = 1.3;

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    /// Ours, in the order of the fusion.
    Ours,
    /// Ours, varied by maximal marginal relevance.
    Varied,
    /// The twin's.
    Raw,
}

/// A question that was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) question: usize,
    pub(super) seconds: f64,
    pub(super) places: Vec<Place>,
}

/// Latencies of one side, in milliseconds.
#[derive(Debug, Default)]
struct Times {
    /// The middle of each round.
    p50: Vec<f64>,
    /// All of them.
    all: Vec<f64>,
    recall: Vec<f64>,
}

/// All rounds of searches over so many chunks, so many at once.
#[derive(Debug)]
pub(super) struct Searches {
    pub(super) chunks: usize,
    pub(super) at_once: usize,
    ours: Times,
    varied: Times,
    raw: Times,
}

impl Searches {
    pub(super) fn new(chunks: usize, at_once: usize) -> Self {
        Self { chunks, at_once, ours: Times::default(), varied: Times::default(), raw: Times::default() }
    }

    /// Adds a round.
    pub(super) fn add(&mut self, side: Side, answers: &[Answered], recall: Option<f64>) {
        let times = match side {
            Side::Ours => &mut self.ours,
            Side::Varied => &mut self.varied,
            Side::Raw => &mut self.raw,
        };
        let round: Vec<f64> = answers.iter().map(|answer| answer.seconds * 1_000.0).collect();
        times.p50.push(percentile(&round, 0.5));
        times.all.extend(round);
        times.recall.extend(recall);
    }

    /// Its name in JSON, such as `search_hybrid_200k_c16`.
    pub(super) fn name(&self) -> String {
        format!("search_hybrid_{}k_c{}", self.chunks / 1_000, self.at_once)
    }

    /// Our middle question over the twin's, round by round.
    fn ratio(&self) -> Spread {
        Spread::of(self.ours.p50.iter().zip(&self.raw.p50).map(|(ours, raw)| ours / raw))
    }

    /// What variety adds to the middle question, in milliseconds.
    fn variety(&self) -> Spread {
        Spread::of(self.varied.p50.iter().zip(&self.ours.p50).map(|(varied, ours)| varied - ours))
    }

    pub(super) fn to_json(&self) -> Value {
        let side = |times: &Times| {
            json!({
                "p50_ms": Spread::of(times.p50.iter().copied()), "p99_ms": percentile(&times.all, 0.99),
                "questions": times.all.len(), "recall@10": mean(&times.recall),
            })
        };
        json!({
            "chunks": self.chunks, "at_once": self.at_once, "ours": side(&self.ours), "with_mmr": side(&self.varied),
            "raw": side(&self.raw), "ratio_to_raw": self.ratio(), "mmr_ms": self.variety(),
            "target": { "at_most": MOST, "met": self.ratio().median <= MOST },
        })
    }

    /// The cells of its row: see [`HEAD`].
    pub(super) fn cells(&self) -> Vec<String> {
        use crate::bench::report::short;
        let (ours, raw, ratio) =
            (Spread::of(self.ours.p50.iter().copied()), Spread::of(self.raw.p50.iter().copied()), self.ratio());
        let bound = if ratio.median <= MOST { "" } else { "**missed** " };
        let recall = |times: &Times| mean(&times.recall).map_or_else(|| "–".to_owned(), |recall| format!("{recall:.3}"));
        vec![
            format!("`{}`", self.name()),
            short(ours.median),
            format!("{} – {}", short(ours.min), short(ours.max)),
            short(percentile(&self.ours.all, 0.99)),
            short(self.variety().median),
            short(raw.median),
            format!("{} – {}", short(raw.min), short(raw.max)),
            short(percentile(&self.raw.all, 0.99)),
            format!("{} ({} – {})", short(ratio.median), short(ratio.min), short(ratio.max)),
            format!("{bound}≤ {MOST}"),
            format!("{} / {}", recall(&self.ours), recall(&self.raw)),
        ]
    }
}

/// What the cells of a row are; times in milliseconds.
pub(super) const HEAD: [&str; 11] = [
    "searches",
    "p50 ms",
    "(min – max)",
    "p99 ms",
    "MMR ms more",
    "hand-written p50 ms",
    "(min – max)",
    "p99 ms",
    "ratio of p50",
    "target",
    "recall@10 / hand-written",
];

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The value below which that share of them lies, by the nearest rank.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Not negative, and no further than the last.
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 0.5), percentile(&values, 0.99)), (100.0, 198.0));
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
