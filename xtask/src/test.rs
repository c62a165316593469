//! `cargo xtask test`.
use crate::flags;
use crate::process::{Workspace, show};
use mastra_core::Result;
use std::ffi::OsString;
use std::process::ExitCode;
/// Runs the tests.
pub(crate) fn run(_workspace: &Workspace, _flags: &flags::Test) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
/// Runs a binary of the tests' crate.
pub(crate) fn forward(workspace: &Workspace, binary: &str, arguments: &[OsString]) -> Result<ExitCode> {
    show(workspace.cargo().args(["run", "--release", "-p", "mastra-tests", "--bin", binary, "--"]).args(arguments))?;
    Ok(ExitCode::SUCCESS)
}
