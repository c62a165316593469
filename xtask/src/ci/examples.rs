//! Programs outside the workspace, as an application would be: each in a folder of its own, with a Cargo.lock of its own.

use std::path::Path;
use std::process::Command;

use mastra_core::Result;

use super::adapters;
use crate::process::{Workspace, show};
use crate::services::{self, URL_VARIABLE};
use crate::test::{self, Outcome};

/// A program, and what its tests are called in the summary.
const PROGRAMS: [(&str, &str); 2] =
    [("examples/apalis-worker", "tests of the example of a worker"), ("examples/sync-loop", "tests of the example of a loop")];

/// Checks them; their tests are counted in the outcome.
pub(super) fn run(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    for (folder, _) in PROGRAMS {
        show(cargo(workspace, &workspace.join(folder)).args(["clippy", "--all-targets", "--", "-D", "warnings"]))?;
    }
    tests(workspace, outcome)
}

/// Runs their tests.
pub(crate) fn tests(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    let url = match services::up(workspace, None) {
        Ok(state) => Some(state.url),
        Err(error) => {
            // The tests that need it fail by themselves.
            outcome.unreachable(format!("postgres: {error}"));
            None
        }
    };
    for (folder, name) in PROGRAMS {
        let mut command = cargo(workspace, &workspace.join(folder));
        command.envs(url.iter().map(|url| (URL_VARIABLE, url)));
        test::elsewhere(workspace, command, name, outcome)?;
    }
    Ok(())
}

/// `cargo` in a folder outside the workspace, which builds where the workspace does.
fn cargo(workspace: &Workspace, folder: &Path) -> Command {
    let mut command = workspace.cargo();
    command.current_dir(folder).env("CARGO_TARGET_DIR", adapters::target(workspace)).env("CARGO_INCREMENTAL", "0");
    command
}
