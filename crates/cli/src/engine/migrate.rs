//! `mastra engine migrate`.

use super::place::migrator;
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::{progress, text},
};
use clap::Args;
use mastra_core::migrate::{Applied, Assessment, Migrator, Step};
use mastra_core::{Error, ErrorKind};
use serde_json::json;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra engine migrate                 apply what is pending
  mastra engine migrate --plan          say what would be applied
  mastra engine migrate --check         exit 1 where the schema is behind, ahead or edited: for CI
  mastra engine migrate --sql > up.sql  the script, for a role that may run it

A role without the right gets the script that a privileged role can run. SQLite files migrate themselves when opened.";

/// How far to go.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Migrate {
    /// Say what would be applied, change nothing
    #[arg(long, conflicts_with_all = ["check", "sql"])]
    plan: bool,
    /// Exit 1 unless the schema is exactly this program's
    #[arg(long, conflicts_with = "sql")]
    check: bool,
    /// Print what would be applied as a script
    #[arg(long)]
    sql: bool,
}

impl Migrate {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let reading = self.plan || self.check || self.sql;
        let migrator = migrator(&context.choice, !reading).await.map_err(|error| context.explained(error))?;
        if self.sql {
            let sql = migrator.sql().await?;
            context.out.document(&json!({ "sql": sql }))?;
            context.out.say(sql.trim_end())?;
            return Ok(Exit::Done);
        }
        if reading {
            let assessment = migrator.plan().await?;
            return self.report(context, &*migrator, &assessment);
        }
        let applied = apply(context, &*migrator).await?;
        context.out.document(&json!({ "namespace": migrator.info().namespace, "applied": applied }))?;
        if applied.is_empty() {
            context.out.say(format!("{}: {}", migrator.info().namespace, migrator.plan().await?))?;
        }
        Ok(Exit::Done)
    }

    fn report(&self, context: &Context, migrator: &dyn Migrator, assessment: &Assessment) -> Outcome {
        let mut document = serde_json::to_value(assessment).unwrap_or_default();
        if let Some(map) = document.as_object_mut() {
            map.insert("namespace".to_owned(), json!(migrator.info().namespace));
            map.insert("message".to_owned(), json!(assessment.to_string()));
            map.insert("upToDate".to_owned(), json!(assessment.is_up_to_date()));
        }
        context.out.document(&document)?;
        context.out.say(format!("{}: {assessment}", migrator.info().namespace))?;
        for pending in assessment.pending() {
            context.out.say(format!("  pending: {:04} {} ({})", pending.version, pending.name, pending.kind))?;
        }
        Ok(if self.check && !assessment.is_up_to_date() { Exit::Failed } else { Exit::Done })
    }
}

/// Applies what is pending, saying each step.
pub(super) async fn apply(context: &Context, migrator: &dyn Migrator) -> Outcome<Vec<Applied>> {
    let bar = progress::waiting("migrating");
    let began = Instant::now();
    let hear = |step: Step| match step {
        Step::Waiting { waited } => bar.set_message(format!("another process migrates: waiting since {}", text::took(waited))),
        Step::Applying { version, name, .. } => bar.set_message(format!("applying {version:04} {name}")),
        Step::Blocked { version, name, waited } => {
            bar.set_message(format!(
                "{version:04} {name} waits since {} for a table that another session holds",
                text::took(waited)
            ));
        }
        Step::Done { version, name, took } => {
            bar.suspend(|| context.out.note(format!("applied {version:04} {name} in {}", text::took(took))));
        }
        _ => {}
    };
    let applied = migrator.apply(&hear).await;
    bar.finish_and_clear();
    let applied = applied.map_err(advised)?;
    if !applied.is_empty() {
        let namespace = &migrator.info().namespace;
        context.out.say(format!(
            "{namespace}: {} applied in {}",
            text::plural(applied.len() as u64, "migration"),
            text::took(began.elapsed())
        ))?;
    }
    Ok(applied)
}

fn advised(error: Error) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            error.with(HINT, "mastra engine migrate --sql > up.sql, and run that as a privileged role")
        }
        ErrorKind::Timeout => error.with(HINT, "the same command again, once the session that holds the table has ended"),
        _ => error,
    }
}
