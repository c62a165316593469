//! `mastra vectors count`.

use super::ScopeArgs;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::text,
    records::select,
};
use clap::Args;
use mastra_core::vector::PointCountQuery;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  mastra vectors count docs
  mastra vectors count docs --namespace tenant-a --filter '{\"lang\": \"en\"}'";

/// Which points.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Count {
    #[command(flatten)]
    scope: ScopeArgs,
    /// Only points whose metadata matches
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
}

impl Count {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let filter = select::filter(self.filter.as_deref())?;
        let store = context.connect_existing_vectors().await?;
        let count = store.count(&self.scope.scope(), &PointCountQuery::new().filter(filter)).await?;
        context.out.document(&json!({ "count": count.value, "capped": count.capped }))?;
        context.out.say(text::count(count.value))?;
        Ok(Exit::Done)
    }
}
