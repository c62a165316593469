//! `mastra knowledge delete`.

use super::{all, open::connect_vectors, status};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::{ask::confirm, text},
};
use clap::Args;
use mastra_core::Error;
use mastra_rag::knowledge::KnowledgeBase;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  mastra knowledge delete articles --dry-run      what would go
  mastra knowledge delete articles                asks
  mastra knowledge delete articles --yes

Its index with all chunks, its queue and its entry go; the records stay. `mastra index` makes it again, from the first record. What \
mastra.toml says of it is left alone.";

/// Which one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// Its name
    name: String,
    /// Say what would go, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let config = all(context)?.into_iter().find(|config| config.name == self.name);
        let engine = context.connect_existing().await?;
        let stored = KnowledgeBase::stored(&*engine, &self.name).await?;
        if stored.versions().next().is_none() {
            return Err(Error::not_found("nothing is stored of this knowledge base")
                .with("knowledge", &self.name)
                .with(HINT, "mastra knowledge list shows what there is")
                .into());
        }
        // Before it is asked: a store that cannot be reached would keep its index for ever.
        let vectors = connect_vectors(context, config.as_ref()).await?;
        let status = status::one(context, &engine, self.name.clone(), config, stored).await?;
        let (name, out) = (text::clean(&self.name), &context.out);
        let chunks = status.points.map_or_else(|| "its chunks".to_owned(), |points| text::plural(points, "chunk"));
        out.note(context.engine_and_why());
        let report = |dry_run: bool| json!({ "dryRun": dry_run, "knowledge": self.name, "points": status.points, "versions": status.stored.versions().collect::<Vec<_>>() });
        if self.dry_run {
            out.document(&report(true))?;
            out.say(format!("would delete the knowledge base {name} with {chunks}; the records stay"))?;
            return Ok(Exit::Done);
        }
        if !confirm(&format!("delete the knowledge base {name} with {chunks} for good?"), self.yes).await? {
            out.note("nothing was deleted");
            return Ok(Exit::Failed);
        }
        KnowledgeBase::remove(&*engine, &*vectors, &self.name).await?;
        out.document(&report(false))?;
        out.say(format!("deleted the knowledge base {name} with {chunks}"))?;
        Ok(Exit::Done)
    }
}
