//! `mastra reindex`.

use super::{
    Described, KnowledgeConfig, all, describe, explained, pick,
    stopping::Stopping,
    work::{self, TOLD},
};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome, Stop},
    output::{ask::confirm, progress, text},
};
use clap::Args;
use mastra_core::{Error, ErrorKind};
use mastra_rag::knowledge::{IndexOptions, IndexProgress, ReindexPlan, Version};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const EXAMPLES: &str = "\
Examples:
  mastra reindex articles --dry-run      how many texts would be embedded
  mastra reindex articles                tells that number, and asks
  mastra reindex articles --yes --json

For another model, chunker or choice of fields: change mastra.toml, then run this. The new index is built beside the one that is searched, \
follows changes meanwhile, and takes its place at once in the end. Stopped or killed, the same command goes on where it was. \
`mastra index --watch` of the old description ends when the new one has taken its place.";

/// What to build anew.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Reindex {
    /// The knowledge base [default: the only one of mastra.toml]
    name: Option<String>,
    /// Say what it would come to, change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Reindex {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let stopping = Stopping::default();
        stopping.run(&context.out, self.reindexed(context, &stopping)).await
    }

    async fn reindexed(&self, context: &Context, stopping: &Stopping) -> Outcome {
        let config = pick(all(context)?, self.name.as_deref())?;
        let described = stopping.unless_asked(describe(context, &config)).await?;
        let (name, out) = (text::clean(&config.name), &context.out);
        let planning = progress::waiting("counting texts");
        let counting = described.builder.clone().plan_reindex(described.engine.clone(), described.vectors.clone());
        let plan = stopping.unless_asked(async { Ok(counting.await) }).await;
        planning.finish_and_clear();
        let plan = plan?;
        let plan = match plan {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                out.document(&json!({ "knowledge": config.name, "needed": false, "dryRun": self.dry_run }))?;
                out.say(format!("{name} is indexed like this already; mastra index brings it up to date"))?;
                return Ok(Exit::Done);
            }
            plan => plan.map_err(|error| explained(context, &config, error))?,
        };
        told(context, &name, &plan)?;
        if self.dry_run {
            let mut document = json!({ "knowledge": config.name, "needed": true, "dryRun": true });
            merge(&mut document, &plan);
            out.document(&document)?;
            return Ok(Exit::Done);
        }
        out.note(context.engine_and_why());
        let what =
            format!("embed {} with {} and swap {name} to it?", text::plural(plan.texts, "text"), text::clean(&plan.to.model));
        if !stopping.unless_asked(confirm(&what, self.yes)).await? {
            out.note("nothing was changed");
            return Ok(Exit::Failed);
        }
        self.build(context, stopping, &config, described, &plan).await
    }

    async fn build(
        &self,
        context: &Context,
        stopping: &Stopping,
        config: &KnowledgeConfig,
        described: Described,
        plan: &ReindexPlan,
    ) -> Outcome {
        let (began, out) = (Instant::now(), &context.out);
        let bar = progress::counted(plan.records);
        let shown = (bar.clone(), text::clean(&config.name));
        let options = IndexOptions {
            progress: Some(Arc::new(move |so_far: &IndexProgress| work::show(&shown.0, &shown.1, so_far))),
            stop: Some(stopping.flag()),
            ..config.index_options()
        };
        let built = described.builder.reindex(described.engine, described.vectors, &options).await;
        bar.finish_and_clear();
        let (base, report) = match built {
            Err(_) if stopping.is_asked() => {
                out.note(format!(
                    "stopped; mastra reindex {} goes on where it was, and what is searched is as before",
                    config.name
                ));
                return Err(Stop::Interrupted);
            }
            built => built.map_err(|error| advised(context, config, error))?,
        };
        let set_aside = base.set_aside(TOLD).await?;
        let mut document = json!({
            "knowledge": config.name, "needed": true, "dryRun": false, "setAsideRecords": set_aside,
            "seconds": (began.elapsed().as_secs_f64() * 1e6).round() / 1e6,
        });
        merge(&mut document, &report);
        out.document(&document)?;
        out.say(format!(
            "{}: {} and {} by {} in {}; they are searched from now on",
            out.bold(&text::clean(&config.name)),
            text::plural(report.index.records, "record"),
            text::plural(report.index.chunks, "chunk"),
            text::clean(&report.version.model),
            text::took(Duration::from_secs_f64(began.elapsed().as_secs_f64())),
        ))?;
        for change in &set_aside {
            out.note(out.bad(&format!("  set aside: {}: {}", text::clean(&change.external_id), text::clean(&change.error))));
        }
        Ok(if set_aside.is_empty() { Exit::Done } else { Exit::Partial })
    }
}

fn told(context: &Context, name: &str, plan: &ReindexPlan) -> Outcome<()> {
    let by = |version: &Version| {
        format!("{} ({} dimensions, recipe {})", text::clean(&version.model), version.dimension, version.recipe)
    };
    let out = &context.out;
    out.say(format!(
        "{name}: {} are to be embedded, of {}",
        text::plural(plan.texts, "text"),
        text::plural(plan.records, "record")
    ))?;
    match &plan.from {
        Some(from) => out.say(format!("  now  {}", by(from)))?,
        None => out.say("  now  not indexed")?,
    }
    out.say(format!("  then {}", by(&plan.to)))?;
    if plan.resumes {
        out.say("  begun before: it goes on, and what was embedded is not embedded again")?;
    }
    Ok(())
}

fn merge(document: &mut serde_json::Value, with: &impl serde::Serialize) {
    let more = serde_json::to_value(with).unwrap_or_default();
    if let (Some(document), serde_json::Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
}

fn advised(context: &Context, config: &KnowledgeConfig, error: Error) -> Error {
    let error = explained(context, config, error);
    if error.get(HINT).is_some() {
        error
    } else {
        error.with(HINT, format!("mastra reindex {} goes on where it was", config.name))
    }
}
