//! `mastra sync watch`.

use super::{exit_of, ledger, run_of, show, tell, work::sum};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{progress, text},
};
use clap::Args;
use futures::TryStreamExt as _;
use mastra_core::sync::Run;

const EXAMPLES: &str = "\
Examples:
  mastra sync watch contacts                               the newest run of that sync
  mastra sync watch 0198c0de-7a11-7000-8000-000000000001
  mastra sync watch 12                                     by its number
  mastra sync watch contacts --json | jq -c '{state, note}'

Follows a run until it ends, whichever process and machine it runs on. With --json every change is a line. The exit code is that of the run: \
0, 6 where records were set aside, 4 where the guard refused, 5 where time ran out, else 1. Ctrl-C ends the watching, not the run.";

/// Which one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Watch {
    /// A run's id or number, or a sync's id, for its newest run
    run: String,
}

impl Watch {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let runs = ledger(context).await?;
        let id = run_of(&runs, &self.run).await?.id;
        let bar = progress::waiting(text::clean(&self.run));
        let mut steps = runs.watch(id);
        let mut last: Option<Run> = None;
        while let Some(run) = steps.try_next().await? {
            context.out.document(&run)?;
            let note = run.note.as_deref().map(|note| format!("; {}", text::clean(note))).unwrap_or_default();
            bar.set_message(format!("{}: {}{note}", text::clean(&run.sync_id), tell::counts(&sum(&run.targets))));
            last = Some(run);
        }
        bar.finish_and_clear();
        let Some(run) = last else { return Ok(Exit::Failed) };
        show::all(&context.out, &run)?;
        Ok(exit_of(&run))
    }
}
