//! From texts to the windows that the model looks through, and back from their vectors to one a text.

use mastra_core::{Error, Result};
use tokenizers::Tokenizer;

/// Tokens in one run, those that fill up included: what attention keeps grows with their number and the window's length.
const MOST_TOKENS: usize = 4_096;

/// A piece of a text that fits into the model, with the tokens around it that the model wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Window {
    /// Whose it is.
    pub(super) text: usize,
    pub(super) ids: Vec<u32>,
}

/// Cuts texts into windows.
#[derive(Debug)]
pub(super) struct Windows {
    tokenizer: Tokenizer,
    before: Vec<u32>,
    after: Vec<u32>,
    room: usize,
    lower_case: bool,
}

impl Windows {
    pub(super) fn new(tokenizer: Tokenizer, max_tokens: usize, lower_case: bool) -> Result<Self> {
        let mut windows = Self { tokenizer, before: Vec::new(), after: Vec::new(), room: max_tokens, lower_case };
        // What the tokenizer sets around a text is seen at one.
        let (bare, dressed) = (windows.encode("a", false)?, windows.encode("a", true)?);
        let place = dressed.windows(bare.len().max(1)).position(|part| part == bare);
        let parts = place.and_then(|place| Some((dressed.get(..place)?, dressed.get(place + bare.len()..)?)));
        let (before, after) =
            parts.ok_or_else(|| Error::unsupported("the model's tokenizer changes texts when it closes them"))?;
        windows.room = max_tokens.saturating_sub(before.len() + after.len());
        if windows.room == 0 {
            return Err(Error::corrupt("the model's window has no room for a text"));
        }
        (windows.before, windows.after) = (before.to_vec(), after.to_vec());
        Ok(windows)
    }

    /// The windows of all texts, in order; at least one each.
    pub(super) fn of(&self, texts: &[String]) -> Result<Vec<Window>> {
        let mut windows = Vec::with_capacity(texts.len());
        for (text, content) in texts.iter().enumerate() {
            let ids = if self.lower_case { self.encode(&content.to_lowercase(), false)? } else { self.encode(content, false)? };
            let dress = |piece: &[u32]| Window { text, ids: [&*self.before, piece, &*self.after].concat() };
            if ids.is_empty() {
                // A text of characters that the tokenizer drops.
                windows.push(dress(&[]));
            }
            // Windows of about the same length: a last one of two words would count for little and say less.
            let pieces = ids.len().div_ceil(self.room).max(1);
            windows.extend(ids.chunks(ids.len().div_ceil(pieces).max(1)).map(dress));
        }
        Ok(windows)
    }

    fn encode(&self, text: &str, dressed: bool) -> Result<Vec<u32>> {
        // The tokenizer's own error could repeat the text.
        let failed = |_| Error::internal("the model's tokenizer cannot cut a text");
        Ok(self.tokenizer.encode_fast(text, dressed).map_err(failed)?.get_ids().to_vec())
    }
}

/// Windows of like length together, longest first: filling up costs as much as text does.
pub(super) fn groups(mut windows: Vec<Window>, most: usize) -> Vec<Vec<Window>> {
    windows.sort_by_key(|window| std::cmp::Reverse(window.ids.len()));
    let mut groups: Vec<Vec<Window>> = Vec::new();
    for window in windows {
        match groups.last_mut() {
            // The first is the longest, to which the others are filled up.
            Some(group) if group.len() < most && fits(group) => group.push(window),
            _ => groups.push(vec![window]),
        }
    }
    groups
}

fn fits(group: &[Window]) -> bool {
    (group.len() + 1) * group.first().map_or(0, |longest| longest.ids.len()) <= MOST_TOKENS
}

/// A vector a text: that of its one window, or the mean of its windows' by their lengths.
pub(super) fn join(texts: usize, pooled: Vec<(Window, Vec<f32>)>, normalize: bool) -> Vec<Vec<f32>> {
    let mut parts: Vec<Vec<(usize, Vec<f32>)>> = vec![Vec::new(); texts];
    for (window, vector) in pooled {
        if let Some(part) = parts.get_mut(window.text) {
            part.push((window.ids.len(), vector));
        }
    }
    parts
        .into_iter()
        .map(
            |mut part| {
                if part.len() == 1 { part.pop().map_or_else(Vec::new, |(_, vector)| vector) } else { mean(&part, normalize) }
            },
        )
        .collect()
}

fn mean(parts: &[(usize, Vec<f32>)], normalize: bool) -> Vec<f32> {
    let tokens: usize = parts.iter().map(|(length, _)| length).sum();
    let mut mean = vec![0.0_f32; parts.first().map_or(0, |(_, vector)| vector.len())];
    for (length, vector) in parts {
        let weight = *length as f32 / tokens as f32;
        mean.iter_mut().zip(vector).for_each(|(sum, number)| *sum += weight * number);
    }
    if normalize {
        let norm = mean.iter().map(|number| number * number).sum::<f32>().sqrt();
        mean.iter_mut().for_each(|number| *number /= norm);
    }
    mean
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "in a test an error is a failure")]
mod tests {
    use super::*;

    fn window(text: usize, length: usize) -> Window {
        Window { text, ids: vec![1; length] }
    }

    #[test]
    fn groups_hold_like_lengths_within_both_bounds() {
        let windows = vec![window(0, 3), window(1, 2_000), window(2, 2_000), window(3, 2_000), window(4, 5_000), window(5, 4)];
        let lengths: Vec<Vec<usize>> =
            groups(windows, 2).iter().map(|group| group.iter().map(|window| window.ids.len()).collect()).collect();
        assert_eq!(lengths, [vec![5_000], vec![2_000, 2_000], vec![2_000, 4], vec![3]]);
    }

    #[test]
    fn pieces_count_by_their_length_and_come_back_in_order() {
        let pooled = vec![(window(1, 3), vec![4.0, 0.0]), (window(0, 5), vec![7.0, 7.0]), (window(1, 1), vec![0.0, 4.0])];
        assert_eq!(join(2, pooled.clone(), false), [[7.0, 7.0], [3.0, 1.0]]);
        let normalized = &join(2, pooled, true)[1];
        assert!((normalized[0] * normalized[0] + normalized[1] * normalized[1] - 1.0).abs() < 1e-6);
    }
}
