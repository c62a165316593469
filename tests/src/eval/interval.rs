//! How far a mean over questions can be trusted.

/// How often questions are drawn anew.
const RESAMPLES: usize = 2_000;
/// Where the drawing begins, so that every run draws alike.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A mean, and where 95 of 100 means of so many questions would lie: the percentiles of a bootstrap over the questions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Mean {
    pub(super) mean: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Mean {
    /// The mean of values, one a question.
    pub(super) fn of(values: &[f64]) -> Self {
        let mut random = SEED;
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| average((0..values.len()).map(|_| values.get(draw(&mut random, values.len())).copied().unwrap_or_default())))
            .collect();
        means.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| means.get((share * (RESAMPLES - 1) as f64).round() as usize).copied().unwrap_or_default();
        Self { mean: average(values.iter().copied()), low: at(0.025), high: at(0.975) }
    }

    /// The mean of what one has more than the other, question by question.
    pub(super) fn of_difference(ours: &[f64], theirs: &[f64]) -> Self {
        Self::of(&ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs).collect::<Vec<_>>())
    }

    /// Whether a difference is one: zero lies outside.
    pub(super) fn is_clear(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// A place below `count`, by splitmix64.
fn draw(state: &mut u64, count: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // The upper half of the product is even enough for so few places.
    usize::try_from((u128::from(mixed) * count as u128) >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_varies_has_no_width() {
        assert_eq!(Mean::of(&[0.5; 20]), Mean { mean: 0.5, low: 0.5, high: 0.5 });
        assert_eq!(Mean::of(&[]), Mean::default());
    }

    #[test]
    fn the_width_is_that_of_the_binomial() {
        // 100 questions of which half were answered: 0.5 ± 1.96 · 0.05.
        let values: Vec<f64> = (0..100).map(|n| f64::from(n % 2)).collect();
        let mean = Mean::of(&values);
        assert!((mean.mean - 0.5).abs() < 1e-12);
        assert!((mean.low - 0.402).abs() < 0.025 && (mean.high - 0.598).abs() < 0.025, "{mean:?}");
        assert_eq!(mean, Mean::of(&values), "every run draws alike");
    }

    #[test]
    fn a_difference_is_taken_question_by_question() {
        let theirs: Vec<f64> = (0..100).map(|n| f64::from(n % 2)).collect();
        let ours: Vec<f64> = theirs.iter().map(|value| value + 0.1).collect();
        let difference = Mean::of_difference(&ours, &theirs);
        assert!((difference.mean - 0.1).abs() < 1e-9 && difference.is_clear());
        assert!(difference.high - difference.low < 1e-9, "what both share does not widen it");
        assert!(!Mean::of_difference(&theirs, &theirs).is_clear());
    }
}
