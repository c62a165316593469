//! `mastra engine status`.

use super::place::{migrator, sqlite_file};
use crate::{
    context::Context,
    entities::live_and_deleted,
    exit::{Exit, Outcome},
    output::text,
};
use clap::Args;
use mastra_core::{Engine, EntityQuery, Error, ErrorKind, Result, migrate::Assessment};
use serde_json::json;
use std::time::Instant;

const EXAMPLES: &str = "\
Examples:
  mastra engine status
  mastra engine status --json
  mastra engine status --engine postgres://localhost/app";

/// Nothing to say.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Status {}

/// What is known of an engine.
#[derive(Default)]
struct Known {
    namespace: Option<String>,
    schema: Option<Assessment>,
    server: Option<String>,
    counts: Option<(u64, u64)>,
    milliseconds: f64,
}

impl Status {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let file = context.choice.is_sqlite().then(|| sqlite_file(context.choice.url())).flatten();
        if file.as_ref().is_some_and(|file| !file.exists()) {
            self.show(context, "absent", &Known::default(), None)?;
            return Ok(Exit::Done);
        }
        let mut known = Known::default();
        match look(context, &mut known).await {
            Ok(()) => {
                self.show(context, "reachable", &known, None)?;
                Ok(Exit::Done)
            }
            Err(error) => {
                let state = match known.namespace {
                    Some(_) => "reachable",
                    None if error.kind() == ErrorKind::PermissionDenied => "refused",
                    None => "unreachable",
                };
                self.show(context, state, &known, Some(&error))?;
                context.out.note("mastra engine doctor says more");
                Ok(Exit::from(&error))
            }
        }
    }

    fn show(&self, context: &Context, state: &str, known: &Known, error: Option<&Error>) -> Outcome<()> {
        let out = &context.out;
        out.document(&json!({
            "engine": { "url": context.choice.shown(), "chosenBy": context.choice.origin().to_string() },
            "state": state,
            "namespace": known.namespace,
            "server": known.server,
            "milliseconds": known.milliseconds,
            "schema": known.schema,
            "entities": known.counts.map(|(entities, _)| entities),
            "records": known.counts.map(|(_, records)| records),
            "error": error.map(|error| json!({ "kind": error.kind().as_str(), "message": error.message() })),
        }))?;
        let line = |name: &str, value: String| out.say(format!("{}  {value}", out.bold(&format!("{name:>9}"))));
        line("engine", context.choice.shown())?;
        line("chosen by", context.choice.origin().to_string())?;
        line(
            "state",
            match state {
                "absent" => "the file is not there yet; the first import or `mastra quickstart` makes it".to_owned(),
                "reachable" => out.good(&format!("answers in {:.1} ms", known.milliseconds)),
                "refused" => out.bad("answers, and refuses this role"),
                _ => out.bad("does not answer"),
            },
        )?;
        if let Some(server) = &known.server {
            line("server", server.clone())?;
        }
        if let Some(schema) = &known.schema {
            line("schema", schema.to_string())?;
        }
        if let Some((entities, records)) = known.counts {
            line("holds", format!("{} with {}", text::plural(entities, "entity"), text::plural(records, "record")))?;
        }
        if let Some(error) = error {
            line("error", text::clean(&error.to_string()))?;
        }
        Ok(())
    }
}

async fn look(context: &Context, known: &mut Known) -> Result<()> {
    let began = Instant::now();
    let migrates = context.choice.is_postgres() || context.choice.is_sqlite() && sqlite_file(context.choice.url()).is_some();
    let pooled = context.choice.is_postgres() && super::place::PostgresUrl::parse(context.choice.url())?.pooled;
    if migrates && !pooled {
        let migrator = migrator(&context.choice, false).await?;
        let assessment = migrator.plan().await?;
        known.namespace = Some(migrator.info().namespace.clone());
        known.milliseconds = elapsed(began);
        known.server = super::doctor::version(&context.choice).await.ok();
        let admitted = assessment.admit().map(drop);
        known.schema = Some(assessment);
        // A schema that cannot be worked with yet is a state like others, not a failure of the status.
        if admitted.is_err() {
            return Ok(());
        }
    }
    let began = Instant::now();
    let engine = context.registry.connect(context.choice.url()).await?;
    engine.ping().await?;
    if known.namespace.is_none() {
        known.namespace = Some(engine.info().namespace.clone());
        known.milliseconds = elapsed(began);
    }
    known.counts = Some(counts(&*engine).await?);
    Ok(())
}

fn elapsed(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 1e4).round() / 10.0
}

async fn counts(engine: &dyn Engine) -> Result<(u64, u64)> {
    let entities = engine.list_entities(&EntityQuery::default()).await?.items;
    let mut records = 0;
    for entity in &entities {
        records += live_and_deleted(engine, entity).await?.0;
    }
    Ok((entities.len() as u64, records))
}
