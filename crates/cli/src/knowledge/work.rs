//! Working off the queue of one knowledge base, until nothing is left of it.

use super::{KnowledgeConfig, stopping::Stopping};
use crate::output::{Output, progress, text};
use indicatif::ProgressBar;
use mastra_core::{
    Result,
    changes::{QueueStatus, SetAsideChange},
};
use mastra_rag::{
    embed::EmbedderExt as _,
    knowledge::{IndexOptions, IndexProgress, IndexReport, KnowledgeBase},
};
use serde::Serialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often to look whether others have given back what they hold.
const LOOK: Duration = Duration::from_millis(250);
/// The longest that a change waits behind a failure, with some room: a queue that stands still for longer is given up.
const PATIENCE: Duration = Duration::from_secs(310);
/// So many of those that were set aside are told.
pub(super) const TOLD: u32 = 20;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// Every record has its points.
    Complete,
    /// Some records were set aside.
    Partial,
    /// Changes wait: those that failed, or that others hold.
    Waiting,
    /// The user stopped it.
    Interrupted,
}

/// What indexing one knowledge base came to.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Done {
    pub(super) knowledge: String,
    pub(super) state: State,
    pub(super) model: String,
    pub(super) lexical: bool,
    /// Whether chunks commit with the queue, since both are in one database.
    pub(super) transactional: bool,
    #[serde(flatten)]
    pub(super) report: IndexReport,
    /// What is left in the queue.
    pub(super) lag: QueueStatus,
    /// What was set aside, by this run or before, the latest first, as far as it is told.
    pub(super) set_aside_records: Vec<SetAsideChange>,
    pub(super) seconds: f64,
}

/// How to work.
pub(super) struct Work<'w> {
    pub(super) config: &'w KnowledgeConfig,
    pub(super) base: &'w KnowledgeBase,
    pub(super) stopping: &'w Stopping,
    pub(super) out: &'w Output,
    /// Whether to wait for what others hold, and for what failed before.
    pub(super) waits: bool,
    pub(super) batch: Option<u32>,
}

impl Work<'_> {
    /// Works until the queue is empty, or what is left cannot be had.
    pub(super) async fn run(&self) -> Result<Done> {
        let began = Instant::now();
        let bar = progress::counted(0);
        let worked = self.until_empty(&bar).await;
        bar.finish_and_clear();
        let (report, lag) = worked?;
        self.done(report, lag, began).await
    }

    /// What was done, with what is left.
    pub(super) async fn done(&self, mut report: IndexReport, lag: QueueStatus, began: Instant) -> Result<Done> {
        report.waiting = lag.waiting;
        let set_aside_records = if lag.set_aside > 0 { self.base.set_aside(TOLD).await? } else { Vec::new() };
        let state = if report.stopped {
            State::Interrupted
        } else if lag.waiting + lag.claimed > 0 {
            State::Waiting
        } else if lag.set_aside > 0 {
            State::Partial
        } else {
            State::Complete
        };
        let embedder = self.base.embedder();
        Ok(Done {
            knowledge: self.config.name.clone(),
            state,
            model: embedder.model().to_owned(),
            lexical: embedder.info().lexical,
            transactional: self.base.is_transactional(),
            report,
            lag,
            set_aside_records,
            seconds: (began.elapsed().as_secs_f64() * 1e6).round() / 1e6,
        })
    }

    async fn until_empty(&self, bar: &ProgressBar) -> Result<(IndexReport, QueueStatus)> {
        bar.set_length(self.base.lag().await?.waiting);
        bar.set_message(format!("records of {},", text::clean(&self.config.name)));
        let mut total = IndexReport::default();
        let (mut left, mut since, mut told) = (u64::MAX, Instant::now(), false);
        loop {
            let report = self.base.index(&self.options(bar)).await?;
            let worked = report.records + report.deleted + report.set_aside > 0;
            let (failed, stopped) = (report.failed > 0, report.stopped);
            total = total.and(&report);
            let lag = self.base.lag().await?;
            let now = lag.waiting + lag.claimed;
            if worked || now != left {
                (left, since) = (now, Instant::now());
            }
            // Where nothing succeeds, a second more will not help: the embedder has repeated its calls already.
            if now == 0 || failed && !worked || stopped || !self.waits || since.elapsed() > PATIENCE {
                return Ok((total, lag));
            }
            if !told && !worked {
                self.out.note(waiting_for(&self.config.name, &lag));
                told = true;
            }
            bar.set_message("held by other workers, or waiting behind a failure;");
            self.stopping.pause(LOOK).await;
        }
    }

    fn options(&self, bar: &ProgressBar) -> IndexOptions {
        let configured = self.config.index_options();
        let (bar, name) = (bar.clone(), text::clean(&self.config.name));
        let progress = Arc::new(move |so_far: &IndexProgress| show(&bar, &name, so_far));
        IndexOptions {
            batch: self.batch.unwrap_or(configured.batch),
            progress: Some(progress),
            stop: Some(self.stopping.flag()),
            ..configured
        }
    }
}

/// Progress with rate; the bar adds the time that is left.
pub(super) fn show(bar: &ProgressBar, name: &str, so_far: &IndexProgress) {
    let report = &so_far.report;
    let done = report.records + report.deleted + report.failed + report.set_aside;
    // Records that are written meanwhile come on top.
    bar.set_length(so_far.waited.max(done));
    bar.set_position(done);
    let rate = done as f64 / so_far.elapsed.as_secs_f64().max(0.001);
    bar.set_message(format!(
        "records of {name}, {}/s, {} embedded,",
        text::count(rate as u64),
        text::plural(report.embedded, "text")
    ));
}

fn waiting_for(name: &str, lag: &QueueStatus) -> String {
    let held = match lag.claimed {
        0 => format!("{} failed before and wait for their next attempt", text::plural(lag.waiting, "change")),
        held => format!("{} are held by another worker, or by one that was killed", text::plural(held, "change")),
    };
    format!("{name}: {held}; waiting for them (--no-wait does not, Ctrl-C stops)")
}
