//! `mastra records`: loading, finding and deleting.

mod delete;
mod export;
mod get;
mod import;
mod index;
mod purge;
mod query;
mod search;
pub(crate) mod select;

use crate::{context::Context, exit::Outcome};
use clap::Subcommand;

pub(crate) use import::{built_in_rows, put_aside, reading};
pub(crate) use search::highlighted;

/// What can be done with records.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordsCommand {
    /// Load files: JSON lines, JSON lists, CSV; resumable
    Import(import::Import),
    /// Find records by a filter, sorted, page by page
    Query(query::Query),
    /// Show one record
    Get(get::Get),
    /// Write records to a file or standard output, in a form that can be imported again
    Export(export::Export),
    /// Delete records: they become tombstones, until purged
    Delete(delete::Delete),
    /// Remove deleted records for good
    Purge(purge::Purge),
    /// Full-text search
    Search(search::Search),
    /// Say which fields text search covers, or build an index for filters and sorts
    Index(index::Index),
}

impl RecordsCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::Import(command) => command.run(context).await,
            Self::Query(command) => command.run(context).await,
            Self::Get(command) => command.run(context).await,
            Self::Export(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::Purge(command) => command.run(context).await,
            Self::Search(command) => command.run(context).await,
            Self::Index(command) => command.run(context).await,
        }
    }
}
