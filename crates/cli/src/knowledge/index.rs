//! `mastra index`.

mod report;
mod watch;

use super::{KnowledgeConfig, chosen, explained, open, stopping::Stopping, work::State, work::Work};
use crate::{
    context::Context,
    exit::{Exit, Outcome, Stop},
    output::text,
};
use clap::Args;
use mastra_core::{Error, ErrorKind, changes::Requeue};
use mastra_rag::knowledge::KnowledgeBase;
use report::Report;
use std::time::Duration;

pub(super) use report::told;

const EXAMPLES: &str = "\
Examples:
  mastra index                          every knowledge base of mastra.toml
  mastra index articles                 that one
  mastra index --watch                  keep them up to date until Ctrl-C
  mastra index --retry-set-aside        try again what was set aside
  mastra index --json | jq .knowledge

A knowledge base is described in mastra.toml:
  [[knowledge]]
  name = \"articles\"
  entity = \"Articles\"
  fields = [\"title\", \"body\"]
  embedder = { model = \"openai/text-embedding-3-small\", api_key_env = \"OPENAI_API_KEY\" }

Without an embedder it is hash/384, which needs nothing, sends nothing anywhere, and compares words, not meanings. Only texts that changed are embedded. Stopped or killed at any point, the same command goes on where it was; any number of them may \
run at the same time. A record that cannot be indexed is set aside and told, exit 6; where the model does not answer changes wait, \
exit 5. Ctrl-C stops behind the batch in hand, exit 130. --watch looks for changes every --interval seconds.";

/// What to index.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Index {
    /// Knowledge bases of mastra.toml [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Go on following changes until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks for changes, from 0.1 to 3600
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, requires = "watch")]
    interval: Duration,
    /// Try again what was set aside
    #[arg(long)]
    retry_set_aside: bool,
    /// Do not wait for changes that another worker holds, or that failed before
    #[arg(long, conflicts_with = "watch")]
    no_wait: bool,
    /// Records of a batch; each batch is one claim and one write [default: 32, or that of mastra.toml]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    batch: Option<u32>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) { Ok(Duration::from_secs_f64(seconds)) } else { Err("0.1 to 3600 seconds".to_owned()) }
}

impl Index {
    pub(crate) async fn run(&self, context: &Context) -> Outcome {
        let stopping = Stopping::default();
        stopping.run(&context.out, self.indexed(context, &stopping)).await
    }

    async fn indexed(&self, context: &Context, stopping: &Stopping) -> Outcome {
        let configs = chosen(context, &self.names)?;
        if self.watch {
            return self.watched(context, stopping, configs).await;
        }
        let mut report = Report::default();
        let mut first: Option<Error> = None;
        for config in &configs {
            // One that fails does not keep the others from being indexed.
            match self.one(context, stopping, config).await {
                Ok(done) => {
                    told(&context.out, &done)?;
                    report.knowledge.push(done);
                }
                Err(Stop::Error(error)) => {
                    if configs.len() > 1 {
                        context.out.note(context.out.bad(&format!(
                            "{}: {}",
                            text::clean(&config.name),
                            text::clean(&error.to_string())
                        )));
                    }
                    report.failed.push(report::Failed::of(config, &error));
                    first = first.or(Some(error));
                }
                Err(stop) => return Err(stop),
            }
            if stopping.is_asked() {
                break;
            }
        }
        report.interrupted = stopping.is_asked();
        if !report.knowledge.is_empty() {
            context.out.document(&report)?;
        }
        match first {
            Some(error) => Err(error.into()),
            None => report.exit(),
        }
    }

    async fn one(&self, context: &Context, stopping: &Stopping, config: &KnowledgeConfig) -> Outcome<super::work::Done> {
        let base = stopping.unless_asked(open(context, config)).await?;
        self.retry(context, &base).await?;
        let work = Work { config, base: &base, stopping, out: &context.out, waits: !self.no_wait, batch: self.batch };
        Ok(work.run().await.map_err(|error| explained(context, config, error))?)
    }

    /// Queues again what was set aside, where that was asked for.
    async fn retry(&self, context: &Context, base: &KnowledgeBase) -> Outcome<()> {
        if !self.retry_set_aside {
            return Ok(());
        }
        let Some(queue) = base.engine().changes() else { return Ok(()) };
        let again = queue.requeue_changes(&base.version().subscription, &Requeue::SetAside).await?;
        if again > 0 {
            context.out.note(format!("{}: {} that were set aside are tried again", base.name(), text::plural(again, "record")));
        }
        Ok(())
    }
}

/// The exit of what was left: why changes wait decides.
pub(super) fn exit_of(state: State, kind: Option<ErrorKind>) -> Exit {
    match (state, kind) {
        (State::Complete, _) => Exit::Done,
        (State::Partial, _) | (State::Waiting, None) => Exit::Partial,
        (State::Waiting, Some(ErrorKind::Unavailable | ErrorKind::Timeout)) => Exit::Unavailable,
        (State::Waiting, Some(_)) => Exit::Failed,
        (State::Interrupted, _) => Exit::Interrupted,
    }
}
