//! `mastra vectors delete`.

use super::shown_namespace;
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::{ask::confirm, text},
    records::select,
};
use clap::Args;
use mastra_core::vector::{Include, PointCountQuery, PointSelector, Scope, VectorStore};
use mastra_core::{Error, Filter, Result};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  mastra vectors delete docs --dry-run                       how much the index holds
  mastra vectors delete docs --yes                           the index with all that it holds
  mastra vectors delete docs --namespace tenant-a            a namespace with all that it holds
  mastra vectors delete docs --filter '{\"source\": \"intro.md\"}'
  mastra vectors delete docs --namespace tenant-a --id intro.md#0 --id intro.md#1

Vectors leave no tombstones: what is deleted is gone.";

/// What to delete.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Delete {
    /// The index
    index: String,
    /// This namespace of it alone; with --id or --filter, where the points are
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Points of these ids
    #[arg(long, value_name = "ID", conflicts_with = "filter")]
    id: Vec<String>,
    /// Points whose metadata matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Count what would go, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What is meant.
enum Target {
    Index,
    Namespace(String),
    Points(Scope, PointSelector),
}

impl Delete {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let target = self.target()?;
        let store = context.connect_existing_vectors().await?;
        let count = self.counted(&*store, &target).await?;
        let index = text::clean(&self.index);
        let what = match &target {
            Target::Index => format!("the index {index} with {}", text::plural(count, "point")),
            Target::Namespace(name) => {
                format!("the namespace {} of {index} with {}", shown_namespace(name), text::plural(count, "point"))
            }
            Target::Points(..) => format!("{} of {index}", text::plural(count, "point")),
        };
        context.out.note(context.engine_and_why());
        let report = |dry_run: bool, points: u64| json!({ "dryRun": dry_run, "index": self.index, "wholeIndex": matches!(target, Target::Index), "points": points });
        if self.dry_run {
            context.out.document(&report(true, count))?;
            context.out.say(format!("would delete {what}"))?;
            return Ok(Exit::Done);
        }
        if !confirm(&format!("delete {what} for good?"), self.yes).await? {
            context.out.note("nothing was deleted");
            return Ok(Exit::Failed);
        }
        let gone = match &target {
            Target::Index => store.delete_index(&self.index).await.map(|()| count)?,
            Target::Namespace(name) => store.delete_namespace(&self.index, name).await?,
            Target::Points(scope, selector) => store.delete(scope, selector).await?,
        };
        context.out.document(&report(false, gone))?;
        context.out.say(match &target {
            Target::Index => format!("deleted {what}"),
            _ => format!("deleted {} of {index}", text::plural(gone, "point")),
        })?;
        Ok(Exit::Done)
    }

    fn target(&self) -> Result<Target> {
        let scope = || Scope::index(&self.index).in_namespace(self.namespace.clone().unwrap_or_default());
        if !self.id.is_empty() {
            return Ok(Target::Points(scope(), PointSelector::ids(self.id.iter().map(String::as_str))));
        }
        let Some(filter) = self.filter.as_deref() else {
            return Ok(self.namespace.clone().map_or(Target::Index, Target::Namespace));
        };
        let filter = select::filter(Some(filter))?;
        if filter.is_trivially_true() {
            return Err(Error::invalid_input("an empty filter would delete every point")
                .with(HINT, "--namespace NAME without --filter, where that is meant"));
        }
        Ok(Target::Points(scope(), PointSelector::Filter(filter)))
    }

    async fn counted(&self, store: &dyn VectorStore, target: &Target) -> Result<u64> {
        let matching = async |scope: &Scope, filter: Filter| -> Result<u64> {
            Ok(store.count(scope, &PointCountQuery::new().filter(filter)).await?.value)
        };
        match target {
            Target::Index => Ok(store.describe_index(&self.index).await?.count),
            Target::Namespace(name) => matching(&Scope::index(&self.index).in_namespace(name), Filter::all()).await,
            Target::Points(scope, PointSelector::Filter(filter)) => matching(scope, filter.clone()).await,
            Target::Points(scope, _) => Ok(store.get(scope, &self.id, Include::ID).await?.len() as u64),
        }
    }
}
