//! `mastra engine doctor`: what is wrong, and what cures it.

mod expected;
mod postgres;
mod sqlite;

use super::place::{PostgresUrl, migrator, sqlite_file};
use crate::{
    context::Context,
    exit::{Exit, Outcome},
    output::text,
    resolve::Choice,
};
use clap::Args;
use mastra_core::{Error, Result, migrate::Assessment};
use serde::Serialize;
use serde_json::json;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra engine doctor
  mastra engine doctor --json | jq '.findings[] | select(.level == \"problem\")'

Exit 1 where something is wrong; warnings alone exit 0.";

/// Nothing to say.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Level {
    /// As it should be.
    Good,
    /// It works, and something else would be better.
    Warning,
    /// Something is wrong.
    Problem,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    found: String,
    /// What to paste.
    cure: Option<String>,
}

/// The findings so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn good(&mut self, check: &'static str, found: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Good, found: found.into(), cure: None });
    }

    fn warning(&mut self, check: &'static str, found: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Warning, found: found.into(), cure: Some(cure.into()) });
    }

    fn problem(&mut self, check: &'static str, found: impl Into<String>, cure: impl Into<String>) {
        self.0.push(Finding { check, level: Level::Problem, found: found.into(), cure: Some(cure.into()) });
    }

    fn count(&self, level: Level) -> usize {
        self.0.iter().filter(|finding| finding.level == level).count()
    }

    /// The state of the schema, which every kind of database has.
    fn schema(&mut self, assessment: &Assessment) {
        match assessment {
            Assessment::UpToDate { .. } => self.good("schema", assessment.to_string()),
            Assessment::Ahead { serves_this_client: true, .. } => {
                self.warning("schema", assessment.to_string(), "upgrade this program")
            }
            Assessment::Ahead { .. } => self.problem("schema", assessment.to_string(), "upgrade this program"),
            Assessment::Behind { .. } => self.problem("schema", assessment.to_string(), "mastra engine migrate"),
            _ => self.problem(
                "schema",
                assessment.to_string(),
                "restore the schema from a backup, or migrate with the program that wrote it",
            ),
        }
    }
}

impl Doctor {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let mut findings = Findings::default();
        let choice = &context.choice;
        // What ends the examination early is a finding itself.
        let ended = if choice.is_postgres() {
            postgres::examine(choice, &mut findings).await
        } else if let (true, Some(file)) = (choice.is_sqlite(), sqlite_file(choice.url())) {
            sqlite::examine(choice, &file, &mut findings).await
        } else {
            ping(context, &mut findings).await
        };
        if let Err(error) = ended {
            findings.problem("examination", error.to_string(), "see the message; the rest was not examined");
        }
        show(context, &findings)?;
        Ok(if findings.count(Level::Problem) > 0 { Exit::Failed } else { Exit::Done })
    }
}

fn show(context: &Context, findings: &Findings) -> Outcome<()> {
    let out = &context.out;
    let (problems, warnings) = (findings.count(Level::Problem), findings.count(Level::Warning));
    out.document(&json!({
        "engine": { "url": context.choice.shown(), "chosenBy": context.choice.origin().to_string() },
        "findings": findings.0, "problems": problems, "warnings": warnings,
    }))?;
    out.say(context.engine_and_why())?;
    for Finding { check, level, found, cure } in &findings.0 {
        let mark = match level {
            Level::Good => out.good("ok     "),
            Level::Warning => out.highlight("warning"),
            Level::Problem => out.bad("problem"),
        };
        out.say(format!("{mark}  {check:<16}  {}", text::clean(found)))?;
        for line in cure.iter().flat_map(|cure| cure.lines()) {
            out.say(format!("         {:<16}  {} {line}", "", out.bold("cure:")))?;
        }
    }
    out.say(format!("{}, {}", text::plural(problems as u64, "problem"), text::plural(warnings as u64, "warning")))
}

/// An engine of a kind that is not known here: only whether it answers.
async fn ping(context: &Context, findings: &mut Findings) -> Result<()> {
    let began = Instant::now();
    match context.registry.connect(context.choice.url()).await {
        Ok(engine) => {
            engine.ping().await?;
            findings.good("reachable", format!("{} answers in {}", engine.info().system, text::took(began.elapsed())));
        }
        Err(error) => findings.problem("reachable", error.to_string(), "check the URL"),
    }
    Ok(())
}

/// What the server or library says that it is.
pub(super) async fn version(choice: &Choice) -> Result<String> {
    if choice.is_postgres() {
        return postgres::version(&PostgresUrl::parse(choice.url())?).await;
    }
    let file = sqlite_file(choice.url()).ok_or_else(|| Error::unsupported("a database in memory"))?;
    sqlite::version(&file).await
}

async fn assess(choice: &Choice, findings: &mut Findings) -> Result<()> {
    match migrator(choice, false).await?.plan().await {
        Ok(assessment) => findings.schema(&assessment),
        Err(error) => findings.problem("schema", error.to_string(), "see the message"),
    }
    Ok(())
}
