//! The score law: what nearness is worth, alike on every store.
//!
//! Higher is better. Cosine: `1 - distance`, clamped to [-1, 1]; dot: the product; euclidean: `1 / (1 + distance)`. The raw distance is
//! `1 - cos`, the negated product, and the length of the straight line. Hits are ordered by score, ties by id ascending.

use super::{
    index::{Element, Metric},
    point::Vector,
};
use crate::error::{Error, Result};
use std::{borrow::Cow, cmp::Ordering};

/// How many sums run beside each other: each addition waits for the one before it, so one sum alone leaves the processor idle.
const LANES: usize = 8;

/// The raw distance of two vectors of one length, in 64 bits.
///
/// ```
/// use mastra_core::vector::{Metric, score};
///
/// assert_eq!(score::distance(Metric::Euclidean, &[0.0, 3.0], &[4.0, 0.0]), 5.0);
/// assert_eq!(score::distance(Metric::Dot, &[1.0, 2.0], &[3.0, 4.0]), -11.0);
/// assert_eq!(score::score(Metric::Cosine, score::distance(Metric::Cosine, &[2.0, 0.0], &[5.0, 0.0])), 1.0);
/// ```
pub fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    match metric {
        Metric::Dot => -dot(a, b),
        Metric::Euclidean => sum(a, b, |a, b| (a - b) * (a - b)).sqrt(),
        Metric::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    sum(a, b, |a, b| a * b)
}

/// The sum over all pairs of numbers, always in the same order: what is measured twice is the same to the last bit.
fn sum(a: &[f32], b: &[f32], of: impl Fn(f64, f64) -> f64) -> f64 {
    let pair = |(a, b): (&f32, &f32)| of(f64::from(*a), f64::from(*b));
    let (many_a, many_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = many_a.remainder().iter().zip(many_b.remainder()).map(pair).sum();
    let mut lanes = [0.0; LANES];
    for (a, b) in many_a.zip(many_b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, numbers)| *lane += pair(numbers));
    }
    lanes.iter().sum::<f64>() + rest
}

/// The score of a raw distance.
pub fn score(metric: Metric, distance: f64) -> f64 {
    match metric {
        Metric::Cosine => (1.0 - distance).clamp(-1.0, 1.0),
        // Adding zero turns a negative zero into a zero.
        Metric::Dot => -distance + 0.0,
        Metric::Euclidean => 1.0 / (1.0 + distance),
    }
}

/// How two hits stand: the better score first, then the lower id. A score that is no number, as a zero vector has under cosine that
/// stood in a table before it was adopted, is worse than any.
///
/// ```
/// use mastra_core::vector::score::order;
///
/// assert!(order((0.9, "b"), (0.5, "a")).is_lt());
/// assert!(order((0.5, "a"), (0.5, "b")).is_lt());
/// assert!(order((f64::NEG_INFINITY, "b"), (f64::NAN, "a")).is_lt());
/// ```
pub fn order(a: (f64, &str), b: (f64, &str)) -> Ordering {
    let scores = a.0.is_nan().cmp(&b.0.is_nan()).then_with(|| b.0.total_cmp(&a.0));
    scores.then_with(|| a.1.cmp(b.1))
}

/// The vector as a store keeps it: each number rounded to the element's type.
///
/// ```
/// use mastra_core::vector::{Element, score};
///
/// assert_eq!(score::stored(Element::F16, &[0.1]), [0.099975586]);
/// ```
pub fn stored(element: Element, vector: &[f32]) -> Vec<f32> {
    rounded(element, vector).into_owned()
}

/// As [`stored`], without a copy where nothing is rounded: every vector that is written passes here.
fn rounded(element: Element, vector: &[f32]) -> Cow<'_, [f32]> {
    match element {
        Element::F32 => Cow::Borrowed(vector),
        Element::F16 => vector.iter().map(|number| half::f16::from_f32(*number).to_f32()).collect(),
    }
}

/// Refuses a vector that the index cannot take: of another length, with a number that is not finite once it is stored, or of a length that
/// cannot be measured. Says where, never what.
pub fn check(vector: &Vector, dimension: usize, metric: Metric, element: Element) -> Result<()> {
    let numbers = vector.as_slice();
    if numbers.len() != dimension {
        return Err(Error::invalid_input("the vector has another dimension than the index")
            .with("dimension", numbers.len())
            .with("expected", dimension));
    }
    if let Some(place) = numbers.iter().position(|number| !number.is_finite()) {
        return Err(Error::invalid_input("the vector holds a number that is not finite").with("position", place));
    }
    let stored = rounded(element, numbers);
    if let Some(place) = stored.iter().position(|number| !number.is_finite()) {
        return Err(Error::invalid_input("the vector holds a number that 16 bits cannot hold").with("position", place));
    }
    // Stores add up squares in 32 bits: what overflows or vanishes there has no length.
    let norm = dot(&stored, &stored);
    if norm > f64::from(f32::MAX) {
        return Err(Error::invalid_input("the vector is too long: the sum of its squares is infinite in 32 bits"));
    }
    if metric == Metric::Cosine && norm < f64::from(f32::MIN_POSITIVE) {
        let what = if norm == 0.0 { "is zero" } else { "is too short" };
        return Err(Error::invalid_input(format!("the vector {what}, and cosine asks for a direction")));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let check =
            |numbers: &[f32], metric, element| check(&numbers.into(), 2, metric, element).map_err(|e| e.message().to_owned());
        assert!(check(&[1.0, 0.0], Metric::Cosine, Element::F32).is_ok());
        assert!(check(&[0.0, 0.0], Metric::Dot, Element::F32).is_ok());
        for (numbers, metric, element) in [
            (&[1.0][..], Metric::Dot, Element::F32),
            (&[f32::NAN, 0.0], Metric::Dot, Element::F32),
            (&[f32::INFINITY, 0.0], Metric::Dot, Element::F32),
            (&[0.0, 0.0], Metric::Cosine, Element::F32),
            (&[-0.0, 0.0], Metric::Cosine, Element::F32),
            (&[1e-30, 0.0], Metric::Cosine, Element::F32),
            (&[1e20, 0.0], Metric::Dot, Element::F32),
            (&[70_000.0, 0.0], Metric::Dot, Element::F16),
            (&[1e-9, 0.0], Metric::Cosine, Element::F16),
        ] {
            assert!(check(numbers, metric, element).is_err(), "{numbers:?} {metric} {element:?}");
        }
        assert!(check(&[70_000.0, 0.0], Metric::Dot, Element::F32).is_ok());
    }

    #[test]
    fn ties_go_by_id() {
        let mut hits = [(0.5, "b"), (0.9, "z"), (0.5, "a"), (-0.5, "c")];
        hits.sort_by(|a, b| order(*a, *b));
        assert_eq!(hits, [(0.9, "z"), (0.5, "a"), (0.5, "b"), (-0.5, "c")]);
    }

    #[test]
    fn what_is_no_number_comes_last_whatever_its_sign() {
        let mut ids = [(-f64::NAN, "a"), (f64::NEG_INFINITY, "b"), (f64::NAN, "c"), (1.0, "d")];
        ids.sort_by(|a, b| order(*a, *b));
        assert_eq!(ids.map(|(_, id)| id).get(..2), Some(&["d", "b"][..]));
    }

    #[test]
    fn the_bounds_of_what_is_measured() {
        let check = |numbers: [f32; 2], metric, element| check(&numbers.into(), 2, metric, element).is_ok();
        for element in [Element::F32, Element::F16] {
            let (longest, least) = match element {
                Element::F16 => (65_504.0, 6e-8_f32),
                _ => (f32::MAX.sqrt() * 0.999_999, f32::MIN_POSITIVE.sqrt() * 1.000_001),
            };
            assert!(check([longest, 0.0], Metric::Dot, element), "{element:?}");
            assert!(check([least, 0.0], Metric::Cosine, element), "{element:?}");
        }
        assert!(!check([f32::MAX.sqrt() * 1.000_001, 0.0], Metric::Dot, Element::F32));
        assert!(!check([f32::MIN_POSITIVE.sqrt() * 0.999, 0.0], Metric::Cosine, Element::F32));
        // Rounds to infinity, and to the largest number of 16 bits.
        assert!(!check([65_520.0, 0.0], Metric::Dot, Element::F16));
        assert!(check([65_519.0, 0.0], Metric::Dot, Element::F16));
    }

    #[test]
    fn a_refusal_says_where_and_never_what() {
        let error = check(&[1.0, f32::NAN].into(), 2, Metric::Dot, Element::F32).unwrap_err();
        assert_eq!(error.get("position"), Some("1"));
        let error = check(&[1.0, 123_456.0].into(), 2, Metric::Dot, Element::F16).unwrap_err();
        assert!(!format!("{error:?}").contains("123456"), "{error:?}");
        let error = check(&[1.0].into(), 2, Metric::Dot, Element::F32).unwrap_err();
        assert_eq!((error.get("dimension"), error.get("expected")), (Some("1"), Some("2")));
    }

    proptest! {
        #[test]
        fn scores_fall_as_distances_grow(metric in prop::sample::select(Metric::ALL.to_vec()), a in -1e6..1e6_f64, b in -1e6..1e6_f64) {
            let (near, far) = if a < b { (a, b) } else { (b, a) };
            let (near, far) = if metric == Metric::Euclidean { (near.abs().min(far.abs()), near.abs().max(far.abs())) } else { (near, far) };
            prop_assert!(score(metric, near) >= score(metric, far));
        }

        #[test]
        fn a_vector_is_nearest_to_itself(numbers in prop::collection::vec(-100.0..100.0_f32, 1..16)) {
            prop_assume!(numbers.iter().any(|number| number.abs() > 0.1));
            prop_assert!((score(Metric::Cosine, distance(Metric::Cosine, &numbers, &numbers)) - 1.0).abs() < 1e-12);
            prop_assert_eq!(score(Metric::Euclidean, distance(Metric::Euclidean, &numbers, &numbers)), 1.0);
        }

        #[test]
        fn distances_are_those_of_the_definition(pairs in prop::collection::vec((-100.0..100.0_f32, -100.0..100.0_f32), 1..40)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let (mut product, mut squares, mut of_a, mut of_b) = (0.0, 0.0, 0.0, 0.0);
            for (a, b) in pairs.iter().map(|(a, b)| (f64::from(*a), f64::from(*b))) {
                product += a * b;
                squares += (a - b).powi(2);
                of_a += a * a;
                of_b += b * b;
            }
            let close = |found: f64, right: f64| (found - right).abs() <= 1e-9 * right.abs().max(1.0);
            prop_assert!(close(distance(Metric::Dot, &a, &b), -product));
            prop_assert!(close(distance(Metric::Euclidean, &a, &b), squares.sqrt()));
            prop_assume!(of_a > 1e-6 && of_b > 1e-6);
            prop_assert!(close(distance(Metric::Cosine, &a, &b), 1.0 - product / (of_a.sqrt() * of_b.sqrt())));
        }

        #[test]
        fn it_is_as_far_there_as_back(pairs in prop::collection::vec((-100.0..100.0_f32, 0.1..100.0_f32), 1..40)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            prop_assume!(a.iter().any(|number| number.abs() > 0.1));
            for metric in Metric::ALL {
                prop_assert_eq!(distance(metric, &a, &b), distance(metric, &b, &a));
            }
        }

        #[test]
        fn scores_keep_their_bounds(pairs in prop::collection::vec((-1e18..1e18_f32, -1e18..1e18_f32), 1..8)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            for metric in [Metric::Cosine, Metric::Euclidean] {
                let fits = |numbers: &[f32]| check(&numbers.into(), numbers.len(), metric, Element::F32).is_ok();
                if fits(&a) && fits(&b) {
                    let worth = score(metric, distance(metric, &a, &b));
                    let least = if metric == Metric::Cosine { -1.0 } else { 0.0 };
                    prop_assert!((least..=1.0).contains(&worth), "{} {}", metric, worth);
                }
            }
        }

        #[test]
        fn what_is_stored_is_stored_as_it_is(numbers in prop::collection::vec(-70_000.0..70_000.0_f32, 0..8)) {
            let once = stored(Element::F16, &numbers);
            prop_assert_eq!(&stored(Element::F16, &once), &once);
            prop_assert_eq!(stored(Element::F32, &numbers), numbers);
        }

        #[test]
        fn the_order_is_one(hits in prop::collection::vec((prop::sample::select(vec![f64::NAN, -f64::NAN, 0.0, -1.0, 0.5, f64::INFINITY]), "[ab]{1,2}"), 3)) {
            let [a, b, c] = [&hits[0], &hits[1], &hits[2]].map(|(score, id)| (*score, id.as_str()));
            prop_assert_eq!(order(a, b), order(b, a).reverse());
            prop_assert!(!(order(a, b).is_le() && order(b, c).is_le()) || order(a, c).is_le());
        }
    }
}
