//! `mastra knowledge show`.

use super::{all, status, work::TOLD};
use crate::{
    context::Context,
    exit::{Exit, HINT, Outcome},
    output::text,
};
use clap::Args;
use mastra_core::{Error, changes::SetAsideChange};
use mastra_rag::knowledge::{KnowledgeBase, Version};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  mastra knowledge show articles
  mastra knowledge show articles --json | jq .setAsideRecords

How far it is indexed, what its index was made by, what mastra.toml says now, and which records were set aside and why. No model is asked.";

/// Which one.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// Its name
    name: String,
}

impl Show {
    pub(super) async fn run(&self, context: &Context) -> Outcome {
        let config = all(context)?.into_iter().find(|config| config.name == self.name);
        let engine = context.connect_existing().await?;
        let stored = KnowledgeBase::stored(&*engine, &self.name).await?;
        if config.is_none() && stored.versions().next().is_none() {
            return Err(Error::not_found("no such knowledge base is described or stored")
                .with("knowledge", &self.name)
                .with(HINT, "mastra knowledge list shows what there is")
                .into());
        }
        let status = status::one(context, &engine, self.name.clone(), config, stored).await?;
        let mut set_aside: Vec<SetAsideChange> = Vec::new();
        if let (Some(active), Some(queue)) = (&status.stored.active, engine.changes())
            && status.lag.as_ref().is_some_and(|lag| lag.set_aside > 0)
        {
            set_aside = queue.list_set_aside(&active.subscription, TOLD).await?;
        }
        let mut document = json!(status);
        if let Some(map) = document.as_object_mut() {
            map.insert("state".into(), status.word().into());
            map.insert("setAsideRecords".into(), json!(set_aside));
        }
        let out = &context.out;
        out.document(&document)?;
        let line = |name: &str, value: String| out.say(format!("{}  {value}", out.bold(&format!("{name:>12}"))));
        line("name", text::clean(&status.name))?;
        line("state", status.word().to_owned())?;
        if let Some(config) = &status.described {
            let connection = config.connection.as_deref().map(|id| format!(" of {id}")).unwrap_or_default();
            line("entity", text::clean(&format!("{}{connection}", config.entity)))?;
            line("fields", text::clean(&listed(&config.fields)))?;
            if !config.filter_fields.is_empty() {
                line("filters", text::clean(&listed(&config.filter_fields)))?;
            }
            line("embedder", text::clean(&config.embedder.model))?;
            line("chunker", mastra_rag::chunk::Chunker::new(config.chunker.clone())?.fingerprint())?;
        } else {
            line("entity", "mastra.toml does not describe it".to_owned())?;
        }
        for (name, version) in [("searched", &status.stored.active), ("building", &status.stored.building)] {
            if let Some(version) = version {
                line(name, made(version))?;
            }
        }
        match (&status.points, &status.error) {
            (Some(points), _) => line("chunks", text::count(*points))?,
            (None, Some(error)) => line("chunks", out.bad(&text::clean(error)))?,
            (None, None) => {}
        }
        if let Some(lag) = &status.lag {
            let since = lag.oldest.map(|since| format!(", the oldest since {}", since.format("%F %T"))).unwrap_or_default();
            let waiting = format!("{} waiting, {} held by workers{since}", text::count(lag.waiting), text::count(lag.claimed));
            line("queue", waiting)?;
            line("set aside", text::count(lag.set_aside))?;
        }
        for change in &set_aside {
            let (id, why) = (text::clean(&change.external_id), text::clean(&change.error));
            out.say(format!(
                "              {id}: {why} ({} on {})",
                text::plural(change.failures, "attempt"),
                change.failed_at.format("%F %T")
            ))?;
        }
        Ok(Exit::Done)
    }
}

fn listed(paths: &[mastra_core::Path]) -> String {
    paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn made(version: &Version) -> String {
    format!(
        "{} ({} dimensions, recipe {}) in index {}",
        text::clean(&version.model),
        version.dimension,
        version.recipe,
        version.index
    )
}
