//! Tokens of a model, where sizes count them.

use std::fmt;

use mastra_core::Result;

/// Cuts a text into the tokens of a model.
pub trait Tokenizer: fmt::Debug + Send + Sync {
    /// A stable name, at most 200 bytes: it is part of a chunker's fingerprint.
    fn name(&self) -> &str;

    /// Where each token of the text ends, in bytes from its beginning, ascending. A token may end inside a character. Tokens that a
    /// model adds by itself do not count. The time is linear in the text.
    fn token_ends(&self, text: &str) -> Result<Vec<usize>>;

    /// How many tokens the text has.
    fn count(&self, text: &str) -> Result<usize> {
        self.token_ends(text).map(|ends| ends.len())
    }
}

/// The tokenizer `cl100k_base` of OpenAI's embedding models, by `tiktoken-rs`. Its table is part of the program; reading it, once a
/// process, takes a few tenths of a second.
#[cfg(feature = "tiktoken")]
#[derive(Debug, Clone, Copy, Default)]
pub struct Cl100k;

/// Texts are taken to tokens in pieces of at most this many bytes: what its regular expression looks at in one go is bounded, and a
/// text has a token or two more at most each time.
#[cfg(feature = "tiktoken")]
const PIECE: usize = 32 * 1024;

#[cfg(feature = "tiktoken")]
impl Cl100k {
    fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
        std::iter::from_fn(move || {
            let (piece, rest) = text.split_at_checked(text.floor_char_boundary(PIECE))?;
            text = rest;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

#[cfg(feature = "tiktoken")]
impl Tokenizer for Cl100k {
    fn name(&self) -> &str {
        "cl100k_base"
    }

    fn token_ends(&self, text: &str) -> Result<Vec<usize>> {
        let model = tiktoken_rs::cl100k_base_singleton();
        let mut ends = Vec::with_capacity(text.len() / 3);
        let mut at = 0;
        for piece in Self::pieces(text) {
            for token in model.encode_ordinary(piece) {
                at += model.decode_bytes(&[token]).map_or(0, |bytes| bytes.len());
                ends.push(at);
            }
        }
        Ok(ends)
    }

    fn count(&self, text: &str) -> Result<usize> {
        let model = tiktoken_rs::cl100k_base_singleton();
        Ok(Self::pieces(text).map(|piece| model.encode_ordinary(piece).len()).sum())
    }
}

#[cfg(all(test, feature = "tiktoken"))]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_model() {
        // As OpenAI's own tokenizer gives them.
        let ends = Cl100k.token_ends("tiktoken is great!").unwrap();
        assert_eq!(ends, [1, 3, 8, 11, 17, 18]);
        assert_eq!(Cl100k.count("antidisestablishmentarianism").unwrap(), 6);
        assert_eq!(Cl100k.count("お誕生日おめでとう").unwrap(), 9);
        // What looks like a special token is text.
        assert!(Cl100k.count("<|endoftext|>").unwrap() > 1);
    }

    #[test]
    fn hostile_texts_are_cut_too() {
        for unit in ["a", " ", "\n", "\t ", "9", "👨\u{200d}", "'", "\u{308}", "\0", "\r\n", "a'", "!"] {
            let text = unit.repeat(200_000 / unit.len());
            let ends = Cl100k.token_ends(&text).unwrap();
            assert_eq!(ends.last(), Some(&text.len()), "{unit:?}");
            assert_eq!(ends.len(), Cl100k.count(&text).unwrap());
        }
    }
}
