//! The command line of `mastra-bench`.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Measures a backend beside hand-written code that does the same work. See docs/benchmarks.md.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 100)]
pub(super) struct Options {
    /// The folder with records.jsonl, vectors.jsonl and queries.jsonl; filled with generated ones where it has none.
    #[arg(long, value_name = "DIR", default_value = "target/bench-data")]
    pub(super) data: PathBuf,
    /// sqlite, postgres (with its vectors), pgvector (these alone), qdrant; knowledge or syncs: these on SQLite and Postgres.
    #[arg(long)]
    pub(super) backend: String,
    /// Print a JSON object; what is for people goes to the standard error then.
    #[arg(long)]
    pub(super) json: bool,
    /// Write the tables into this file, between the markers of the backend.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "docs/benchmarks.md")]
    pub(super) markdown: Option<PathBuf>,
    /// How often everything is done with records; medians are reported.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) rounds: u16,
    /// How often everything is done with vectors: each round builds a graph on both sides.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) vector_rounds: u16,
    /// Measure only these figures. Records and points are loaded in any case, where a figure of theirs is among them.
    #[arg(long, value_name = "FIGURE", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Take only the first records of the data.
    #[arg(long, value_name = "COUNT")]
    pub(super) records: Option<usize>,
    /// Take only the first points of the data.
    #[arg(long, value_name = "COUNT")]
    pub(super) points: Option<usize>,
    /// Of knowledge and syncs: measure only these parts.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(super) part: Vec<Part>,
    /// Of knowledge: how many chunks are searched. 0 leaves searching out.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_values_t = [20_000, 200_000])]
    pub(super) chunks: Vec<usize>,
    /// Of knowledge: leave indexing out.
    #[arg(long)]
    pub(super) no_indexing: bool,
    /// Records a batch.
    #[arg(long, default_value_t = 1_000)]
    pub(super) batch: usize,
    /// Also sync and stream this many records, each in a process of its own, and report the most memory it held.
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "1000000")]
    pub(super) million: Option<usize>,
    /// What such a process does.
    #[arg(long, hide = true, requires = "store")]
    pub(super) child: Option<Child>,
    /// Where its store is.
    #[arg(long, hide = true)]
    pub(super) store: Option<String>,
}

/// Where knowledge and syncs are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Part {
    /// Of knowledge, without a database: cutting and embedding.
    Texts,
    /// Of syncs, without a database: reading.
    Sources,
    Sqlite,
    Postgres,
}

/// The work of a process whose memory is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Child {
    /// Sync many records in batches.
    Sync,
    /// Sync many records in batches that are large enough for the bulk path.
    Bulk,
    /// Stream all of them.
    Stream,
}

impl Child {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Bulk => "bulk",
            Self::Stream => "stream",
        }
    }
}
