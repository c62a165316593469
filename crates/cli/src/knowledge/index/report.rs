//! What indexing did, for people and as JSON.

use super::exit_of;
use crate::{
    exit::{Exit, Outcome, Stop},
    knowledge::{
        KnowledgeConfig,
        work::{Done, State},
    },
    output::{Output, text},
};
use mastra_core::Error;
use serde::Serialize;

/// So many of those that were set aside are shown.
const SHOWN: usize = 5;

/// What one run did.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Whether the user stopped it.
    pub(super) interrupted: bool,
    pub(super) knowledge: Vec<Done>,
    /// Those that could not be opened or followed.
    pub(super) failed: Vec<Failed>,
}

/// One that could not be opened or followed.
#[derive(Debug, Serialize)]
pub(super) struct Failed {
    knowledge: String,
    kind: &'static str,
    message: String,
}

impl Failed {
    pub(super) fn of(config: &KnowledgeConfig, error: &Error) -> Self {
        Self { knowledge: config.name.clone(), kind: error.kind().as_str(), message: error.message().to_owned() }
    }
}

impl Report {
    /// The worst of all.
    pub(super) fn exit(&self) -> Outcome {
        if self.interrupted {
            return Err(Stop::Interrupted);
        }
        let exits = self.knowledge.iter().map(|done| exit_of(done.state, done.report.error_kind));
        let rank = |exit: &Exit| match exit {
            Exit::Done => 0,
            Exit::Partial => 1,
            Exit::Unavailable => 2,
            _ => 3,
        };
        Ok(exits.max_by_key(rank).unwrap_or(Exit::Done))
    }
}

/// What was done to one knowledge base, for people.
pub(in crate::knowledge) fn told(out: &Output, done: &Done) -> Outcome<()> {
    let report = &done.report;
    let rate = (report.records + report.deleted) as f64 / done.seconds.max(1e-6);
    let rate = if rate >= 1.0 { format!(", {}/s", text::count(rate as u64)) } else { String::new() };
    out.say(format!(
        "{}: {} indexed, {} deleted; {} ({} embedded, {} reused) in {:.1} s{rate}",
        out.bold(&text::clean(&done.knowledge)),
        text::plural(report.records, "record"),
        text::count(report.deleted),
        text::plural(report.chunks, "chunk"),
        text::count(report.embedded),
        text::count(report.reused),
        done.seconds,
    ))?;
    if done.lag.set_aside > 0 {
        out.note(out.bad(&format!("  {} set aside:", text::plural(done.lag.set_aside, "record"))));
        for change in done.set_aside_records.iter().take(SHOWN) {
            out.note(format!("    {}: {}", text::clean(&change.external_id), text::clean(&change.error)));
        }
        out.note("  they come again when they change; mastra index --retry-set-aside tries them now");
    }
    if done.lag.waiting > 0 {
        let why = report.error.as_deref().map(|error| format!(": {}", text::clean(error))).unwrap_or_default();
        out.note(out.bad(&format!("  {} waiting{why}", text::plural(done.lag.waiting, "change"))));
    }
    if done.lag.claimed > 0 {
        out.note(format!("  {} held by other workers", text::plural(done.lag.claimed, "change")));
    }
    match done.state {
        State::Complete => out.say(out.good("  up to date")),
        State::Interrupted => {
            out.note("  stopped; the same command goes on where it was");
            Ok(())
        }
        State::Partial | State::Waiting => Ok(()),
    }
}
