//! Whether points arrived as they were sent.

use mastra_core::number::values_equal;
use mastra_core::vector::{Element, IndexSpec, Metric, Point, Vector, VectorStore};
use serde_json::Value;
use std::collections::HashMap;

/// The least cosine of two vectors that count as one direction.
const SAME_DIRECTION: f64 = 0.999_99;

/// How true vectors have to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fidelity {
    /// To the last bit.
    Exact,
    /// Of the same direction: a store keeps no more of them under cosine.
    Direction,
}

impl Fidelity {
    /// What the stores claim for an index.
    pub(super) fn between(from: &dyn VectorStore, to: &dyn VectorStore, spec: &IndexSpec) -> Self {
        let exact = [from, to].iter().all(|store| store.capabilities().data.exact_vectors);
        if !exact && spec.metric == Metric::Cosine || spec.element == Element::F16 { Self::Direction } else { Self::Exact }
    }

    fn accepts(self, left: &Vector, right: &Vector) -> bool {
        if left == right {
            return true;
        }
        self == Self::Direction && left.as_slice().len() == right.as_slice().len() && {
            let product = |a: &Vector, b: &Vector| -> f64 {
                a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            product(left, right) >= SAME_DIRECTION * (product(left, left) * product(right, right)).sqrt()
        }
    }
}

/// The ids of points that are missing or other than they were sent.
pub(super) fn differing(sent: &[&Point], read: &[Point], fidelity: Fidelity) -> Vec<String> {
    let read: HashMap<&str, &Point> = read.iter().map(|point| (point.id.as_str(), point)).collect();
    let same = |sent: &Point| {
        let Some(read) = read.get(sent.id.as_str()) else { return false };
        let vectors = match (&sent.vector, &read.vector) {
            (Some(sent), Some(read)) => fidelity.accepts(sent, read),
            _ => false,
        };
        let metadata = |point: &Point| point.metadata.clone().unwrap_or_else(|| Value::Object(Default::default()));
        vectors && sent.text == read.text && values_equal(&metadata(sent), &metadata(read))
    };
    sent.iter().filter(|sent| !same(sent)).map(|sent| sent.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(id: &str, vector: [f32; 2], metadata: Value) -> Point {
        let mut point = Point::new(id);
        (point.vector, point.metadata) = (Some(vector.into()), Some(metadata));
        point
    }

    #[test]
    fn what_is_missing_or_changed_is_named() {
        let sent =
            [point("a", [3.0, 4.0], json!({"n": 1})), point("b", [1.0, 0.0], json!({})), point("c", [0.0, 1.0], json!({}))];
        let read = [point("a", [0.6, 0.8], json!({"n": 1.0})), point("b", [1.0, 0.0], json!({"more": true}))];
        let sent: Vec<&Point> = sent.iter().collect();
        assert_eq!(differing(&sent, &read, Fidelity::Direction), ["b", "c"]);
        assert_eq!(differing(&sent, &read, Fidelity::Exact), ["a", "b", "c"]);
    }
}
