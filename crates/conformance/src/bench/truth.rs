//! The right answers, worked out once by looking at every point, and what an answer is worth beside them.

use super::data::DataSet;
use mastra_core::{Error, Result};
use std::{
    collections::{HashMap, HashSet},
    thread,
};

/// How many neighbours are asked for.
pub const TOP_K: usize = 10;

/// How many sums run beside each other.
const LANES: usize = 8;

/// What cosines may differ by without one being nearer: stores measure in 32 bits.
const ROUNDING: f64 = 1e-6;

/// Which points a search is among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Among {
    /// All of them.
    All,
    /// Those that [`DataSet::filter`] matches.
    Matching,
}

/// How near the tenth neighbour of each question is under cosine: what is as near is a right answer.
#[derive(Debug)]
pub struct Truth<'d> {
    data: &'d DataSet,
    places: HashMap<&'d str, usize>,
    matching: Vec<bool>,
    all: Vec<Bound>,
    filtered: Vec<Bound>,
}

/// How many neighbours there are, and the cosine of the furthest of them.
#[derive(Debug, Clone, Copy)]
struct Bound {
    count: usize,
    least: f64,
}

impl<'d> Truth<'d> {
    /// Looks at every point for every question: 20,000 points and 500 questions of 384 numbers take some seconds.
    ///
    /// Fails as `InvalidInput` where no point matches the filter.
    pub fn of(data: &'d DataSet) -> Result<Self> {
        let filter = DataSet::filter()?.matcher();
        let matching: Vec<bool> = data.points().iter().map(|point| filter.matches(&point.metadata)).collect();
        if !matching.contains(&true) {
            return Err(Error::invalid_input("no point has category a and a price under 500: the filtered searches need some"));
        }
        let places = data.points().iter().enumerate().filter_map(|(place, point)| Some((point.id.as_deref()?, place))).collect();
        let lengths: Vec<f64> =
            data.points().iter().map(|point| dot(point.vector.as_slice(), point.vector.as_slice()).sqrt()).collect();
        let questions = data.questions();
        let each = questions.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
        let bounds: Vec<(Bound, Bound)> = thread::scope(|scope| {
            let work = |part: &'d [Vec<f32>]| {
                let (matching, lengths) = (&matching, &lengths);
                scope.spawn(move || part.iter().map(|question| bounds(data, question, matching, lengths)).collect::<Vec<_>>())
            };
            let parts: Vec<_> = questions.chunks(each).map(work).collect();
            parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
        });
        if bounds.len() != questions.len() {
            return Err(Error::internal("the right answers could not be worked out"));
        }
        let (all, filtered) = bounds.into_iter().unzip();
        Ok(Self { data, places, matching, all, filtered })
    }

    /// The share of a question's neighbours that an answer holds: a hit counts that is as near as the tenth neighbour, so that any of
    /// several at one distance is right.
    ///
    /// Fails as `Internal` where the answer is wrong whatever it is worth: more hits than asked for, one twice, one that was never
    /// written, one that the filter does not match, or, of an answer that is said to be exact, a neighbour missing.
    pub fn recall(&self, among: Among, question: usize, ids: &[&str], exact: bool) -> Result<f64> {
        let wrong = |what: &str| Err(Error::internal(format!("a wrong answer: {what}")).with("question", question));
        let bounds = match among {
            Among::All => &self.all,
            Among::Matching => &self.filtered,
        };
        let (Some(bound), Some(asked)) = (bounds.get(question), self.data.questions().get(question)) else {
            return wrong("to nothing that was asked");
        };
        if ids.len() > TOP_K || ids.iter().collect::<HashSet<_>>().len() != ids.len() {
            return wrong("more hits than were asked for, or one twice");
        }
        let mut near = 0;
        for id in ids {
            let Some(place) = self.places.get(id).copied() else { return wrong("a hit that was never written") };
            let Some(point) = self.data.points().get(place) else { return wrong("a hit that was never written") };
            if among == Among::Matching && self.matching.get(place) != Some(&true) {
                return wrong("a hit that the filter does not match");
            }
            let numbers = point.vector.as_slice();
            let similarity = dot(asked, numbers) / (dot(asked, asked) * dot(numbers, numbers)).sqrt();
            near += usize::from(similarity >= bound.least - ROUNDING);
        }
        if exact && near < bound.count {
            return wrong("it is said to be exact, and a neighbour is missing");
        }
        Ok(near.min(bound.count) as f64 / bound.count.max(1) as f64)
    }
}

/// In code of its own, and in 64 bits: what it judges may be core's.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let (many_a, many_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
    let rest: f64 = many_a.remainder().iter().zip(many_b.remainder()).map(product).sum();
    let mut sums = [0.0; LANES];
    for (a, b) in many_a.zip(many_b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, pair)| *sum += product(pair));
    }
    sums.iter().sum::<f64>() + rest
}

/// The ten largest of many numbers, largest first.
#[derive(Default)]
struct Best(Vec<f64>);

impl Best {
    fn push(&mut self, value: f64) {
        if self.0.len() < TOP_K || self.0.last().is_some_and(|last| value > *last) {
            let place = self.0.partition_point(|kept| *kept >= value);
            self.0.insert(place, value);
            self.0.truncate(TOP_K);
        }
    }

    fn bound(&self) -> Bound {
        Bound { count: self.0.len(), least: self.0.last().copied().unwrap_or_default() }
    }
}

fn bounds(data: &DataSet, question: &[f32], matching: &[bool], lengths: &[f64]) -> (Bound, Bound) {
    let (mut all, mut filtered) = (Best::default(), Best::default());
    let own = dot(question, question).sqrt();
    for ((point, matches), length) in data.points().iter().zip(matching).zip(lengths) {
        let similarity = dot(question, point.vector.as_slice()) / (own * length);
        all.push(similarity);
        if *matches {
            filtered.push(similarity);
        }
    }
    (all.bound(), filtered.bound())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use crate::bench::Shape;

    /// The ids nearest to a question, by another way than the one that is tested.
    fn nearest(data: &DataSet, question: usize, among: Among) -> Vec<String> {
        let filter = DataSet::filter().unwrap();
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let mut all: Vec<(f64, String)> = data
            .points()
            .iter()
            .filter(|point| among == Among::All || filter.matches(&point.metadata))
            .map(|point| (cosine(&data.questions()[question], point.vector.as_slice()), point.id.clone().unwrap()))
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.into_iter().take(TOP_K).map(|(_, id)| id).collect()
    }

    #[test]
    fn recall_is_the_share_of_the_neighbours() {
        let data = DataSet::generate(Shape { points: 2_000, dimension: 8, questions: 4 });
        let truth = Truth::of(&data).unwrap();
        for among in [Among::All, Among::Matching] {
            for question in 0..4 {
                let right = nearest(&data, question, among);
                let mut ids: Vec<&str> = right.iter().map(String::as_str).collect();
                assert_eq!(truth.recall(among, question, &ids, true).unwrap(), 1.0);
                ids.truncate(7);
                assert_eq!(truth.recall(among, question, &ids, false).unwrap(), 0.7);
                assert!(truth.recall(among, question, &ids, true).is_err(), "said to be exact");
            }
        }
    }

    #[test]
    fn what_cannot_be_an_answer_is_refused() {
        let data = DataSet::generate(Shape { points: 500, dimension: 8, questions: 1 });
        let truth = Truth::of(&data).unwrap();
        let refused = |among, ids: &[&str]| truth.recall(among, 0, ids, false).map(drop).unwrap_err().message().to_owned();
        assert!(refused(Among::All, &["nobody"]).contains("never written"));
        assert!(refused(Among::All, &["v1", "v1"]).contains("twice"));
        let filter = DataSet::filter().unwrap();
        let other = data.points().iter().find(|point| !filter.matches(&point.metadata)).unwrap();
        assert!(refused(Among::Matching, &[other.id.as_deref().unwrap()]).contains("filter"));
        let many: Vec<String> = (0..11).map(|number| format!("v{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(refused(Among::All, &many).contains("more"));
    }
}
