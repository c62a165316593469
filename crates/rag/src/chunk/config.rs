//! What a chunker is told.

use std::fmt;
use std::str::FromStr;

use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::names::unknown;

/// The most that a chunk can be asked to hold, in either unit.
pub const MAX_SIZE: usize = 1_000_000;

const DEFAULT_SIZE: usize = 512;
const DEFAULT_OVERLAP: usize = 50;

/// How a text is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Strategy {
    /// At the greatest part that fits: section, block, paragraph, else sentence, line, word, character.
    #[default]
    Recursive,
    /// After as many characters as fit, wherever that is.
    Character,
    /// After as many tokens as fit, at the nearest character before. Sizes are in tokens.
    Token,
    /// After as many whole sentences as fit; what is overlapped is whole sentences too.
    Sentence,
    /// At each heading, and within a section as [`Strategy::Recursive`]. No chunk holds text of two sections.
    Markdown,
}

impl Strategy {
    const ALL: [&'static str; 5] = ["recursive", "character", "token", "sentence", "markdown"];

    /// The stable name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Character => "character",
            Self::Token => "token",
            Self::Sentence => "sentence",
            Self::Markdown => "markdown",
        }
    }
}

/// What sizes count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[non_exhaustive]
pub enum Unit {
    /// Characters as a reader sees them: extended grapheme clusters, by UAX 29. A line break of two bytes is one.
    #[default]
    Characters,
    /// Tokens of a model.
    Tokens,
}

impl Unit {
    const ALL: [&'static str; 2] = ["characters", "tokens"];

    /// The stable name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Characters => "characters",
            Self::Tokens => "tokens",
        }
    }
}

macro_rules! by_name {
    ($type:ty, $what:literal, $($name:literal => $value:expr),+) => {
        impl FromStr for $type {
            type Err = Error;

            /// By its stable name, in any case; `InvalidInput`, with the likeliest name, for others.
            fn from_str(name: &str) -> Result<Self> {
                match name.trim().to_lowercase().as_str() {
                    $($name => Ok($value),)+
                    _ => Err(unknown($what, name, &Self::ALL)),
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = Error;

            fn try_from(name: String) -> Result<Self> {
                name.parse()
            }
        }

        impl From<$type> for &'static str {
            fn from(value: $type) -> Self {
                value.as_str()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

by_name!(Strategy, "strategy of chunking", "recursive" => Self::Recursive, "character" => Self::Character, "token" => Self::Token,
    "sentence" => Self::Sentence, "markdown" => Self::Markdown);
by_name!(Unit, "unit of sizes", "characters" => Self::Characters, "tokens" => Self::Tokens);

/// What a chunker is told. It can be read from a configuration file: fields that are left out have their defaults, and fields that
/// it does not know are refused.
///
/// ```
/// use mastra_rag::chunk::{Chunker, ChunkerConfig, Strategy};
/// use serde_json::json;
///
/// let config: ChunkerConfig = serde_json::from_value(json!({ "strategy": "sentence", "max_size": 300 }))?;
/// assert_eq!(config, ChunkerConfig::new().strategy(Strategy::Sentence).max_size(300));
/// assert!(ChunkerConfig::new().max_size(0).validate().is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChunkerConfig {
    /// How a text is cut; recursively by default.
    pub strategy: Strategy,
    /// The most that a chunk holds; 512 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<usize>,
    /// The most that a chunk repeats of the one before it. By default 50, and no more than a tenth of the size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<usize>,
    /// What both count: characters by default, tokens under [`Strategy::Token`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
}

impl ChunkerConfig {
    /// The defaults: recursive, 512 characters, of which 50 overlap.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how a text is cut.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the most that a chunk holds: 1 to [`MAX_SIZE`].
    #[must_use]
    pub fn max_size(mut self, max_size: usize) -> Self {
        self.max_size = Some(max_size);
        self
    }

    /// Sets the most that a chunk repeats of the one before it: less than the size.
    #[must_use]
    pub fn overlap(mut self, overlap: usize) -> Self {
        self.overlap = Some(overlap);
        self
    }

    /// Sets what sizes count.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The size in force.
    pub fn effective_max_size(&self) -> usize {
        self.max_size.unwrap_or(DEFAULT_SIZE)
    }

    /// The overlap in force.
    pub fn effective_overlap(&self) -> usize {
        self.overlap.unwrap_or_else(|| DEFAULT_OVERLAP.min(self.effective_max_size() / 10))
    }

    /// The unit in force.
    pub fn effective_unit(&self) -> Unit {
        self.unit.unwrap_or(if self.strategy == Strategy::Token { Unit::Tokens } else { Unit::Characters })
    }

    /// `InvalidInput` for a size of 0 or past [`MAX_SIZE`], an overlap that is not less than the size, or characters asked of the
    /// strategy that counts tokens.
    pub fn validate(&self) -> Result<()> {
        let (size, overlap) = (self.effective_max_size(), self.effective_overlap());
        if size == 0 || size > MAX_SIZE {
            return Err(Error::invalid_input(format!("the size of a chunk is 1 to {MAX_SIZE}")).with("max_size", size));
        }
        if overlap >= size {
            return Err(Error::invalid_input("the overlap has to be less than the size of a chunk")
                .with("overlap", overlap)
                .with("max_size", size));
        }
        if self.strategy == Strategy::Token && self.effective_unit() != Unit::Tokens {
            return Err(Error::invalid_input(
                "the strategy token counts tokens; leave the unit out, or use the strategy character",
            )
            .with("unit", self.effective_unit()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<ChunkerConfig, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_and_what_is_refused() {
        let config = read(json!({})).unwrap();
        assert_eq!((config.strategy, config.effective_max_size(), config.effective_overlap()), (Strategy::Recursive, 512, 50));
        assert_eq!(config.effective_unit(), Unit::Characters);
        assert_eq!(ChunkerConfig::new().strategy(Strategy::Token).effective_unit(), Unit::Tokens);
        // A small size alone is no error: the overlap follows it.
        assert_eq!(ChunkerConfig::new().max_size(100).effective_overlap(), 10);
        assert!(ChunkerConfig::new().max_size(1).validate().is_ok());
        for wrong in [
            ChunkerConfig::new().max_size(0),
            ChunkerConfig::new().max_size(MAX_SIZE + 1),
            ChunkerConfig::new().overlap(512),
            ChunkerConfig::new().max_size(10).overlap(11),
            ChunkerConfig::new().strategy(Strategy::Token).unit(Unit::Characters),
        ] {
            assert_eq!(wrong.validate().unwrap_err().kind(), mastra_core::ErrorKind::InvalidInput, "{wrong:?}");
        }
    }

    #[test]
    fn names_are_read_and_written() {
        for name in Strategy::ALL {
            assert_eq!(name.to_uppercase().parse::<Strategy>().unwrap().as_str(), name);
        }
        for name in Unit::ALL {
            assert_eq!(name.parse::<Unit>().unwrap().as_str(), name);
        }
        assert!(read(json!({"strategy": "sentense"})).unwrap_err().contains("did you mean sentence?"));
        assert!(read(json!({"unit": "token"})).unwrap_err().contains("did you mean tokens?"));
        assert!(read(json!({"size": 3})).unwrap_err().contains("max_size"));
        let config = ChunkerConfig::new().strategy(Strategy::Markdown).overlap(0);
        assert_eq!(read(serde_json::to_value(&config).unwrap()).unwrap(), config);
    }
}
