//! What runs did, in words.

use super::work::{Done, explained};
use crate::{
    exit::Outcome,
    output::{Output, text},
};
use chrono::SecondsFormat;
use mastra_core::{
    Timestamp,
    sync::{ErrorSample, Run, RunCounts, RunState, RunTarget},
};
use mastra_sync::SyncErrorKind;

/// So many errors are shown.
const SHOWN: usize = 5;

/// Counts in a line: what was read, and what became of it.
pub(super) fn counts(counts: &RunCounts) -> String {
    let parts = [
        (counts.created, "new"),
        (counts.updated, "changed"),
        (counts.unchanged, "unchanged"),
        (counts.deleted, "deleted"),
        (counts.failed, "set aside"),
    ];
    let said = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{} {word}", text::count(*count)));
    let said = said.collect::<Vec<_>>().join(", ");
    let said = if said.is_empty() { "nothing to write".to_owned() } else { said };
    format!("{} read: {said}", text::count(counts.read))
}

/// A time as tables show it, in UTC.
pub(super) fn short(time: Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// A time in full.
pub(super) fn time(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A state in words, coloured.
pub(super) fn state(out: &Output, state: RunState) -> String {
    let word = word(state);
    match state {
        RunState::Succeeded => out.good(word),
        RunState::Running => out.bold(word),
        _ => out.bad(word),
    }
}

/// A state in words.
pub(super) fn word(state: RunState) -> &'static str {
    match state {
        RunState::TimedOut => "timed out",
        state => state.as_str(),
    }
}

/// How long a run took, or has taken; a lost one, until it was last heard of.
pub(super) fn took(run: &Run) -> String {
    let until = run.finished_at.unwrap_or(match run.state {
        RunState::Running => mastra_core::time::now(),
        _ => run.heartbeat_at,
    });
    text::took((until - run.started_at).to_std().unwrap_or_default())
}

/// What one run came to.
pub(super) fn done(out: &Output, done: &Done) -> Outcome<()> {
    let sync = out.bold(&text::clean(&done.sync));
    let failure = done.failure.as_ref();
    if let (true, Some(run)) = (done.recorded, &done.run) {
        out.say(format!("{sync}: the run {} was done before, {}; nothing was done now", run.id, time(run.started_at)))?;
    }
    if let Some(run) = &done.run {
        let counts = super::work::sum(&run.targets);
        let rate = counts.read as f64 / done.seconds.max(1e-3);
        let rate = if rate >= 1.0 && !done.recorded { format!(", {}/s", text::count(rate as u64)) } else { String::new() };
        if !run.targets.is_empty() {
            out.say(format!("{sync}: {} ({:.1} s{rate})", self::counts(&counts), done.seconds))?;
        }
        for target in &run.targets {
            errors(out, target);
        }
        if counts.failed > 0 {
            out.note(format!(
                "  mastra sync failed {0} shows them; once mended: mastra sync retry-failed {0}",
                text::clean(&done.sync)
            ));
        }
    }
    match failure {
        None => {}
        Some(failure) if failure.kind() == SyncErrorKind::Cancelled => {
            out.note(format!("{sync}: stopped; the same command goes on from here"));
        }
        Some(failure) => out.failure(&explained(&done.sync, failure)),
    }
    for name in &done.knowledge {
        let name = text::clean(name);
        out.say(
            out.dim(&format!("  the knowledge base {name} follows these records: mastra index {name} brings it up to date")),
        )?;
    }
    Ok(())
}

/// Some of what failed.
pub(super) fn errors(out: &Output, target: &RunTarget) {
    if target.errors.is_empty() {
        return;
    }
    for ErrorSample { external_id, message } in target.errors.iter().take(SHOWN) {
        let id = external_id.as_deref().map(|id| format!("{}: ", text::clean(id))).unwrap_or_default();
        out.note(out.bad(&format!("  {id}{}", text::clean(message))));
    }
    if target.errors.len() > SHOWN {
        out.note("  …");
    }
}
