//! `mastra sync show`.

use super::{ledger, run_of, tell};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::{Output, text},
};
use clap::Args;
use mastra_core::sync::Run;

const EXAMPLES: &str = "\
Examples:
  mastra sync show contacts                                the newest run of that sync
  mastra sync show 0198c0de-7a11-7000-8000-000000000001
  mastra sync show 12                                     by its number
  mastra sync show contacts --json | jq '.targets[].counts'";

/// Which one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// A run's id or number, or a sync's id, for its newest run
    run: String,
}

impl Show {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let run = run_of(&ledger(context).await?, &self.run).await?;
        context.out.document(&run)?;
        all(&context.out, &run)?;
        Ok(Exit::Done)
    }
}

/// All that the ledger says of a run.
pub(super) fn all(out: &Output, run: &Run) -> Outcome<()> {
    let again = if run.attempt > 1 { format!(", attempt {}", run.attempt) } else { String::new() };
    out.say(format!("{} {}{again}", out.bold(&text::clean(&run.sync_id)), tell::state(out, run.state)))?;
    out.say(format!("  run      {}", text::clean(run.id.as_str())))?;
    out.say(format!("  began    {}, {}", tell::time(run.started_at), tell::took(run)))?;
    if !run.state.is_finished() {
        out.say(format!("  alive    {}, and counts as lost at {}", tell::time(run.heartbeat_at), tell::time(run.lease_until)))?;
    }
    if let Some(note) = &run.note {
        out.say(format!("  note     {}", text::clean(note)))?;
    }
    if let Some(error) = &run.error {
        out.say(out.bad(&format!("  {:<8} {}", text::clean(&error.kind), text::clean(&error.message))))?;
    }
    for target in &run.targets {
        let source = target.source.as_deref().map(|source| format!(" from {}", text::clean(source))).unwrap_or_default();
        let end = if target.complete { "" } else { ", not to the end" };
        out.say(format!(
            "  {}{source} into {} ({}){end}",
            mode(target.mode),
            text::clean(&target.entity),
            text::clean(&target.connection_id)
        ))?;
        out.say(format!("    {}, {} bytes", tell::counts(&target.counts), text::count(target.bytes)))?;
        let cursor = |cursor: &Option<String>| cursor.as_deref().map_or_else(|| "the beginning".to_owned(), text::clean);
        out.say(format!("    from {} to {}", cursor(&target.cursor_from), cursor(&target.cursor)))?;
        for sample in &target.errors {
            let id = sample.external_id.as_deref().map(|id| format!("{}: ", text::clean(id))).unwrap_or_default();
            out.say(out.bad(&format!("    {id}{}", text::clean(&sample.message))))?;
        }
    }
    Ok(())
}

/// A mode as `mastra.toml` spells it.
pub(super) fn mode(mode: mastra_core::sync::SyncMode) -> &'static str {
    use mastra_core::sync::SyncMode;
    match mode {
        SyncMode::Incremental => "incremental",
        SyncMode::Full => "full",
        SyncMode::Append => "append",
        SyncMode::ReplaceScope => "replace_scope",
    }
}
