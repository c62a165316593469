//! The command line.

use crate::{completions, engine, entities, exit::EXIT_CODES, knowledge, quickstart, records, sync, vectors};
use clap::{ArgAction, Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Start here:
  mastra quickstart docs                          load a folder, index it, and ask it questions
  mastra records import deals.csv --entity Deals --id-field id
  mastra records query --entity Deals --filter '{\"stage\": \"won\"}' --sort -amount --limit 10
  mastra records index --entity Articles --fields title,body
  mastra records search 'vector \"recall at\" index*' --entity Articles
  mastra sync run contacts                        load by a [[sync]] of mastra.toml, as often as you like
  mastra index                                    what the knowledge bases of mastra.toml lack
  mastra search 'who may cancel an order?'        passages that answer, with citations
  mastra mcp                                      serve all of it to an assistant, to be read; --help says how
  mastra vectors create docs --dimension 384      then: vectors upsert docs FILE, vectors query docs
  mastra engine add                               a Postgres of your own, when one file is not enough

The engine is the first that is named by --engine, MASTRA_ENGINE_URL, DATABASE_URL or DB_URL, the same names in .env, \
[engine] url in mastra.toml; else the file .mastra/mastra.db. `mastra engine status` says which and why.
";

/// The data layer under an AI application: load records, find them again, by filter and by text.
#[derive(Debug, Parser)]
#[command(
    name = "mastra",
    version,
    propagate_version = true,
    max_term_width = 110,
    arg_required_else_help = true,
    after_help = format!("{EXAMPLES}\n{EXIT_CODES}")
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The engine to work on: sqlite:FILE, postgres://…, mock://…, or a SQLite file's path
    #[arg(long, global = true, value_name = "URL", help_heading = "Everywhere")]
    pub(crate) engine: Option<String>,
    /// Results as JSON on standard output, failures as JSON on standard error
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Say more on standard error: -v, -vv, -vvv (or RUST_LOG)
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load a folder of documents, index it, and ask it questions, with no set-up
    Quickstart(quickstart::Quickstart),
    /// Set up, look after and describe the engine
    #[command(subcommand)]
    Engine(engine::EngineCommand),
    /// Look at and delete entities, the named collections of records
    #[command(subcommand)]
    Entities(entities::EntitiesCommand),
    /// Load, find and delete records
    #[command(subcommand)]
    Records(records::RecordsCommand),
    /// Load outside data by the syncs of mastra.toml, and see what every run did
    #[command(subcommand)]
    Sync(sync::SyncCommand),
    /// Bring knowledge bases up to date with their records
    Index(knowledge::Index),
    /// Find passages that answer a question, by meaning and words
    Search(knowledge::Search),
    /// Build a knowledge base anew for another model, chunker or choice of fields
    Reindex(knowledge::Reindex),
    /// Hold knowledge bases against their records, and mend what differs
    Verify(knowledge::Verify),
    /// Look at and delete knowledge bases
    #[command(subcommand)]
    Knowledge(knowledge::KnowledgeCommand),
    /// Make, load and search indexes of vectors, and carry them between stores
    #[command(subcommand)]
    Vectors(vectors::VectorsCommand),
    /// Serve an assistant entities, records and knowledge bases over the Model Context Protocol, read-only
    #[cfg(feature = "mcp")]
    Mcp(crate::mcp::Mcp),
    /// Hold a backend against the conformance suites
    #[cfg(feature = "conformance")]
    Conformance(crate::conformance::Conformance),
    /// Measure how fast a store of vectors is, and how much it finds
    #[cfg(feature = "conformance")]
    Bench(crate::bench::Bench),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}
