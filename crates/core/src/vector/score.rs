//! The score law: what nearness is worth, alike on every store.
//!
//! Higher is better. Cosine: `1 - distance`, clamped to [-1, 1]; dot: the product; euclidean: `1 / (1 + distance)`. The raw distance is
//! `1 - cos`, the negated product, and the length of the straight line. Hits are ordered by score, ties by id ascending.

use super::{
    index::{Element, Metric},
    point::Vector,
};
use crate::error::{Error, Result};
use std::cmp::Ordering;

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
        Metric::Euclidean => {
            let squares = a.iter().zip(b).map(|(a, b)| {
                let difference = f64::from(*a) - f64::from(*b);
                difference * difference
            });
            squares.sum::<f64>().sqrt()
        }
        Metric::Cosine => 1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
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

/// How two hits stand: the better score first, then the lower id.
pub fn order(a: (f64, &str), b: (f64, &str)) -> Ordering {
    b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1))
}

/// The vector as a store keeps it: each number rounded to the element's type.
///
/// ```
/// use mastra_core::vector::{Element, score};
///
/// assert_eq!(score::stored(Element::F16, &[0.1]), [0.099975586]);
/// ```
pub fn stored(element: Element, vector: &[f32]) -> Vec<f32> {
    match element {
        Element::F32 => vector.to_vec(),
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
    let stored = stored(element, numbers);
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
    }
}
