//! `mastra sync runs`.

use super::{ledger, tell, work::sum};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{grid::Grid, text},
};
use clap::Args;
use mastra_core::sync::{RunQuery, RunState};

const EXAMPLES: &str = "\
Examples:
  mastra sync runs
  mastra sync runs contacts --limit 5
  mastra sync runs --state failed --json | jq '.items[].error'
  mastra sync runs --before 1200          those behind the last one of a page

A run's number names it as well as its id does: mastra sync show 12. States: running, succeeded, partial (some records were set aside), failed, cancelled, timedOut, and lost, of a run whose process said \
nothing for longer than its lease.";

/// Which ones.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunsOf {
    /// Only those of this sync
    id: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = state)]
    state: Option<RunState>,
    /// Only those that wrote an entity of this name
    #[arg(long)]
    entity: Option<String>,
    /// Only those of a smaller number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

fn state(text: &str) -> Result<RunState, String> {
    RunState::parse(text).map_err(|_| {
        let known: Vec<&str> = RunState::ALL.iter().map(|state| state.as_str()).collect();
        format!("one of {}", known.join(", "))
    })
}

impl RunsOf {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let query = RunQuery {
            sync_id: self.id.clone(),
            entity: self.entity.clone(),
            state: self.state,
            before: self.before,
            limit: Some(self.limit),
        };
        let items = ledger(context).await?.list(&query).await?;
        let out = &context.out;
        let more = if items.len() == self.limit as usize { items.last().map(|run| run.number) } else { None };
        out.document(&serde_json::json!({ "items": items, "nextBefore": more }))?;
        if items.is_empty() {
            out.say("no runs")?;
            return Ok(Exit::Done);
        }
        let headers = ["no.", "sync", "state", "began (UTC)", "took", "read", "new", "changed", "deleted", "set aside"];
        let mut grid = Grid::new(headers).right(&[0, 5, 6, 7, 8, 9]);
        for run in &items {
            let counts = sum(&run.targets);
            grid.row([
                run.number.to_string(),
                text::clean(&run.sync_id),
                tell::word(run.state).to_owned(),
                run.started_at.format("%m-%d %H:%M").to_string(),
                tell::took(run),
                text::count(counts.read),
                text::count(counts.created),
                text::count(counts.updated),
                text::count(counts.deleted),
                text::count(counts.failed),
            ]);
        }
        out.grid(&grid)?;
        if let Some(number) = more {
            out.say(out.dim(&format!("there may be more: --before {number}")))?;
        }
        Ok(Exit::Done)
    }
}
