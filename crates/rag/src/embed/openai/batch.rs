//! Which texts go into one call.

use std::ops::Range;

/// OpenAI takes 300,000 tokens in a call. The guess below is seldom too low, and never by this much.
const MOST_TOKENS: usize = 100_000;

/// Consecutive ranges of at most `most_texts` texts and about [`MOST_TOKENS`] tokens; a text beyond that is a call of its own.
pub(super) fn plan(texts: &[String], most_texts: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (place, text) in texts.iter().enumerate() {
        let more = guess(text);
        if place > start && (place - start >= most_texts || tokens + more > MOST_TOKENS) {
            batches.push(start..place);
            (start, tokens) = (place, 0);
        }
        tokens += more;
    }
    if start < texts.len() {
        batches.push(start..texts.len());
    }
    batches
}

/// English has about 4 letters a token, code and numbers have 3; other scripts have up to 2 tokens a character.
fn guess(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    let others = text.chars().filter(|c| !c.is_ascii()).count();
    ascii.div_ceil(3) + others.saturating_mul(3).div_ceil(2)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "in a test an error is a failure")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_parted_by_number_and_by_tokens() {
        let short: Vec<String> = vec!["a".into(); 5];
        assert_eq!(plan(&short, 2), [0..2, 2..4, 4..5]);
        let half = "word ".repeat(MOST_TOKENS * 3 / 5 / 2);
        let texts: Vec<String> = [&*half, &half, "a", &half.repeat(3), "b"].map(Into::into).into();
        assert_eq!(plan(&texts, 100), [0..2, 2..3, 3..4, 4..5]);
        assert!(plan(&[], 10).is_empty());
    }

    proptest! {
        // Long texts take their time.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_text_is_in_one_batch_in_order(lengths in prop::collection::vec(1_usize..200_000, 0..20), most in 1_usize..6) {
            let texts: Vec<String> = lengths.iter().map(|length| "x".repeat(*length)).collect();
            let batches = plan(&texts, most);
            let places: Vec<usize> = batches.iter().cloned().flatten().collect();
            prop_assert_eq!(places, (0..texts.len()).collect::<Vec<_>>());
            for batch in batches {
                prop_assert!(!batch.is_empty() && batch.len() <= most);
                let tokens: usize = lengths[batch.clone()].iter().map(|length| length.div_ceil(3)).sum();
                prop_assert!(batch.len() == 1 || tokens <= MOST_TOKENS);
            }
        }
    }
}
