//! Cutting a document into chunks of a bounded size.
//!
//! A [`Chunker`] cuts by a [`Strategy`] and counts in a [`Unit`]: by default recursively, at most 512 characters of which 50 repeat the
//! chunk before. What holds of every strategy:
//!
//! - Each byte of the text that is no white space lies in a chunk; chunks come in order, and each reaches further than the last.
//! - No chunk is larger than the size, and no character is cut. A single character, as a reader sees it, that is larger than the size
//!   by itself is a chunk of its own: thousands of marks upon one letter are one character.
//! - A chunk has no white space at its ends.
//! - The same text is always cut the same way. Of plain text, what is appended changes only the chunks that begin within a chunk's size and
//!   64 bytes of the end, where sizes count characters; where they count tokens it can be a few more. In Markdown it can change how the
//!   text before it is read: it can close a block of code, or make the last line a heading.
//! - The time is linear in the text.
//!
//! Sentences are those of UAX 29, which ends one at `Dr. Smith` too. Nothing is repeated over a heading.

mod boundaries;
mod config;
mod cut;
mod tokens;
mod window;

use std::ops::Range;
use std::sync::Arc;

use mastra_core::{Error, Result};

pub use self::config::{ChunkerConfig, MAX_SIZE, Strategy, Unit};
use self::cut::Cutter;
#[cfg(feature = "tiktoken")]
pub use self::tokens::Cl100k;
pub use self::tokens::Tokenizer;
use self::window::{Measure, part};
use crate::document::Document;
use crate::document::structure::HeadingPath;

/// What fingerprints end with: another number where another version cuts otherwise.
const VERSION: u32 = 1;

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chunk {
    /// The chunk's text: `document.text()[span]`.
    pub text: String,
    /// Where it stands in the document's text, in bytes.
    pub span: Range<usize>,
    /// The titles of the headings over it, the highest first; those that it begins with are among them.
    pub headings: Vec<String>,
    /// Its place among the document's chunks, from 0.
    pub order: usize,
    /// Its size in the chunker's unit.
    pub size: usize,
}

/// Cuts documents into chunks. Cheap to clone, and shared between threads.
///
/// ```
/// use mastra_rag::{chunk::{Chunker, ChunkerConfig, Strategy}, document::Document};
///
/// let chunker = Chunker::new(ChunkerConfig::new().strategy(Strategy::Sentence).max_size(40).overlap(0))?;
/// let document = Document::from_text("Green tea is steeped at 75 °C. Black tea wants it hotter. Oolong lies between.");
/// let chunks = chunker.chunk(&document)?;
/// let texts: Vec<_> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
/// assert_eq!(texts, ["Green tea is steeped at 75 °C.", "Black tea wants it hotter.", "Oolong lies between."]);
/// assert_eq!(&document.text()[chunks[1].span.clone()], chunks[1].text);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Chunker {
    config: ChunkerConfig,
    cutter: Cutter,
}

impl Default for Chunker {
    /// Recursive, at most 512 characters, of which 50 overlap.
    fn default() -> Self {
        Self::of(ChunkerConfig::default(), Measure::Characters)
    }
}

impl Chunker {
    /// A chunker of this configuration; tokens are those of `cl100k_base`. `InvalidInput` as [`ChunkerConfig::validate`] says;
    /// `Unsupported` for tokens where the crate was built without the feature `tiktoken`.
    pub fn new(config: ChunkerConfig) -> Result<Self> {
        config.validate()?;
        let measure = match config.effective_unit() {
            Unit::Characters => Measure::Characters,
            #[cfg(feature = "tiktoken")]
            Unit::Tokens => Measure::Tokens(Arc::new(Cl100k)),
            #[cfg(not(feature = "tiktoken"))]
            Unit::Tokens => {
                return Err(Error::unsupported(
                    "sizes in tokens need the feature tiktoken of mastra-rag, or a tokenizer by Chunker::with_tokenizer",
                ));
            }
        };
        Ok(Self::of(config, measure))
    }

    /// A chunker whose sizes count the tokens of this tokenizer, whatever unit the configuration leaves out. `InvalidInput` as
    /// [`ChunkerConfig::validate`] says, for a configuration that asks for characters, and for a tokenizer without a name.
    pub fn with_tokenizer(config: ChunkerConfig, tokenizer: Arc<dyn Tokenizer>) -> Result<Self> {
        config.validate()?;
        if config.unit == Some(Unit::Characters) {
            return Err(Error::invalid_input("a chunker with a tokenizer counts tokens; leave the unit out")
                .with("unit", Unit::Characters));
        }
        if tokenizer.name().is_empty() || tokenizer.name().len() > 200 {
            return Err(Error::invalid_input("the name of a tokenizer has 1 to 200 bytes"));
        }
        Ok(Self::of(config.unit(Unit::Tokens), Measure::Tokens(tokenizer)))
    }

    fn of(config: ChunkerConfig, measure: Measure) -> Self {
        let (max, overlap) = (config.effective_max_size(), config.effective_overlap());
        Self { cutter: Cutter { strategy: config.strategy, max, overlap, measure }, config }
    }

    /// What the chunker was told.
    pub fn config(&self) -> &ChunkerConfig {
        &self.config
    }

    /// What decides how a text is cut, in one word: an index whose chunks have another fingerprint has to be built again.
    ///
    /// ```
    /// use mastra_rag::chunk::Chunker;
    ///
    /// assert_eq!(Chunker::default().fingerprint(), "recursive/512/50/characters/1");
    /// ```
    pub fn fingerprint(&self) -> String {
        let Cutter { strategy, max, overlap, measure } = &self.cutter;
        let unit = match measure {
            Measure::Characters => Unit::Characters.as_str(),
            Measure::Tokens(tokenizer) => tokenizer.name(),
        };
        format!("{strategy}/{max}/{overlap}/{unit}/{VERSION}")
    }

    /// The chunks of a document, in order; none of one that is empty or white space. What a tokenizer of your own answers with is
    /// the only error. Linear time; for tokens, each is encoded about three times.
    pub fn chunk(&self, document: &Document) -> Result<Vec<Chunk>> {
        let (text, structure) = (document.text(), document.structure());
        let mut path = HeadingPath::new(structure);
        let cuts = self.cutter.cut(text, structure)?;
        let chunks = cuts.into_iter().enumerate().map(|(order, cut)| Chunk {
            text: part(text, cut.span.start, cut.span.end).to_owned(),
            headings: path.at(text, cut.span.start),
            span: cut.span,
            order,
            size: cut.size,
        });
        Ok(chunks.collect())
    }
}

#[cfg(test)]
mod tests;
