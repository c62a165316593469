//! Times and what they add up to.

use serde::Serialize;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// What work took: on the clock, and of this process's processors. A server's share is not in the latter; an embedded database's is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) wall: Duration,
    pub(super) processor: Duration,
}

/// Awaits the work and adds what it took.
pub(super) async fn timed<T>(spent: &mut Spent, work: impl Future<Output = T>) -> T {
    let processor = processor_time();
    let begun = Instant::now();
    let result = work.await;
    spent.wall += begun.elapsed();
    spent.processor += processor_time().saturating_sub(processor);
    result
}

/// The processor time of all threads of this process so far.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().unwrap_or_default()
}

/// Not told here.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
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
        let median = if values.len().is_multiple_of(2) { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 } else { at(middle) };
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
    /// What a run took, by round.
    pub(super) ours: Vec<Spent>,
    /// What the twin took, in the same rounds.
    pub(super) raw: Vec<Spent>,
    /// Of searches by nearness: recall@10 of a round, ours and the twin's.
    pub(super) recall: Vec<(f64, f64)>,
}

impl Figure {
    /// Seconds a run.
    pub(super) fn ours(&self) -> Spread {
        Spread::of(self.ours.iter().map(|spent| spent.wall.as_secs_f64()))
    }

    /// Seconds a run of the twin.
    pub(super) fn raw(&self) -> Spread {
        Spread::of(self.raw.iter().map(|spent| spent.wall.as_secs_f64()))
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
        self.by_round(|ours, raw| raw.wall.as_secs_f64() / ours.wall.as_secs_f64())
    }

    /// Our processor time over the twin's. What else the machine does hardly moves it.
    pub(super) fn processor_ratio(&self) -> Spread {
        self.by_round(|ours, raw| ours.processor.as_secs_f64() / raw.processor.as_secs_f64())
    }

    /// Microseconds of processor time that one of the things takes on our side and on the twin's.
    pub(super) fn processor_us(&self) -> (f64, f64) {
        let each =
            |side: &[Spent]| Spread::of(side.iter().map(|spent| spent.processor.as_secs_f64())).median * 1e6 / to_f64(self.count);
        (each(&self.ours), each(&self.raw))
    }

    /// How many milliseconds more than the twin one of the things takes.
    pub(super) fn extra_ms(&self) -> Spread {
        let count = to_f64(self.count);
        self.by_round(|ours, raw| (ours.wall.as_secs_f64() - raw.wall.as_secs_f64()) * 1_000.0 / count)
    }

    /// Recall@10, ours and the twin's: the mean of the rounds, each of which built indexes of its own.
    pub(super) fn recall(&self) -> Option<(f64, f64)> {
        let rounds = to_f64(self.recall.len());
        let mean = |side: fn(&(f64, f64)) -> f64| self.recall.iter().map(side).sum::<f64>() / rounds;
        (!self.recall.is_empty()).then(|| (mean(|(ours, _)| *ours), mean(|(_, raw)| *raw)))
    }

    fn by_round(&self, compare: impl Fn(&Spent, &Spent) -> f64) -> Spread {
        Spread::of(self.ours.iter().zip(&self.raw).map(|(ours, raw)| compare(ours, raw)))
    }
}

/// The figures of all rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a round.
    pub(super) fn add(&mut self, name: &'static str, unit: &'static str, count: usize, ours: Spent, raw: Spent) {
        match self.0.iter_mut().find(|figure| figure.name == name) {
            Some(figure) => {
                figure.ours.push(ours);
                figure.raw.push(raw);
            }
            None => self.0.push(Figure { name, unit, count, ours: vec![ours], raw: vec![raw], recall: Vec::new() }),
        }
    }

    /// Says how much a round of searches found.
    pub(super) fn found(&mut self, name: &str, recall: (f64, f64)) {
        if let Some(figure) = self.0.iter_mut().find(|figure| figure.name == name) {
            figure.recall.push(recall);
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
        let spent = |seconds| Spent { wall: Duration::from_secs(seconds), processor: Duration::ZERO };
        let (ours, raw) = (vec![spent(1), spent(4)], vec![spent(2), spent(4)]);
        let figure = Figure { name: "f", unit: "records", count: 10, ours, raw, recall: vec![(0.9, 1.0), (1.0, 1.0)] };
        assert_eq!(figure.ratio(), Spread { median: 1.5, min: 1.0, max: 2.0 });
        assert_eq!(figure.per_second(), 4.0);
        assert_eq!(figure.recall(), Some((0.95, 1.0)));
    }
}
