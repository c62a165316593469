//! What a command says: results on standard output, everything else on standard error.

pub(crate) mod ask;
pub(crate) mod grid;
pub(crate) mod progress;
pub(crate) mod text;

use crate::exit::{HINT, Outcome, Stop};
use grid::Grid;
use mastra_core::Error;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{self, BufWriter, StdoutLock, Write as _};

/// So many columns that found no room are named before the last.
const NAMED: usize = 20;

/// Width of tables where standard output is no terminal and `COLUMNS` is not set.
const DEFAULT_WIDTH: usize = 100;

/// The context key of statements that somebody with more rights can run, shown as lines to paste.
const SQL: &str = "sql";

/// How this run speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
    width: usize,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()).filter(|width| *width >= 20);
        let terminal = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        let width = terminal.or(columns).unwrap_or(DEFAULT_WIDTH).max(20);
        Self { json, colour: !json && console::colors_enabled(), width }
    }

    /// Whether what is said is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The columns of a line.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Text for people; nothing under `--json`.
    pub(crate) fn say(&self, text: impl AsRef<str>) -> Outcome<()> {
        if self.json { Ok(()) } else { written(writeln!(io::stdout().lock(), "{}", text.as_ref())) }
    }

    /// One JSON document on a line of its own, under `--json` only.
    pub(crate) fn document(&self, value: &impl Serialize) -> Outcome<()> {
        if !self.json {
            return Ok(());
        }
        let mut writer = self.lines();
        writer.json(value)?;
        writer.finish()
    }

    /// A table for people; nothing under `--json`.
    pub(crate) fn grid(&self, grid: &Grid) -> Outcome<()> {
        let fitted = grid.fit(self.width);
        self.say(fitted.text)?;
        let Some((last, before)) = fitted.hidden.split_last() else { return Ok(()) };
        // Documents with thousands of keys must not fill the screen with names.
        let named: Vec<&str> = before.iter().take(NAMED).map(String::as_str).collect();
        let rest = match before.len() - named.len() {
            _ if named.is_empty() => last.clone(),
            0 => format!("{}, {last}", named.join(", ")),
            more => format!("{} and {} more", named.join(", "), text::count(more as u64 + 1)),
        };
        self.say(self.dim(&format!("not shown for want of width: {rest}")))
    }

    /// A remark on standard error for people; nothing under `--json`, so that standard error stays one document there.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
        }
    }

    /// Standard output for many lines, buffered.
    pub(crate) fn lines(&self) -> Lines {
        Lines(BufWriter::with_capacity(64 * 1024, io::stdout().lock()))
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled(text, "1")
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.styled(text, "2")
    }

    /// Marks a word that matched.
    pub(crate) fn highlight(&self, text: &str) -> String {
        self.styled(text, "1;33")
    }

    pub(crate) fn good(&self, text: &str) -> String {
        self.styled(text, "32")
    }

    pub(crate) fn bad(&self, text: &str) -> String {
        self.styled(text, "31")
    }

    fn styled(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Says why the command failed, on standard error.
    pub(crate) fn failure(&self, error: &Error) {
        let text = if self.json { failure_document(error).to_string() } else { failure_text(error) };
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Buffered standard output.
pub(crate) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    /// A value as JSON on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Outcome<()> {
        serde_json::to_writer(&mut self.0, value).map_err(|error| {
            if error.io_error_kind() == Some(io::ErrorKind::BrokenPipe) {
                return Stop::ClosedPipe;
            }
            Error::internal("cannot write to standard output").with_source(error).into()
        })?;
        written(self.0.write_all(b"\n"))
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Outcome<()> {
        written(self.0.write_all(bytes))
    }

    pub(crate) fn finish(mut self) -> Outcome<()> {
        written(self.0.flush())
    }
}

/// A reader that went away ends the command quietly.
fn written(result: io::Result<()>) -> Outcome<()> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Stop::ClosedPipe,
        _ => Error::internal("cannot write to standard output").with_source(error).into(),
    })
}

/// The one line of a failure, its advice on a second one.
fn failure_text(error: &Error) -> String {
    let mut text = format!("error: {}", error.message());
    let pairs: Vec<String> =
        error.context().filter(|(key, _)| *key != HINT).map(|(key, value)| format!("{key}={}", value.escape_debug())).collect();
    if !pairs.is_empty() {
        text += &format!(" ({})", pairs.join(", "));
    }
    for line in error.context().filter(|(key, _)| *key == SQL).flat_map(|(_, sql)| sql.lines()) {
        text += &format!("\n  sql: {}", text::clean_line(line));
    }
    for (_, advice) in error.context().filter(|(key, _)| *key == HINT) {
        text += &format!("\n  try: {advice}");
    }
    text
}

fn failure_document(error: &Error) -> Value {
    let context: Map<String, Value> = error.context().map(|(key, value)| (key.to_owned(), Value::from(value))).collect();
    json!({ "error": {
        "kind": error.kind().as_str(),
        "message": error.message(),
        "operation": error.operation(),
        "context": context,
        "retryable": error.is_retryable(),
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_and_its_advice_another() {
        let error = Error::not_found("no such entity").with("name", "a\nb").with(HINT, "mastra entities list");
        assert_eq!(failure_text(&error), "error: no such entity (name=a\\nb)\n  try: mastra entities list");
    }

    #[test]
    fn a_failure_as_json_holds_all_of_it() {
        let document = failure_document(&Error::timeout("late").with_operation("ping").with("after", "5s"));
        assert_eq!(
            document,
            json!({ "error": { "kind": "timeout", "message": "late", "operation": "ping", "context": { "after": "5s" }, "retryable": true } })
        );
    }
}
