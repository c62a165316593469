//! Running the server's tools: arguments as a list, a clean environment, and errors that carry what the tool said.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use mastra_core::{Error, ErrorKind, Result};

/// A command with an environment of its own: a caller's `PGHOST`, `PGOPTIONS` or `LANG` must not steer the server.
pub(super) fn clean(program: &Path, libraries: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C").stdin(Stdio::null());
    for name in ["PATH", "TZ", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    if let Some(libraries) = libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

/// Runs a command to its end, whatever its exit status.
pub(super) fn output(command: &mut Command, name: &str) -> Result<Output> {
    command.output().map_err(|source| {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
            _ => ErrorKind::Unavailable,
        };
        Error::new(kind, format!("cannot run {name}")).retryable(false).with("program", name).with_source(source)
    })
}

/// Runs a command and returns its standard output, trimmed; a failure carries the last lines of what it said.
pub(super) fn run(command: &mut Command, name: &str) -> Result<String> {
    let output = output(command, name)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Error::unavailable(format!("{name} failed: {}", said(&output))).retryable(false).with("status", output.status))
}

/// The last lines of a failed command's messages, on one line.
pub(super) fn said(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    last_lines(&text)
}

/// The last six lines that are not blank, joined.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.len().saturating_sub(6);
    lines.get(start..).unwrap_or_default().join("; ")
}

/// An error of the file system, by its kind, with the path.
pub(super) fn io_error(message: &'static str, path: &Path, source: io::Error) -> Error {
    let kind = match source.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("{message}: {source}")).retryable(false).with("path", path.display()).with_source(source)
}
