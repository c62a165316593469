//! Running a test runner: its output goes through as it comes, and is read on the way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use mastra_core::{Error, Result};

use super::report::Counts;
use crate::process::{Workspace, output};

/// A test that finds a backend out of reach fails with this in its message, and the name is repeated in the last lines.
const UNREACHABLE: &str = "unreachable backend: ";

/// Whether cargo-nextest is installed.
pub(super) fn has_nextest(workspace: &Workspace) -> bool {
    output(workspace.cargo().args(["nextest", "--version"])).is_ok_and(|output| output.status.success())
}

/// Runs a runner and returns what it counted, with the backends that its tests could not reach.
pub(super) fn run(command: &mut Command, name: &'static str) -> Result<(Counts, Vec<String>)> {
    let cannot = |source: std::io::Error| Error::unavailable(format!("cannot run the {name}: {source}"));
    // One pipe for both outputs keeps their order.
    let (reader, writer) = std::io::pipe().map_err(cannot)?;
    command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(cannot)?).stderr(writer);
    let mut child = command.spawn().map_err(cannot)?;
    // The command holds the writing end; while it does, the reading end sees no end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut counts = Counts::default();
    let mut unreachable = Vec::new();
    let mut terminal = std::io::stdout().lock();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(cannot)? > 0 {
        // A reader that went away must not end the tests.
        let _ = terminal.write_all(&line);
        let text = String::from_utf8_lossy(&line);
        counts.read(&text);
        if let Some((_, backend)) = text.split_once(UNREACHABLE) {
            unreachable.push(backend.trim().to_owned());
        }
        line.clear();
    }
    let status = child.wait().map_err(cannot)?;
    if !status.success() && counts.failed == 0 {
        // Nothing was counted as failed, such as where a test does not compile.
        println!("the {name} ended with {status}");
        counts.failed = 1;
    }
    Ok((counts, unreachable))
}
