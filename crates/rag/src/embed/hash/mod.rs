//! `hash/384`: a lexical embedder that needs nothing, no model, no network and no key.
//!
//! It hashes words and pieces of words into a vector ([feature hashing](https://alex.smola.org/papers/2009/Weinbergeretal09.pdf), with
//! the subwords of [fastText](https://arxiv.org/abs/1607.04606)). Texts with the same words are near, spelling mistakes and inflections
//! cost a little, synonyms are strangers: [`EmbedderInfo::lexical`] is set. It is there for a first try, for tests, and beside a text
//! search; a model finds more.

mod features;

use async_trait::async_trait;
use mastra_core::{Error, Result};

use super::{EmbedKind, Embedder, EmbedderInfo, EmbedderOptions, check_texts, checked};

/// Fewer numbers would mix everything with everything.
const LEAST: usize = 32;
/// Any store's limit is below.
const MOST: usize = 16_384;

/// A vector of hashed words, of length 1: the same on every machine and in every version of this crate.
///
/// Documents and queries are embedded alike. A text without any letter or digit is compared by its characters. Costs about a microsecond a word.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_rag::embed::{EmbedKind, Embedder as _, hash::HashEmbedder};
///
/// let texts = ["unpaid invoices", "The invoice has not been paid.", "A walk in the mountains."];
/// let vectors = HashEmbedder::new(384)?.embed(&texts, EmbedKind::Document).await?;
/// let near = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
/// assert!(near(&vectors[0], &vectors[1]) > near(&vectors[0], &vectors[2]) + 0.2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct HashEmbedder(EmbedderInfo);

impl HashEmbedder {
    /// One whose vectors hold this many numbers, 32 to 16,384; else `InvalidInput`. 384 is usual; more keeps more words apart.
    pub fn new(dimension: usize) -> Result<Self> {
        if !(LEAST..=MOST).contains(&dimension) {
            return Err(
                Error::invalid_input(format!("a hashing embedder has {LEAST} to {MOST} dimensions")).with("dimension", dimension)
            );
        }
        Ok(Self(EmbedderInfo::new(format!("hash/{dimension}"), dimension).batch(256).lexical()))
    }

    /// The `384` of `hash/384`.
    pub(super) fn from_name(name: &str, options: &EmbedderOptions) -> Result<Self> {
        options.only("hash", &[])?;
        let dimension = name.parse().map_err(|_| {
            Error::invalid_input("a hashing embedder is named by its dimension, such as hash/384").with("name", name)
        })?;
        Self::new(dimension)
    }

    fn vector(&self, text: &str) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.0.dimension];
        for (feature, weight) in features::of(text) {
            let hash = features::hash(&feature);
            // The top bit is the sign: features that meet in one place cancel as often as they add up.
            let signed = if hash >> 63 == 0 { weight } else { -weight };
            let place = (hash % self.0.dimension as u64) as usize;
            if let Some(sum) = sums.get_mut(place) {
                *sum += signed;
            }
        }
        let norm = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        if norm < 1e-9 {
            // Two features that cancel each other out. Rare, and still a text: it stands somewhere fixed.
            return (0..sums.len()).map(|place| if place == 0 { 1.0 } else { 0.0 }).collect();
        }
        sums.into_iter().map(|sum| (sum / norm) as f32).collect()
    }
}

#[async_trait]
impl Embedder for HashEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, texts: &[&str], _kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
        check_texts(texts)?;
        checked(&self.0, texts.len(), texts.iter().map(|text| self.vector(text)).collect())
    }
}

#[cfg(test)]
mod tests;
