//! What an import did.

use super::{Import, Target, interpret::Rules, rehearse::Tally, rejects::Reject, source::Source};
use crate::{
    exit::Outcome,
    output::{Output, text},
};
use serde::Serialize;
use std::time::Duration;

/// So many rejects are shown; the file holds them all.
const SHOWN: usize = 5;

/// What an import did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    entity: String,
    connection_id: String,
    files: Vec<String>,
    dry_run: bool,
    /// Whether everything was read to its end.
    complete: bool,
    /// Why not.
    pub(crate) stopped: Option<Stopped>,
    /// Where an earlier run had stopped.
    pub(crate) resumed: Option<Resumed>,
    /// The records of this run.
    pub(crate) records: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    /// Mentions of an id that a batch had already.
    repeated: u64,
    /// The lines put aside, by earlier runs of this import too.
    pub(crate) rejected: u64,
    pub(crate) rejects_file: Option<String>,
    seconds: f64,
    #[serde(skip)]
    shown: Vec<String>,
}

/// Why an import stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stopped {
    Interrupted,
    MaxRejects,
}

/// Where an earlier run had stopped.
#[derive(Debug, Serialize)]
pub(crate) struct Resumed {
    pub(crate) file: String,
    pub(crate) line: u64,
    /// The records that it had stored.
    pub(crate) records: u64,
}

impl Report {
    pub(super) fn of(_import: &Import, target: &Target, sources: &[(Source, Rules)], dry_run: bool) -> Self {
        Self {
            entity: target.name.clone(),
            connection_id: target.connection.clone(),
            files: sources.iter().map(|(source, _)| source.name.clone()).collect(),
            dry_run,
            complete: false,
            stopped: None,
            resumed: None,
            records: 0,
            created: 0,
            updated: 0,
            unchanged: 0,
            repeated: 0,
            rejected: 0,
            rejects_file: None,
            seconds: 0.0,
            shown: Vec::new(),
        }
    }

    pub(super) fn add_rejects(&mut self, rejects: &[Reject]) {
        let room = SHOWN.saturating_sub(self.shown.len());
        self.shown.extend(rejects.iter().take(room).map(Reject::told));
    }

    pub(super) fn count(&mut self, tally: Tally) {
        (self.created, self.updated, self.unchanged) = (tally.created, tally.updated, tally.unchanged);
        self.repeated = self.records.saturating_sub(tally.total());
    }

    pub(super) fn took(&mut self, duration: Duration) {
        self.seconds = (duration.as_secs_f64() * 1e6).round() / 1e6;
        self.complete = self.stopped.is_none();
    }

    pub(super) fn show(&self, out: &Output) -> Outcome<()> {
        out.document(self)?;
        let rate = self.records as f64 / self.seconds.max(1e-6);
        out.say(format!(
            "{}{}: {} created, {} updated, {} unchanged ({} in {:.1} s, {}/s)",
            if self.dry_run { "would import into " } else { "imported into " },
            text::clean(&self.entity),
            text::count(self.created),
            text::count(self.updated),
            text::count(self.unchanged),
            text::plural(self.records, "record"),
            self.seconds,
            text::count(rate as u64),
        ))?;
        if self.repeated > 0 {
            out.say(format!("{} repeated an id of their batch: the last one counts", text::plural(self.repeated, "record")))?;
        }
        if self.rejected > 0 {
            let file = self.rejects_file.as_deref().map(|file| format!(", see {file}")).unwrap_or_default();
            out.note(out.bad(&format!("{} rejected{file}", text::plural(self.rejected, "line"))));
            for line in &self.shown {
                out.note(format!("  {}", text::clean(line)));
            }
            if self.rejected as usize > self.shown.len() && !self.shown.is_empty() {
                out.note("  …");
            }
        }
        match self.stopped {
            None => Ok(()),
            Some(Stopped::Interrupted) => {
                out.note("stopped; the same command goes on from here");
                Ok(())
            }
            Some(Stopped::MaxRejects) => {
                out.note("stopped, since more lines were rejected than --max-rejects allows; the same command goes on from here, --restart begins anew");
                Ok(())
            }
        }
    }
}
