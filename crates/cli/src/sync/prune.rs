//! `mastra sync prune`.

use super::ledger;
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{ask::confirm, text},
    records::select::moment,
};
use clap::Args;
use mastra_core::{Timestamp, sync::PruneRuns};

const EXAMPLES: &str = "\
Examples:
  mastra sync prune --older-than 30d --dry-run
  mastra sync prune --older-than 90d              asks
  mastra sync prune --older-than 2026-01-31 --yes

Removes entries of the ledger: runs that ended before then. The newest run of each sync stays, and so does everything that syncs go by: \
records, cursors, what was set aside.";

/// Which ones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Prune {
    /// Only runs that ended before then: an age such as 30d, a date, or a time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    older_than: Timestamp,
    /// Count what would go, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Prune {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let runs = ledger(context).await?;
        let out = &context.out;
        let prune = |dry_run| PruneRuns { finished_before: self.older_than, dry_run };
        let count = runs.prune(&prune(true)).await?;
        out.note(context.engine_and_why());
        if self.dry_run {
            out.document(&serde_json::json!({ "dryRun": true, "runs": count }))?;
            out.say(format!("would remove {} from the ledger", text::plural(count, "run")))?;
            return Ok(Exit::Done);
        }
        if !confirm(&format!("remove {} from the ledger for good?", text::plural(count, "run")), self.yes).await? {
            out.note("nothing was removed");
            return Ok(Exit::Failed);
        }
        let count = runs.prune(&prune(false)).await?;
        out.document(&serde_json::json!({ "dryRun": false, "runs": count }))?;
        out.say(format!("removed {} from the ledger", text::plural(count, "run")))?;
        Ok(Exit::Done)
    }
}
