//! A quick look at stored vectors: in 32 bits, on the bytes as they lie, to pass over those that cannot be among the best.
//!
//! What it says is a bound, never a score: whatever may reach is measured by core, so that scores stay the reference's to the last bit.

use mastra_core::vector::Metric;

/// How many sums run beside each other: enough to fill registers of any width.
const LANES: usize = 16;
/// Squares between these neither vanish nor overflow in 32 bits; outside of them nothing is said.
const SOUND: std::ops::Range<f32> = 1e-25..1e35;

/// What is asked for, and how far 32 bits may be wrong about it.
#[derive(Debug)]
pub(super) struct Rough {
    metric: Metric,
    asked: Vec<f32>,
    length: f64,
    /// The most by which a sum of products is wrong, as a share of the product of both lengths.
    error: f64,
}

impl Rough {
    /// `None` where 32 bits say nothing of what is asked for.
    pub(super) fn new(metric: Metric, asked: &[f32]) -> Option<Self> {
        let square: f32 = asked.iter().map(|number| number * number).sum();
        // Each sum rounds once a product and once an addition, and so does their own: Higham, Accuracy and Stability, section 3.1. Half
        // an epsilon would do.
        let steps = asked.len() / LANES + 2 * LANES;
        let error = steps as f64 * f64::from(f32::EPSILON);
        let known = matches!(metric, Metric::Cosine | Metric::Dot | Metric::Euclidean);
        (known && SOUND.contains(&square)).then(|| Self {
            metric,
            asked: asked.to_vec(),
            length: f64::from(square).sqrt(),
            error,
        })
    }

    /// Whether the score of a vector, 32 bits a number and little endian, may be as good as that.
    pub(super) fn may_reach(&self, stored: &[u8], least: f64) -> bool {
        let stored = stored.as_chunks::<4>().0;
        if self.metric == Metric::Euclidean {
            let [square] = sums(&self.asked, stored, |a, b| [(a - b) * (a - b)]);
            let distance = f64::from(square).sqrt();
            return !SOUND.contains(&square) || 1.0 / (1.0 + distance * (1.0 - self.error)) >= least;
        }
        let [product, square] = sums(&self.asked, stored, |a, b| [a * b, b * b]);
        if !SOUND.contains(&square) {
            return true;
        }
        let scale = self.length * f64::from(square).sqrt();
        // Both lengths are rounded too, by less than the same share.
        let error = 3.0 * self.error;
        let most = match self.metric {
            Metric::Cosine => f64::from(product) / scale + error,
            _ => f64::from(product) + scale * error,
        };
        most >= least
    }
}

/// Several sums over all pairs of numbers.
fn sums<const N: usize>(asked: &[f32], stored: &[[u8; 4]], of: impl Fn(f32, f32) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0_f32; LANES]; N];
    let mut add = |place: usize, a: f32, b: &[u8; 4]| {
        for (lanes, term) in lanes.iter_mut().zip(of(a, f32::from_le_bytes(*b))) {
            if let Some(lane) = lanes.get_mut(place) {
                *lane += term;
            }
        }
    };
    let (many_asked, many_stored) = (asked.as_chunks::<LANES>(), stored.as_chunks::<LANES>());
    for (asked, stored) in many_asked.0.iter().zip(many_stored.0) {
        for (place, (a, b)) in asked.iter().zip(stored).enumerate() {
            add(place, *a, b);
        }
    }
    for (a, b) in many_asked.1.iter().zip(many_stored.1) {
        add(0, *a, b);
    }
    lanes.map(|lanes| lanes.iter().sum())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use mastra_core::vector::score;

    fn bytes(numbers: &[f32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn nothing_is_passed_over_that_reaches() {
        let mut random = mastra_conformance::Random::new(11);
        let mut number = |scale: f32| (random.below(2_000_001) as f32 / 1e6 - 1.0) * scale;
        for dimension in [1, 3, 16, 17, 384, 1_537] {
            for scale in [1e-18, 1e-3, 1.0, 1e6, 1e16] {
                let asked: Vec<f32> = (0..dimension).map(|_| number(scale)).collect();
                for _ in 0..20 {
                    let stored: Vec<f32> = asked.iter().map(|asked| asked * 0.9 + number(scale)).collect();
                    for metric in Metric::ALL {
                        let score = score::score(metric, score::distance(metric, &asked, &stored));
                        let Some(rough) = Rough::new(metric, &asked) else { continue };
                        assert!(rough.may_reach(&bytes(&stored), score), "{metric} {dimension} {scale}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_far_below_is_passed_over() {
        let (asked, stored) = ([1.0, 0.0, 0.5], bytes(&[0.0, 1.0, 0.5]));
        for metric in Metric::ALL {
            let rough = Rough::new(metric, &asked).unwrap();
            assert!(!rough.may_reach(&stored, 0.95), "{metric}");
        }
    }

    #[test]
    fn of_what_vanishes_or_overflows_nothing_is_said() {
        assert!(Rough::new(Metric::Dot, &[1e-30]).is_none());
        for numbers in [[0.0], [1e-20], [f32::MAX], [f32::NAN]] {
            assert!(Rough::new(Metric::Cosine, &[1.0]).unwrap().may_reach(&bytes(&numbers), 2.0), "{numbers:?}");
        }
    }
}
