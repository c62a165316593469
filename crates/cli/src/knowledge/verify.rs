//! `mastra verify`.

use super::{
    KnowledgeConfig, chosen, explained,
    index::told,
    open,
    open::offline,
    open_existing,
    stopping::Stopping,
    work::{Done, Work},
};
use crate::{
    context::Context,
    exit::{Exit, Outcome, Stop},
    output::{Output, progress, text},
};
use clap::Args;
use mastra_core::{ErrorKind, changes::QueueStatus};
use mastra_rag::knowledge::{KnowledgeBase, VerifyOptions, VerifyReport};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  mastra verify                       hold every knowledge base against its records
  mastra verify articles --repair     and mend what differs
  mastra verify --json | jq '.knowledge[] | select(.clean | not)'

missing: records with text and no chunks; stale: chunks of another state of their record; ghosts: chunks of records that are gone; foreign: points \
of the index that no knowledge base made, which are left alone. Exit 1 where one of the first three was found, and not mended. It needs no \
model, --repair does. After a restore of the engine or of the store of vectors, this is the command to run.";

/// What to hold against its records.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Knowledge bases of mastra.toml [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Index anew what differs, and look again
    #[arg(long)]
    repair: bool,
}

/// What was found in one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    knowledge: String,
    /// In the end.
    clean: bool,
    #[serde(flatten)]
    report: VerifyReport,
    /// What was still to be indexed when it was looked at.
    lag: QueueStatus,
    /// The repair, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Done>,
    /// What was found behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<VerifyReport>,
}

impl Verify {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let stopping = Stopping::default();
        stopping.run(&context.out, self.verified(context, &stopping)).await
    }

    async fn verified(&self, context: &Context, stopping: &Stopping) -> Outcome {
        let mut found = Vec::new();
        for config in chosen(context, &self.names)? {
            let one = if self.repair {
                self.one(context, stopping, &config).await?
            } else {
                stopping.unless_asked(self.one(context, stopping, &config)).await?
            };
            one.show(&context.out)?;
            found.push(one);
            if stopping.is_asked() {
                return Err(Stop::Interrupted);
            }
        }
        let clean = found.iter().all(|found| found.clean);
        context.out.document(&serde_json::json!({ "clean": clean, "knowledge": found }))?;
        Ok(if clean { Exit::Done } else { Exit::Failed })
    }

    async fn one(&self, context: &Context, stopping: &Stopping, config: &KnowledgeConfig) -> Outcome<Found> {
        let base = stopping.unless_asked(self.open(context, config)).await?;
        let lag = base.lag().await?;
        let failed = |error| explained(context, config, error);
        let report = looked(&base, config, self.repair).await.map_err(failed)?;
        let mut found =
            Found { knowledge: config.name.clone(), clean: report.is_clean(), report, lag, repaired: None, after: None };
        if self.repair && !found.clean && !stopping.is_asked() {
            let work = Work { config, base: &base, stopping, out: &context.out, waits: true, batch: None };
            let done = work.run().await.map_err(failed)?;
            told(&context.out, &done)?;
            found.repaired = Some(done);
            let after = looked(&base, config, false).await.map_err(failed)?;
            (found.clean, found.after) = (after.is_clean(), Some(after));
        }
        Ok(found)
    }

    /// Its model is only needed to mend: what does not answer does not keep anybody from looking.
    async fn open(&self, context: &Context, config: &KnowledgeConfig) -> Outcome<KnowledgeBase> {
        let opened = if self.repair { open(context, config).await } else { open_existing(context, config).await };
        match opened {
            Err(Stop::Error(error)) if !self.repair && is_of_the_model(&error) => {
                context.out.note(format!("{}: the model cannot be had; looking without it", text::clean(&config.name)));
                offline(context, config).await
            }
            opened => opened,
        }
    }
}

fn is_of_the_model(error: &mastra_core::Error) -> bool {
    let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout, ErrorKind::PermissionDenied, ErrorKind::NotFound];
    error.get("embedder").is_some() && kinds.contains(&error.kind()) || error.get("variable").is_some()
}

async fn looked(base: &KnowledgeBase, config: &KnowledgeConfig, repair: bool) -> mastra_core::Result<VerifyReport> {
    let waiting = progress::waiting(format!("comparing {} with its records", text::clean(&config.name)));
    let report = base.verify(&VerifyOptions { repair }).await;
    waiting.finish_and_clear();
    report
}

impl Found {
    fn show(&self, out: &Output) -> Outcome<()> {
        let report = self.after.as_ref().unwrap_or(&self.report);
        let name = out.bold(&text::clean(&self.knowledge));
        out.say(format!("{name}: {}, {}", text::plural(report.records, "record"), text::plural(report.points, "point")))?;
        if self.clean {
            out.say(out.good("  clean: every record has its chunks, and there are no others"))?;
        } else {
            for (count, what) in [
                (report.missing, "missing: records that have text and no chunks"),
                (report.stale, "stale: records whose chunks are of another state"),
                (report.ghosts, "ghosts: records that are gone and have chunks"),
            ] {
                if count > 0 {
                    out.say(out.bad(&format!("  {} {what}", text::count(count))))?;
                }
            }
            match self.lag.waiting + self.lag.claimed {
                0 => out.note(format!("  mend it: mastra verify {} --repair", self.knowledge)),
                waiting => out.note(format!(
                    "  {} not indexed yet, which may be all that differs: mastra index {}",
                    text::plural(waiting, "change"),
                    self.knowledge
                )),
            }
        }
        if report.foreign > 0 {
            out.note(format!("  {} of nobody, left alone", text::plural(report.foreign, "point")));
        }
        Ok(())
    }
}
