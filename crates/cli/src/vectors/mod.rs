//! `mastra vectors`: indexes of vectors, loaded, searched and carried from store to store.

mod copy;
mod count;
mod create;
mod delete;
mod list;
mod load;
mod migrate;
mod place;
mod query;

use crate::{context::Context, exit::Outcome};
use clap::{Args, Subcommand};
use mastra_core::vector::Scope;

/// What can be done with vectors.
#[derive(Debug, Subcommand)]
pub(crate) enum VectorsCommand {
    /// List the indexes of the store
    #[command(after_help = list::LIST)]
    List(list::List),
    /// Show one index: how it was made, how much it holds, its namespaces
    #[command(after_help = list::DESCRIBE)]
    Describe(list::Describe),
    /// Make an index
    Create(create::Create),
    /// Delete an index, a namespace of it, or points
    Delete(delete::Delete),
    /// Load points from a file of JSON lines
    Upsert(load::Upsert),
    /// Find points by nearness, by words, or by both
    Query(query::Query),
    /// Say how many points match
    Count(count::Count),
    /// Carry an index to another store; resumable, and verified
    Copy(copy::Copy),
    /// Make what a store needs before its first index: the registry of pgvector
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Migrate),
}

impl VectorsCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Describe(command) => command.run(context).await,
            Self::Create(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
            Self::Upsert(command) => command.run(context).await,
            Self::Query(command) => command.run(context).await,
            Self::Count(command) => command.run(context).await,
            Self::Copy(command) => command.run(context).await,
            Self::Migrate(command) => command.run(context).await,
        }
    }
}

/// The points that a command works on.
#[derive(Debug, Args)]
pub(crate) struct ScopeArgs {
    /// The index
    #[arg(value_name = "INDEX")]
    index: String,
    /// The namespace, such as a tenant's [default: the one without a name]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    namespace: String,
}

impl ScopeArgs {
    fn scope(&self) -> Scope {
        Scope::index(&self.index).in_namespace(&self.namespace)
    }
}

/// A namespace as people read it.
fn shown_namespace(name: &str) -> String {
    if name.is_empty() { "(default)".to_owned() } else { crate::output::text::clean(name) }
}
