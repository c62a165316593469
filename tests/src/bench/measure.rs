//! Times and what they add up to.

use serde::Serialize;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Awaits the work and adds what it took.
pub(super) async fn timed<T>(spent: &mut Duration, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let result = work.await;
    *spent += begun.elapsed();
    result
}

/// The middle of several runs, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of at least one value; of none, NaN throughout.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 0 { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 } else { at(middle) };
        Self { median, min: at(0), max: at(values.len().wrapping_sub(1)) }
    }
}

/// One piece of work, done by both sides in each round.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    /// What is counted: records, pages, look-ups.
    pub(super) unit: &'static str,
    /// How many of them a run does.
    pub(super) count: usize,
    /// Seconds a run, by round.
    pub(super) ours: Vec<f64>,
    /// Those of the twin, in the same rounds.
    pub(super) raw: Vec<f64>,
}

impl Figure {
    pub(super) fn ours(&self) -> Spread {
        Spread::of(self.ours.iter().copied())
    }

    pub(super) fn raw(&self) -> Spread {
        Spread::of(self.raw.iter().copied())
    }

    /// How many a second, in the middle run.
    pub(super) fn per_second(&self) -> f64 {
        self.rate(self.ours().median)
    }

    pub(super) fn rate(&self, seconds: f64) -> f64 {
        to_f64(self.count) / seconds
    }

    /// Our rate over the twin's, round by round: both sides of a round met the same disturbances.
    pub(super) fn ratio(&self) -> Spread {
        Spread::of(self.ours.iter().zip(&self.raw).map(|(ours, raw)| raw / ours))
    }

    /// How many milliseconds more than the twin one of the things takes.
    pub(super) fn extra_ms(&self) -> Spread {
        let each = |(ours, raw): (&f64, &f64)| (ours - raw) * 1_000.0 / to_f64(self.count);
        Spread::of(self.ours.iter().zip(&self.raw).map(each))
    }
}

/// The figures of all rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a round.
    pub(super) fn add(&mut self, name: &'static str, unit: &'static str, count: usize, ours: Duration, raw: Duration) {
        let (ours, raw) = (ours.as_secs_f64(), raw.as_secs_f64());
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => {
                figure.ours.push(ours);
                figure.raw.push(raw);
            }
            None => self.0.push(Figure { name, unit, count, ours: vec![ours], raw: vec![raw] }),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Figure> {
        self.0.iter()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.name == name)
    }
}

/// A number that is no time: bytes, round trips.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    /// The most it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_most: Option<f64>,
    /// How it was taken.
    pub(super) note: String,
}

impl Measure {
    /// Whether it keeps to its bound, where it has one.
    pub(super) fn met(&self) -> Option<bool> {
        self.at_most.map(|bound| self.value <= bound)
    }
}

/// A count as a number to divide; counts here stay far below 2^53.
#[allow(clippy::cast_precision_loss, reason = "counts and bytes of a benchmark")]
pub(super) fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_even_and_odd_numbers_of_runs() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let figure = Figure { name: "f", unit: "records", count: 10, ours: vec![1.0, 4.0], raw: vec![2.0, 4.0] };
        assert_eq!(figure.ratio(), Spread { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!(figure.per_second(), 4.0);
    }
}
