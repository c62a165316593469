//! The command line of `mastra-eval`.

use clap::Parser;
use mastra_core::{Error, Result};
use mastra_rag::{
    chunk::{ChunkerConfig, Strategy},
    knowledge::SearchMode,
};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

/// Names the folder of sentence-transformers/all-MiniLM-L6-v2.
pub(super) const MINILM: &str = "MASTRA_TEST_MINILM";

/// Measures what knowledge bases find, on labelled questions. See docs/quality.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask eval", max_term_width = 100)]
pub(super) struct Options {
    /// The folder with corpus/ and questions.jsonl; tests/eval-data by default.
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
    /// Print a JSON object; what is for people goes to the standard error then.
    #[arg(long)]
    pub(super) json: bool,
    /// Write the tables into this file, between its markers.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/quality.md")]
    pub(super) markdown: Option<PathBuf>,
    /// STRATEGY, STRATEGY/SIZE or STRATEGY/SIZE/OVERLAP. The first is what the others are compared with.
    #[arg(
        long = "chunker",
        value_name = "CHUNKER",
        value_delimiter = ',',
        default_value = "recursive/512,recursive/256,recursive/1024,recursive/512/0,sentence/512,markdown/512,character/512,token/128,token/512"
    )]
    pub(super) chunkers: Vec<Cut>,
    /// PROVIDER/MODEL; by default hash/384, and all-MiniLM-L6-v2 where the environment names its weights.
    #[arg(long = "embedder", value_name = "EMBEDDER", value_delimiter = ',')]
    pub(super) embedders: Vec<String>,
    /// vector, text or hybrid.
    #[arg(long = "mode", value_name = "MODE", value_delimiter = ',', default_value = "hybrid,vector,text")]
    pub(super) modes: Vec<SearchMode>,
    /// Ask only the first questions.
    #[arg(long, value_name = "COUNT")]
    pub(super) questions: Option<usize>,
    /// Print every question that the defaults do not answer.
    #[arg(long)]
    pub(super) misses: bool,
    /// Where vectors are kept from run to run.
    #[arg(long, value_name = "DIR", default_value = "target/eval-cache")]
    pub(super) cache: PathBuf,
}

/// A chunker, by a short name.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub(super) name: String,
    pub(super) config: ChunkerConfig,
}

impl FromStr for Cut {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let mut parts = name.split('/');
        let number = |part: &str| {
            part.parse::<usize>().map_err(|_| Error::invalid_input("a chunker is STRATEGY/SIZE/OVERLAP").with("chunker", name))
        };
        let mut config = ChunkerConfig::new().strategy(parts.next().unwrap_or_default().parse::<Strategy>()?);
        if let Some(size) = parts.next() {
            config = config.max_size(number(size)?);
        }
        if let Some(overlap) = parts.next() {
            config = config.overlap(number(overlap)?);
        }
        if parts.next().is_some() {
            number("")?;
        }
        config.validate()?;
        let name = format!("{}/{}/{}", config.strategy, config.effective_max_size(), config.effective_overlap());
        Ok(Self { name, config })
    }
}

/// The data of the repository.
pub(super) fn data_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("eval-data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunkers_have_short_names() {
        let name = |text: &str| text.parse::<Cut>().map(|cut| cut.name).ok();
        assert_eq!(name("recursive").as_deref(), Some("recursive/512/50"));
        assert_eq!(name("token/128").as_deref(), Some("token/128/12"));
        assert_eq!(name("sentence/300/0").as_deref(), Some("sentence/300/0"));
        for wrong in ["", "words", "recursive/x", "recursive/10/10", "recursive/10/1/1"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
    }
}
