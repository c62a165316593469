//! `mastra sync failed`.

use super::{ledger, tell};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;
use mastra_core::sync::{QuarantineQuery, Quarantined};
use mastra_sync::Runs;

const EXAMPLES: &str = "\
Examples:
  mastra sync failed contacts                       which records, and why
  mastra sync failed contacts --data                with what the source said of each
  mastra sync failed contacts --limit 1000 --json | jq '.items[].raw'

What cannot be written is set aside, and the rest of its page goes on. It is settled by a later run that can write it, or by mastra sync \
retry-failed once its cause is mended. Records' data is shown only where it is asked for, by --data or --json.";

/// The most that the ledger gives at once.
const PAGE: u32 = 1_000;

/// Of which sync.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Failed {
    /// The id of a sync
    id: String,
    /// Show what the source said, too
    #[arg(long)]
    data: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

impl Failed {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let runs = ledger(context).await?;
        let total: u64 = runs.targets(Some(&self.id)).await?.iter().map(|target| target.state.quarantined).sum();
        let items = self.items(&runs).await?;
        let out = &context.out;
        out.document(&serde_json::json!({ "items": items, "total": total }))?;
        if items.is_empty() {
            out.say("nothing is set aside")?;
            return Ok(Exit::Done);
        }
        let name = |item: &Quarantined| text::clean(item.external_id.as_deref().unwrap_or(&item.key));
        if self.data {
            for item in &items {
                out.say(format!("{}: {}", out.bold(&name(item)), text::clean(&item.error)))?;
                out.say(format!("  {}", text::clean(&item.raw.to_string())))?;
            }
        } else {
            let mut grid = Grid::new(["record", "entity", "failed", "last (UTC)", "why"]).right(&[2]);
            for item in &items {
                grid.row([
                    name(item),
                    text::clean(&item.entity),
                    format!("{} ×", text::count(item.attempts)),
                    tell::short(item.last_failed_at),
                    text::clean(&item.error),
                ]);
            }
            out.grid(&grid)?;
        }
        let more = total.saturating_sub(items.len() as u64);
        if more > 0 {
            out.say(out.dim(&format!("and {} more: --limit", text::count(more))))?;
        }
        Ok(Exit::Done)
    }

    async fn items(&self, runs: &Runs) -> mastra_core::Result<Vec<Quarantined>> {
        let mut query = QuarantineQuery { sync_id: Some(self.id.clone()), ..QuarantineQuery::default() };
        let mut items: Vec<Quarantined> = Vec::new();
        loop {
            let wanted = self.limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX)).min(PAGE);
            if wanted == 0 {
                return Ok(items);
            }
            query.limit = Some(wanted);
            let page = runs.quarantined(&query).await?;
            let full = page.len() == wanted as usize;
            query.after = page.last().map(|item| (item.target, item.key.clone()));
            items.extend(page);
            if !full {
                return Ok(items);
            }
        }
    }
}
