//! `mastra search`.

mod plain;
mod show;

pub(crate) use show::Answer;

use super::{KnowledgeConfig, all, explained, open_existing, pick};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, file_error},
    records::select,
};
use clap::{Args, ValueEnum};
use mastra_core::{Error, Result};
use mastra_rag::knowledge::{KnowledgeBase, Retrieval, SearchMode};
use std::io::Read as _;
use std::time::Instant;

/// The longest question that is read from standard input, in bytes.
const MOST: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  mastra search 'how hot is green tea steeped?'
  mastra search refund policy --filter '{\"lang\": \"en\"}' --top-k 3
  mastra search 'error E42' --knowledge manuals --mode text --full
  mastra search 'who may cancel?' --neighbours 1 --one-per-record --max-tokens 1500 --json
  mastra search 'who may cancel?' --explain
  git log -1 --format=%B | mastra search -

A passage names its record, its headings and its place: articles/tea:120-480 are bytes 120 to 480 of the text of record tea. A filter asks \
the filter_fields of the knowledge base. What changed since the last `mastra index` is never shown as it was; how much of it waits is told.";

/// What to look for, and how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Search {
    /// The question, in words; - reads it from standard input
    #[arg(required = true, value_name = "TEXT")]
    text: Vec<String>,
    /// The knowledge base [default: the only one of mastra.toml]
    #[arg(long, value_name = "NAME")]
    knowledge: Option<String>,
    /// Only records whose filter fields match
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// What the question is compared with: meanings, words, or both [default: hybrid]
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// At most so many passages [default: 5]
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// Nothing whose vector score is lower, from -1 to 1
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    min_score: Option<f64>,
    /// Show so many chunks before and behind each with it
    #[arg(long, value_name = "N")]
    neighbours: Option<u32>,
    /// The best passage of each record only
    #[arg(long)]
    one_per_record: bool,
    /// At most so many tokens of text together, about four characters each
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    /// Show passages whole, not a snippet of each
    #[arg(long)]
    full: bool,
    /// Tell each step, and what each score was made of
    #[arg(long)]
    explain: bool,
}

/// What a question is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Meanings
    Vector,
    /// Words
    Text,
    /// Both
    Hybrid,
}

impl From<Mode> for SearchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Vector => Self::Vector,
            Mode::Text => Self::Text,
            Mode::Hybrid => Self::Hybrid,
        }
    }
}

impl Search {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let config = pick(all(context)?, self.knowledge.as_deref())?;
        let retrieval = self.retrieval(&config)?;
        let base = open_existing(context, &config).await?;
        ask(context, &config, &base, &retrieval).await?.show(&context.out, self.full)?;
        Ok(Exit::Done)
    }

    fn retrieval(&self, config: &KnowledgeConfig) -> Outcome<Retrieval> {
        let mut retrieval = config.retrieval(self.question()?);
        if retrieval.query.trim().is_empty() {
            return Err(Error::invalid_input("the question is blank").into());
        }
        retrieval.filter = select::filter(self.filter.as_deref())?;
        if let Some(mode) = self.mode {
            retrieval.mode = mode.into();
        }
        if retrieval.mode == SearchMode::Text && self.min_score.is_none() {
            // One of mastra.toml is meant for searches that have such a score.
            retrieval.min_score = None;
        }
        if self.top_k == Some(0) {
            return Err(Error::invalid_input("--top-k is 1 at least").into());
        }
        retrieval.top_k = self.top_k.unwrap_or(retrieval.top_k);
        retrieval.min_score = self.min_score.or(retrieval.min_score);
        retrieval.neighbours = self.neighbours.unwrap_or(retrieval.neighbours);
        retrieval.one_per_record |= self.one_per_record;
        retrieval.max_tokens = self.max_tokens.or(retrieval.max_tokens);
        retrieval.explain = self.explain;
        Ok(retrieval)
    }

    fn question(&self) -> Result<String> {
        if self.text.iter().map(String::as_str).ne(["-"]) {
            return Ok(self.text.join(" "));
        }
        let mut text = String::new();
        let read = std::io::stdin().take(MOST + 1).read_to_string(&mut text);
        read.map_err(|source| file_error("cannot read the question", "-", source))?;
        if text.len() as u64 > MOST {
            return Err(Error::invalid_input("a question is a megabyte at most"));
        }
        Ok(text.trim().to_owned())
    }
}

/// Asks a knowledge base.
pub(crate) async fn ask(
    context: &Context,
    config: &KnowledgeConfig,
    base: &KnowledgeBase,
    retrieval: &Retrieval,
) -> Outcome<Answer> {
    let began = Instant::now();
    let found = base.search(retrieval).await.map_err(|error| advised(context, config, error))?;
    let took = began.elapsed();
    Ok(Answer::of(config, base, retrieval, found, took).await?)
}

fn advised(context: &Context, config: &KnowledgeConfig, error: Error) -> Error {
    if error.get("filter_fields").is_some() {
        let hint = format!("add it to filter_fields in mastra.toml, then mastra reindex {}", config.name);
        return error.with(HINT, hint);
    }
    explained(context, config, error)
}
