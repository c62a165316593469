//! Knowledge bases: `mastra index`, `search`, `reindex`, `verify` and `knowledge`.

mod config;
mod delete;
mod index;
mod list;
mod open;
mod reindex;
mod search;
mod show;
mod status;
mod stopping;
mod verify;
mod within;
mod work;

pub(crate) use config::{EmbedderConfig, KnowledgeConfig, StoreUrl, variable_name};
pub(crate) use index::Index;
pub(crate) use open::{Described, all, describe, explained, open, open_existing, pick};
pub(crate) use reindex::Reindex;
pub(crate) use search::{Answer, Search, ask};
pub(crate) use verify::Verify;
pub(crate) use within::{Indexed, bring_up_to_date};

use crate::{
    context::Context,
    exit::{Exit, Outcome},
};
use clap::Subcommand;

/// What can be looked at and removed.
#[derive(Debug, Subcommand)]
pub(crate) enum KnowledgeCommand {
    /// Every knowledge base that is described or stored, and how far it is indexed
    List(list::List),
    /// What one is made of, how far it is indexed, and what was set aside and why
    Show(show::Show),
    /// Remove one: its index, its queue and its entry; the records stay
    Delete(delete::Delete),
}

impl KnowledgeCommand {
    pub(crate) async fn run(&self, context: &Context) -> Outcome<Exit> {
        match self {
            Self::List(command) => command.run(context).await,
            Self::Show(command) => command.run(context).await,
            Self::Delete(command) => command.run(context).await,
        }
    }
}

/// Those of these names, in the order of the file; all of them where no name is given, and an error where there is none.
pub(crate) fn chosen(context: &Context, names: &[String]) -> Outcome<Vec<KnowledgeConfig>> {
    let all = all(context)?;
    if names.is_empty() {
        return if all.is_empty() { pick(all, None).map(|config| vec![config]) } else { Ok(all) };
    }
    let mut chosen: Vec<KnowledgeConfig> = Vec::with_capacity(names.len());
    for name in names {
        let config = pick(all.clone(), Some(name))?;
        if !chosen.contains(&config) {
            chosen.push(config);
        }
    }
    Ok(chosen)
}
