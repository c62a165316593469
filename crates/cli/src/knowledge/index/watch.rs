//! `mastra index --watch`: following changes until Ctrl-C.

use super::{Index, told};
use crate::{
    context::Context,
    exit::{Outcome, Stop},
    knowledge::{
        KnowledgeConfig, explained, open,
        stopping::Stopping,
        work::{Done, Work},
    },
    output::{Output, text},
};
use mastra_core::{Error, ErrorKind, Result, time};
use mastra_rag::knowledge::{IndexOptions, IndexProgress, IndexReport, KnowledgeBase, Progress};
use serde::Serialize;
use serde_json::json;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The longest pause behind an engine that does not answer.
const LONGEST: Duration = Duration::from_secs(30);

/// How often a pass that takes long is told of.
const TELL: Duration = Duration::from_secs(30);
/// How often, and how far apart, to look what became of a knowledge base that is being taken away.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);

/// One line of `--json`.
#[derive(Serialize)]
struct Event<'e> {
    /// `started`, `indexed` or `stopped`.
    event: &'static str,
    at: String,
    #[serde(flatten)]
    done: &'e Done,
}

impl Index {
    /// Ends by Ctrl-C, or with the first error that time does not mend.
    pub(super) async fn watched(&self, context: &Context, stopping: &Stopping, configs: Vec<KnowledgeConfig>) -> Outcome {
        // What is wrong is told at the start, rather than at night.
        let mut bases = Vec::with_capacity(configs.len());
        for config in &configs {
            let base = stopping.unless_asked(open(context, config)).await?;
            self.retry(context, &base).await?;
            bases.push((config, base));
        }
        for (config, base) in &bases {
            let work = Work { config, base, stopping, out: &context.out, waits: false, batch: self.batch };
            let done = work.run().await.map_err(|error| explained(context, config, error))?;
            told(&context.out, &done)?;
            event(&context.out, "started", &done)?;
        }
        if !stopping.is_asked() {
            let names: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
            context.out.note(format!("watching {}; Ctrl-C ends it", names.join(", ")));
        }
        let follow = bases.iter().map(|(config, base)| self.follow(context, stopping, config, base));
        futures::future::try_join_all(follow).await?;
        Err(Stop::Interrupted)
    }

    async fn follow(
        &self,
        context: &Context,
        stopping: &Stopping,
        config: &KnowledgeConfig,
        base: &KnowledgeBase,
    ) -> Outcome<()> {
        let began = Instant::now();
        let work = Work { config, base, stopping, out: &context.out, waits: false, batch: self.batch };
        let configured = config.index_options();
        let options = IndexOptions {
            batch: self.batch.unwrap_or(configured.batch),
            stop: Some(stopping.flag()),
            progress: Some(now_and_then(context.out, config.name.clone())),
            ..configured
        };
        let (mut total, mut last_error, mut pause) = (IndexReport::default(), None::<String>, self.interval);
        while !stopping.is_asked() {
            let pass = Instant::now();
            match self.pass(&work, &options, pass).await {
                Ok(None) => pause = self.interval,
                Ok(Some(done)) => {
                    line(context, &done)?;
                    total = total.and(&done.report);
                    pause = self.interval;
                }
                Err(error) if error.is_retryable() => {
                    // The same trouble is told once.
                    let told = error.to_string();
                    if last_error.as_ref() != Some(&told) {
                        trouble(context, config, &error)?;
                        last_error = Some(told);
                    }
                    pause = (pause * 2).min(LONGEST.max(self.interval));
                }
                Err(error) => return Err(gone(context, config, base, error).await.into()),
            }
            stopping.pause(pause).await;
        }
        // The engine may be away by now; then nothing more can be said.
        if let Ok(lag) = base.lag().await {
            total.stopped = true;
            let done = work.done(total, lag, began).await?;
            event(&context.out, "stopped", &done)?;
            told(&context.out, &done)?;
        }
        Ok(())
    }

    /// Works off what is due; nothing to tell where that was nothing.
    async fn pass(&self, work: &Work<'_>, options: &IndexOptions, began: Instant) -> Result<Option<Done>> {
        let report = work.base.index(options).await?;
        if report.records + report.deleted + report.failed + report.set_aside + report.lost == 0 {
            return Ok(None);
        }
        let lag = work.base.lag().await?;
        work.done(report, lag, began).await.map(Some)
    }
}

/// Tells of a pass that takes long.
fn now_and_then(out: Output, name: String) -> Progress {
    let told = Mutex::new(Instant::now());
    Arc::new(move |so_far: &IndexProgress| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        // A pass that began just now has nothing to tell, however long ago the last one was.
        if told.elapsed().min(so_far.elapsed) < TELL {
            return;
        }
        *told = Instant::now();
        let report = &so_far.report;
        let (done, waited) = (report.records + report.deleted, so_far.waited);
        let rate = done as f64 / so_far.elapsed.as_secs_f64().max(0.001);
        out.note(format!(
            "{name}: {} of {}, {}/s",
            text::count(done),
            text::plural(waited.max(done), "record"),
            text::count(rate as u64)
        ));
        // A reader that went away ends the work behind this.
        let _ = out.document(&json!({
            "event": "working", "at": time::now().to_rfc3339(), "knowledge": name, "done": done, "of": waited.max(done),
        }));
    })
}

fn event(out: &Output, event: &'static str, done: &Done) -> Outcome<()> {
    out.document(&Event { event, at: time::now().to_rfc3339(), done })
}

/// A pass on one line.
fn line(context: &Context, done: &Done) -> Outcome<()> {
    let (out, report) = (&context.out, &done.report);
    event(out, "indexed", done)?;
    let mut text = format!(
        "{}  {}: {} indexed, {} deleted; {} embedded, {} reused, in {}",
        time::now().format("%F %TZ"),
        out.bold(&text::clean(&done.knowledge)),
        text::plural(report.records, "record"),
        text::count(report.deleted),
        text::count(report.embedded),
        text::count(report.reused),
        text::took(Duration::from_secs_f64(done.seconds)),
    );
    if report.set_aside > 0 {
        text += &format!("; {} set aside", text::count(report.set_aside));
    }
    if done.lag.waiting > 0 {
        text += &format!("; {} waiting", text::count(done.lag.waiting));
    }
    if let Some(error) = &report.error {
        text += &format!(": {}", text::clean(error));
    }
    out.say(text)
}

fn trouble(context: &Context, config: &KnowledgeConfig, error: &Error) -> Outcome<()> {
    context.out.note(context.out.bad(&format!("{}: {}; trying again", config.name, text::clean(&error.to_string()))));
    context.out.document(&json!({
        "event": "trouble",
        "at": time::now().to_rfc3339(),
        "knowledge": config.name,
        "kind": error.kind().as_str(),
        "message": error.message(),
    }))
}

/// What became of a knowledge base whose queue or index is not there any longer.
async fn gone(context: &Context, config: &KnowledgeConfig, base: &KnowledgeBase, error: Error) -> Error {
    if !error.is_not_found() && error.kind() != ErrorKind::Conflict {
        return explained(context, config, error);
    }
    // Its entry is the last that goes.
    for _ in 0..LOOKS {
        match KnowledgeBase::stored(&**base.engine(), &config.name).await {
            Ok(state) if state.active.is_none() => {
                return Error::not_found("the knowledge base was deleted meanwhile").with("knowledge", &config.name);
            }
            Ok(state) if state.active.as_ref() != Some(base.version()) => {
                return Error::conflict(
                    "the knowledge base was reindexed meanwhile; start again with its description in mastra.toml",
                )
                .with("knowledge", &config.name);
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    }
    explained(context, config, error)
}
