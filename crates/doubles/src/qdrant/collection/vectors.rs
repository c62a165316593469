//! Vectors: what a collection takes, how it keeps them, how near two are.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use qdrant_client::qdrant as wire;
use qdrant_client::qdrant::vectors::VectorsOptions;
use qdrant_client::qdrant::{Datatype, Distance};

use crate::qdrant::status::{Result, bad_input, malformed, not_imitated, validation};

/// The name of the vector of a collection that names none.
pub(crate) const UNNAMED: &str = "";

/// One named vector of a collection.
#[derive(Debug, Clone, Copy)]
pub(super) struct VectorSpace {
    size: usize,
    distance: Distance,
    half: bool,
}

/// The vectors of one point in a request, by name.
pub(crate) type NewVectors = BTreeMap<String, Vec<f32>>;

impl VectorSpace {
    pub(super) fn read(params: &wire::VectorParams) -> Result<Self> {
        if !(1..=65_536).contains(&params.size) {
            let message = format!("value {} invalid, must be from 1 to 65536", params.size);
            return Err(validation("vectors_config.size", message));
        }
        let distance = Distance::try_from(params.distance).unwrap_or_default();
        if distance == Distance::UnknownDistance {
            return Err(malformed("Malformed distance parameter: UnknownDistance"));
        }
        if params.multivector_config.is_some() {
            return Err(not_imitated("several vectors under one name"));
        }
        let half = match params.datatype.map(Datatype::try_from) {
            None | Some(Ok(Datatype::Default | Datatype::Float32)) => false,
            Some(Ok(Datatype::Float16)) => true,
            Some(_) => return Err(not_imitated("vectors of this datatype")),
        };
        Ok(Self { size: usize::try_from(params.size).unwrap_or(usize::MAX), distance, half })
    }

    pub(super) fn check(&self, vector: &[f32]) -> Result<()> {
        if vector.len() == self.size {
            return Ok(());
        }
        Err(bad_input(format!("Vector dimension error: expected dim: {}, got {}", self.size, vector.len())))
    }

    /// The vector as it is kept, and given back later: of length 1 under cosine, unless it is zero; in 16 bits where so asked.
    /// NaN and infinity are taken as they are: the server does not look.
    pub(super) fn prepare(&self, mut vector: Vec<f32>) -> Vec<f32> {
        if self.distance == Distance::Cosine {
            let squared: f32 = vector.iter().map(|x| x * x).sum();
            if squared >= f32::EPSILON && (squared - 1.0).abs() > 1.0e-6 {
                let length = squared.sqrt();
                vector.iter_mut().for_each(|x| *x /= length);
            }
        }
        if self.half {
            vector.iter_mut().for_each(|x| *x = to_half(*x));
        }
        vector
    }

    /// The score of two prepared vectors: the product for cosine and dot, a distance for euclid and manhattan.
    #[expect(clippy::cast_possible_truncation, reason = "scores are of 32 bits")]
    pub(super) fn score(&self, a: &[f32], b: &[f32]) -> f32 {
        let pairs = a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)));
        let score = match self.distance {
            Distance::Euclid => pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt(),
            Distance::Manhattan => pairs.map(|(a, b)| (a - b).abs()).sum(),
            _ => pairs.map(|(a, b)| a * b).sum(),
        };
        score as f32
    }

    /// The better score first.
    pub(super) fn order(&self, a: f32, b: f32) -> Ordering {
        if self.nearest_is_least() { a.total_cmp(&b) } else { b.total_cmp(&a) }
    }

    /// Whether a score passes a threshold, which is exclusive: a score equal to it does not.
    pub(super) fn passes(&self, score: f32, threshold: f32) -> bool {
        if self.nearest_is_least() { score < threshold } else { score > threshold }
    }

    pub(super) fn nearest_is_least(&self) -> bool {
        matches!(self.distance, Distance::Euclid | Distance::Manhattan)
    }
}

/// Reads the vectors of a point. Nothing is compared with a collection yet.
pub(crate) fn read(vectors: wire::Vectors) -> Result<NewVectors> {
    match vectors.vectors_options.ok_or_else(|| malformed("No Vector Provided"))? {
        VectorsOptions::Vector(vector) => Ok(NewVectors::from([(UNNAMED.to_owned(), read_one(vector)?)])),
        VectorsOptions::Vectors(named) => named.vectors.into_iter().map(|(name, vector)| Ok((name, read_one(vector)?))).collect(),
    }
}

/// Both spellings of a dense vector are read: the field of old clients, and the one of today's.
#[expect(deprecated, reason = "clients before 1.16 send it so")]
fn read_one(vector: wire::Vector) -> Result<Vec<f32>> {
    let data = match vector.vector {
        Some(wire::vector::Vector::Dense(dense)) => dense.data,
        Some(_) => return Err(not_imitated("vectors other than dense ones")),
        None if vector.indices.is_some() || vector.vectors_count.is_some() => {
            return Err(not_imitated("vectors other than dense ones"));
        }
        None => vector.data,
    };
    if data.is_empty() {
        return Err(bad_input("vector must not be empty"));
    }
    Ok(data)
}

/// The nearest number of 16 bits, ties to even, as a number of 32.
fn to_half(value: f32) -> f32 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let magnitude = value.abs();
    // The step between neighbours: 2^(exponent - 10), not below that of the subnormal numbers.
    let exponent = i32::try_from(magnitude.to_bits() >> 23).unwrap_or(0) - 127;
    let step = f64::from(exponent.max(-14) - 10).exp2();
    let rounded = (f64::from(magnitude) / step).round_ties_even() * step;
    if rounded > 65_504.0 {
        return f32::INFINITY.copysign(value);
    }
    #[expect(clippy::cast_possible_truncation, reason = "a number of 16 bits is one of 32")]
    let rounded = rounded as f32;
    rounded.copysign(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_to_the_nearest() {
        for (value, half) in
            [(1.0, 1.0), (0.1, 0.099_975_586), (-2.000_5, -2.0), (65_520.0, f32::INFINITY), (1e-8, 0.0), (6e-8, 5.960_464_5e-8)]
        {
            assert_eq!(to_half(value).to_bits(), f32::to_bits(half), "{value}");
        }
    }
}
