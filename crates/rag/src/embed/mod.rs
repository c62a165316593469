//! From texts to vectors: embedders behind one trait, by string.
//!
//! | string | feature | what it is |
//! |---|---|---|
//! | `hash/384` | none | words and pieces of words, hashed: needs nothing, finds words and not meanings |
//! | `openai/text-embedding-3-small` | `openai` | OpenAI, and every server that speaks its protocol |
//! | `local/PATH-or-hub-id` | `local` | a sentence-transformers BERT, run here in pure Rust |
//! | `model2vec/PATH-or-hub-id` | `model2vec` | static embeddings: a vector a token, and their mean |
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mastra_core::Result<()> {
//! use mastra_rag::embed::{EmbedKind, Embedder as _, EmbedderExt as _, Embedders};
//!
//! let embedder = Embedders::default().connect("hash/384").await?;
//! assert_eq!((embedder.model(), embedder.dimension()), ("hash/384", 384));
//! assert!(embedder.info().lexical);
//!
//! let vectors = embedder.embed(&["Invoices are due in 30 days."], EmbedKind::Document).await?;
//! assert_eq!(vectors[0].len(), 384);
//! # Ok(())
//! # }
//! ```

mod blocking;
pub mod cache;
mod cached;
mod check;
pub mod hash;
mod options;
mod registry;

#[cfg(any(feature = "local", feature = "model2vec"))]
mod files;
#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "model2vec")]
pub mod model2vec;
#[cfg(feature = "openai")]
pub mod openai;

pub use cached::{CacheStats, Cached};
pub use options::{EmbedderOptions, Secret};
pub use registry::{Connecting, Embedders};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use mastra_core::vector::Provenance;
use mastra_core::{Error, Result};

/// What a text is embedded for. Some models want the two told apart; the others take both alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EmbedKind {
    /// A text that is to be found.
    #[default]
    Document,
    /// A text that is searched with.
    Query,
}

impl EmbedKind {
    /// The kind's name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Query => "query",
        }
    }
}

/// What an embedder is. It never changes while the embedder lives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbedderInfo {
    /// What made the vectors, as `provider/model`: the same after a restart and on another machine, and another wherever the vectors
    /// could differ. An index keeps it ([`Provenance::model`]), and a query by another is refused. Where the name alone does not say
    /// everything (weights from a folder, prompts set before each text) a digest of the rest follows it, as in
    /// `local/all-MiniLM-L6-v2@5f2e1c0d9a8b`.
    pub model: String,
    /// How many numbers each vector holds.
    pub dimension: usize,
    /// The longest text that the model looks at as a whole, in its own tokens; absent where there is no bound or none is known. What
    /// happens to longer ones is each embedder's to say.
    pub max_tokens: Option<usize>,
    /// How many texts are worth handing over at once. More are taken, and split.
    pub batch: usize,
    /// Whether only words are compared, never meanings: a search for "car" then misses "automobile". Say so to the user.
    pub lexical: bool,
}

impl EmbedderInfo {
    /// An embedder of this name and dimension, without a known bound on texts, with batches of 32, that is not lexical.
    pub fn new(model: impl Into<String>, dimension: usize) -> Self {
        Self { model: model.into(), dimension, max_tokens: None, batch: 32, lexical: false }
    }

    /// The longest text that is looked at as a whole, in tokens.
    #[must_use]
    pub fn max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// How many texts are worth handing over at once; at least one.
    #[must_use]
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// Compares words, not meanings.
    #[must_use]
    pub fn lexical(mut self) -> Self {
        self.lexical = true;
        self
    }
}

/// Turns texts into vectors.
///
/// A future that is dropped stops at the next batch; what it spent is spent.
///
/// An embedder of one's own says what it is and embeds; [`checked`] does the rest:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mastra_core::Result<()> {
/// use mastra_core::Result;
/// use mastra_rag::embed::{self, EmbedKind, Embedder, EmbedderInfo};
///
/// /// Counts vowels and the rest.
/// #[derive(Debug)]
/// struct Vowels(EmbedderInfo);
///
/// #[async_trait::async_trait]
/// impl Embedder for Vowels {
///     fn info(&self) -> &EmbedderInfo {
///         &self.0
///     }
///
///     async fn embed(&self, texts: &[&str], _kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
///         embed::check_texts(texts)?;
///         let vectors = texts.iter().map(|text| {
///             let vowels = text.chars().filter(|c| "aeiou".contains(*c)).count();
///             vec![vowels as f32, (text.chars().count() - vowels) as f32]
///         });
///         embed::checked(&self.0, texts.len(), vectors.collect())
///     }
/// }
///
/// let vowels = Vowels(EmbedderInfo::new("example/vowels", 2));
/// assert_eq!(vowels.embed(&["aeb"], EmbedKind::Document).await?, [[2.0, 1.0]]);
/// assert!(vowels.embed(&["aeb", " "], EmbedKind::Document).await.is_err());
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Embedder: fmt::Debug + Send + Sync {
    /// What it is.
    fn info(&self) -> &EmbedderInfo;

    /// A vector for each text, in order, of [`EmbedderInfo::dimension`] finite numbers and a length that is not zero. No text gives no
    /// vector and costs no call. Whether vectors are of length 1 is the model's matter.
    ///
    /// # Errors
    /// - `InvalidInput`: a text is blank, or the model takes no such text; `text` is its position. Blank ones have no meaning to find:
    ///   leave them out. Nothing was sent if one is blank.
    /// - `Unavailable`, `Timeout`: the server of the model does not answer, after all repeats.
    /// - `PermissionDenied`: the server refuses the key.
    /// - `NotFound`: there is no such model.
    /// - `Corrupt`: what came back is no answer: another number of vectors, another dimension, a number that is not finite or a vector
    ///   without a length (`text` is its position).
    ///
    /// All or nothing: an error tells nothing of the other texts. Neither errors nor logs hold a text.
    async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>>;
}

/// Shortcuts that every embedder has.
#[async_trait]
pub trait EmbedderExt: Embedder {
    /// [`EmbedderInfo::model`]: what an index keeps and a query says.
    fn model(&self) -> &str {
        &self.info().model
    }

    /// [`EmbedderInfo::dimension`].
    fn dimension(&self) -> usize {
        self.info().dimension
    }

    /// What an index of its vectors keeps; the chunker is the caller's to add.
    fn provenance(&self) -> Provenance {
        Provenance::new(self.model())
    }

    /// The vector of one text; errors as of [`Embedder::embed`].
    async fn embed_one(&self, text: &str, kind: EmbedKind) -> Result<Vec<f32>> {
        let vectors = self.embed(&[text], kind).await?;
        vectors.into_iter().next().ok_or_else(|| Error::internal("the embedder gave no vector for a text"))
    }
}

impl<E: Embedder + ?Sized> EmbedderExt for E {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<E: Embedder + ?Sized> Embedder for $pointer {
            fn info(&self) -> &EmbedderInfo {
                (**self).info()
            }

            async fn embed(&self, texts: &[&str], kind: EmbedKind) -> Result<Vec<Vec<f32>>> {
                (**self).embed(texts, kind).await
            }
        }
    )*};
}

forward!(Arc<E>, Box<E>);

pub use check::{check_texts, checked};
