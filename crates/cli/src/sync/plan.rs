//! `mastra sync plan`: what a run would do.

use super::{
    declared::{chosen, opened, registry},
    show::mode,
    stopping::Stopping,
    tell,
    work::{self, Done, explained},
};
use crate::{
    context::Context,
    exit::{Outcome, Stop},
    output::{Output, text},
};
use clap::Args;
use mastra_sync::{
    RunOptions, SyncErrorKind,
    write::{PlannedAction, PlannedChange, TargetPlan},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const EXAMPLES: &str = "\
Examples:
  mastra sync plan contacts
  mastra sync plan contacts --restart                     as if nothing had been read before
  mastra sync plan contacts --json | jq '.plans[].samples'

Reads the source and changes nothing, neither records nor the ledger. Shows how many records would be created, changed, left alone and \
deleted, whether the guard would refuse the deletions, and some of each with what would change in them. The exit code is the one that \
the run would have.";

/// Which one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plan {
    /// The id of a sync
    id: String,
    /// Plan for a run that reads the source from its beginning
    #[arg(long)]
    restart: bool,
    /// Plan for a run that may delete however much
    #[arg(long)]
    confirm_deletes: bool,
}

impl Plan {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let configs = chosen(context, std::slice::from_ref(&self.id), false)?;
        let stopping = Stopping::default();
        stopping
            .run(&context.out, async {
                let syncs = opened(&configs, &context.settings.variables)?;
                let engine = match context.connect_existing().await {
                    // Where no engine is yet, everything would be new.
                    Err(error) if error.is_not_found() && context.is_missing_default() => {
                        mastra_engine::connect("mock://dry-run").await?
                    }
                    engine => engine?,
                };
                let mastra = registry(engine, syncs)?;
                let Some(config) = configs.first() else { return Ok(crate::exit::Exit::Done) };
                let options = RunOptions {
                    dry_run: true,
                    restart: self.restart,
                    confirm_deletes: self.confirm_deletes,
                    timeout: config.timeout(),
                    cancellation: stopping.token(),
                    ..RunOptions::default()
                };
                let done = work::run_quietly(context, &mastra, config, options).await;
                show(&context.out, &done)?;
                match &done.failure {
                    Some(failure) if failure.kind() == SyncErrorKind::Cancelled => Err(Stop::Interrupted),
                    Some(failure) => Err(explained(&done.sync, failure).into()),
                    None => Ok(done.exit()),
                }
            })
            .await
    }
}

fn show(out: &Output, done: &Done) -> Outcome<()> {
    if done.failure.is_some() {
        return Ok(());
    }
    out.document(&serde_json::json!({ "sync": done.sync, "seconds": done.seconds, "plans": done.plans }))?;
    for plan in &done.plans {
        one(out, done, plan)?;
    }
    Ok(())
}

fn one(out: &Output, done: &Done, plan: &TargetPlan) -> Outcome<()> {
    let target = &plan.target;
    out.say(format!(
        "{} into {} ({}), by mode {}; nothing was changed",
        out.bold(&text::clean(&done.sync)),
        text::clean(&target.entity),
        text::clean(&target.connection_id),
        mode(target.mode),
    ))?;
    out.say(format!("  would be {}", tell::counts(&target.counts)))?;
    tell::errors(out, target);
    match &plan.refused {
        Some(why) => out.say(out.bad(&format!("  the guard would refuse: {why}")))?,
        None if target.counts.deleted > 0 => out.say("  the guard would let the deletions pass")?,
        None => {}
    }
    for change in &plan.samples {
        for line in diff(change, out.width()) {
            let coloured = match line.chars().find(|c| *c != ' ') {
                Some('+') => out.good(&line),
                Some('-') => out.bad(&line),
                _ => line,
            };
            out.say(coloured)?;
        }
    }
    Ok(())
}

/// A change as lines: the record, then each field that would differ.
fn diff(change: &PlannedChange, width: usize) -> Vec<String> {
    let sign = match change.action {
        PlannedAction::Create => '+',
        PlannedAction::Update => '~',
        PlannedAction::Delete => '-',
    };
    let empty = Map::new();
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_else(|| empty.clone());
    let (before, after) = (object(&change.before), object(&change.after));
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = vec![format!("  {sign} {}", text::clean(&change.external_id))];
    let room = width.saturating_sub(8).max(20);
    let short = |line: String| console::truncate_str(&line, room, "…").into_owned();
    for key in keys {
        let name = text::clean(key);
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        if let Some(old) = old {
            lines.push(format!("      {}", short(format!("- {name}: {}", text::clean(&old.to_string())))));
        }
        if let Some(new) = new {
            lines.push(format!("      {}", short(format!("+ {name}: {}", text::clean(&new.to_string())))));
        }
    }
    if !change.kept.is_empty() {
        let kept: Vec<String> = change.kept.iter().map(|field| text::clean(field)).collect();
        lines.push(format!("      kept as they are: {}", kept.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_shows_the_fields_that_differ() {
        let change = PlannedChange {
            external_id: "c-1".into(),
            action: PlannedAction::Update,
            before: Some(json!({ "a": 1, "b": "x", "c": true })),
            after: Some(json!({ "a": 1, "b": "y", "d": null })),
            kept: vec!["note".into()],
        };
        let lines = diff(&change, 100);
        assert_eq!(
            lines,
            [
                "  ~ c-1",
                "      - b: \"x\"",
                "      + b: \"y\"",
                "      - c: true",
                "      + d: null",
                "      kept as they are: note"
            ]
        );
        let long = PlannedChange { after: Some(json!({ "b": "long ".repeat(100) })), ..change };
        assert!(diff(&long, 60).iter().all(|line| line.chars().count() <= 60));
    }
}
