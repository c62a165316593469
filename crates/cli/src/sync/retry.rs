//! `mastra sync retry-failed`.

use super::run::{Bounds, runs};
use crate::{context::Context, exit::Outcome};
use clap::Args;
use mastra_sync::RunOptions;

const EXAMPLES: &str = "\
Examples:
  mastra sync failed contacts           what was set aside, and why
  mastra sync retry-failed contacts     once the map of mastra.toml, or the engine, can take it
  mastra sync retry-failed contacts --json

The source is not asked: what it said is kept with the error. What only the source could not read, such as a line that is no JSON, is \
mended there; mastra sync run reads it again. Exit 6 where something is still set aside.";

/// Which ones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RetryFailed {
    /// Ids of syncs
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    bounds: Bounds,
}

impl RetryFailed {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let options = RunOptions { retry_failed: true, ..RunOptions::default() };
        runs(context, &self.ids, false, &self.bounds, options).await
    }
}
