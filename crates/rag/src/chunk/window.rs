//! How much of a text fits a chunk, from a place on.

use std::sync::Arc;

use mastra_core::Result;
use unicode_segmentation::UnicodeSegmentation as _;

use super::tokens::Tokenizer;

/// What sizes count.
#[derive(Debug, Clone)]
pub(super) enum Measure {
    Characters,
    Tokens(Arc<dyn Tokenizer>),
}

/// A character of a window.
#[derive(Debug, Clone, Copy)]
struct Character {
    end: usize,
    /// The end of the last character up to this one that is no white space.
    inked: usize,
}

/// The characters from a place on that fit a chunk: at least one.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: usize,
    characters: Vec<Character>,
}

impl Window {
    /// What fits into `max` of `text[start..stop]`, which is not empty. A character that is larger by itself is alone in its window.
    pub(super) fn open(measure: &Measure, text: &str, start: usize, stop: usize, max: usize) -> Result<Self> {
        let (limit, most) = match measure {
            Measure::Characters => (stop, max),
            Measure::Tokens(tokenizer) => (token_limit(&**tokenizer, text, start, stop, max)?, usize::MAX),
        };
        let mut inked = start;
        let mut characters = Vec::new();
        for (at, character) in part(text, start, stop).grapheme_indices(true).take(most) {
            let end = start + at + character.len();
            if end > limit && !characters.is_empty() {
                break;
            }
            if !is_blank(character) {
                inked = end;
            }
            characters.push(Character { end, inked });
        }
        Ok(Self { start, characters })
    }

    /// Where the window ends.
    pub(super) fn limit(&self) -> usize {
        self.characters.last().map_or(self.start, |last| last.end)
    }

    /// The number of its characters.
    pub(super) fn len(&self) -> usize {
        self.characters.len()
    }

    /// The end of the first `count` characters.
    pub(super) fn end_of(&self, count: usize) -> usize {
        let last = count.checked_sub(1).and_then(|index| self.characters.get(index));
        last.map_or(self.start, |character| character.end)
    }

    /// How many characters end at or before `offset`.
    pub(super) fn count_to(&self, offset: usize) -> usize {
        self.characters.partition_point(|character| character.end <= offset)
    }

    /// Whether a character begins or ends there.
    pub(super) fn is_boundary(&self, offset: usize) -> bool {
        self.end_of(self.count_to(offset)) == offset
    }

    /// The end of what is no white space before `offset`.
    pub(super) fn inked(&self, offset: usize) -> usize {
        let last = self.count_to(offset).checked_sub(1).and_then(|index| self.characters.get(index));
        last.map_or(self.start, |character| character.inked)
    }

    /// Leaves out what does not end before `offset`.
    pub(super) fn shrink(&mut self, offset: usize) {
        let keep = self.characters.partition_point(|character| character.end < offset);
        self.characters.truncate(keep);
    }
}

/// Where the last token ends that fits. The text is taken to tokens as far as needed, not as a whole.
fn token_limit(tokenizer: &dyn Tokenizer, text: &str, start: usize, stop: usize, max: usize) -> Result<usize> {
    // Tokens of a natural language have four bytes or fewer as a rule.
    let mut bytes = max.saturating_mul(6).max(256);
    loop {
        let until = text.floor_char_boundary(start.saturating_add(bytes).min(stop));
        let ends = tokenizer.token_ends(part(text, start, until))?;
        match ends.get(max.saturating_sub(1)) {
            // The last token may have been cut by the end of what was looked at.
            Some(end) if ends.len() > max || until == stop => {
                return Ok(if ends.len() <= max { stop } else { start + end });
            }
            None if until == stop => return Ok(stop),
            _ => bytes = bytes.saturating_mul(2),
        }
    }
}

/// The first place from `from` on where a character is no white space; `stop` where there is none.
pub(super) fn skip_blank(text: &str, from: usize, stop: usize) -> usize {
    let rest = part(text, from, stop).grapheme_indices(true);
    rest.into_iter().find(|(_, character)| !is_blank(character)).map_or(stop, |(at, _)| from + at)
}

/// White space with a mark upon it is no white space.
fn is_blank(character: &str) -> bool {
    character.chars().all(char::is_whitespace)
}

/// A part of the text; empty where there is none between the two.
pub(super) fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}
