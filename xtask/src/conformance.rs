//! `cargo xtask conformance`: a backend's suites, or the table of what every backend can do.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use mastra_core::{Error, Result};

use crate::process::{Workspace, capture};
use crate::services::{self, URL_VARIABLE};
use crate::test;

const BINARY: &str = "mastra-conformance";

/// How many pairs a differential run of the table compares: a sample, so that the table takes no longer than it has to.
const PAIRS: &str = "8000";

/// Runs the binary, with the services that its backends need.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--table") {
        return table(workspace, arguments);
    }
    test::forward(workspace, BINARY, arguments)
}

/// Fails where docs/capabilities.md is not what a run proves.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let ended = table(workspace, &["--table".into(), "--check".into()])?;
    if ended == ExitCode::SUCCESS { Ok(()) } else { Err(Error::invalid_input("docs/capabilities.md is stale; see above")) }
}

fn table(workspace: &Workspace, arguments: &[OsString]) -> Result<ExitCode> {
    let binary = build(workspace)?;
    let mut command = Command::new(binary);
    command.args(arguments).arg("--root").arg(workspace.root());
    command.env(URL_VARIABLE, services::up(workspace, None)?.url).env("MASTRA_TEST_PAIRS", PAIRS);
    let status = command.status().map_err(|source| Error::unavailable(format!("cannot run {BINARY}: {source}")))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds the binary as the tests do, with the features of the whole workspace, so that little is built for it alone; gives its path.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    command.args(["build", "--quiet", "--workspace", "--bin", BINARY, "--message-format", "json-render-diagnostics"]);
    let printed = capture(&mut command)?;
    let mut executables = printed.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    executables.next_back().ok_or_else(|| Error::internal("cargo names no executable").with("binary", BINARY))
}
