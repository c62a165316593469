//! Stores of vectors outside the workspace, as somebody else would write them: the example, and what `new-adapter` writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use mastra_core::{Error, Result};

use crate::flags;
use crate::new_adapter;
use crate::process::{Workspace, file_error, last_lines, output, show};
use crate::test::{self, Outcome};

/// A whole adapter, in a folder that is a workspace of its own.
const EXAMPLE: &str = "examples/jsonl-store";

/// Fewer lines than this show that an adapter is little work.
const EXAMPLE_LIMIT: usize = 400;

/// The cases that a new adapter begins with, by their modules.
const BASIC: [&str; 3] = ["basics::", "scores::", "refusals::"];

/// The crates that a new adapter names by version; here their sources stand in.
const STAND_INS: [(&str, &str); 3] =
    [("mastra-core", "crates/core"), ("mastra-conformance", "crates/conformance"), ("mastra-cli", "crates/cli")];

/// Checks both; the example's tests are counted in the outcome.
pub(super) fn run(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    short(workspace)?;
    show(outside(workspace, &workspace.join(EXAMPLE))?.args(["clippy", "--lib", "--", "-D", "warnings"]))?;
    generated(workspace)?;
    tests(workspace, outcome)
}

/// Runs the example's tests.
pub(crate) fn tests(workspace: &Workspace, outcome: &mut Outcome) -> Result<()> {
    let command = outside(workspace, &workspace.join(EXAMPLE))?;
    test::elsewhere(workspace, command, "tests of the example adapter", outcome)
}

/// Whether the example is as short as it claims to be.
fn short(workspace: &Workspace) -> Result<()> {
    let folder = workspace.join(EXAMPLE).join("src");
    let unreadable = |source| file_error("cannot read", &folder, source);
    let mut lines = 0;
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        lines += std::fs::read_to_string(&path).map_err(unreadable)?.lines().count();
    }
    println!("{EXAMPLE} is {lines} lines of Rust; the limit is {EXAMPLE_LIMIT}");
    if lines < EXAMPLE_LIMIT {
        return Ok(());
    }
    Err(Error::invalid_input(format!("the example adapter is no longer under {EXAMPLE_LIMIT} lines")).with("lines", lines))
}

/// Whether what `new-adapter` writes compiles, and fails as a list of the cases of the first level.
fn generated(workspace: &Workspace) -> Result<()> {
    let folder = target(workspace).join("adapters/mastra-newcomer");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|source| file_error("cannot remove", &folder, source))?;
    }
    new_adapter::run(workspace, &flags::NewAdapter { name: "newcomer".into(), path: Some(folder.clone()), dry_run: false })?;
    // It stands inside this workspace's folder, and is none of its members. Under the example's profiles what was built for that serves it.
    let manifest = folder.join("Cargo.toml");
    let append = || -> std::io::Result<()> {
        let text = std::fs::read_to_string(&manifest)?;
        let example = std::fs::read_to_string(workspace.join(EXAMPLE).join("Cargo.toml"))?;
        let profiles = example.find("[profile").and_then(|at| example.get(at..)).unwrap_or_default();
        std::fs::write(&manifest, format!("{text}\n[workspace]\n\n{profiles}"))
    };
    append().map_err(|source| file_error("cannot write", &manifest, source))?;
    let cargo = |subcommand: &str, arguments: &[&str]| -> Result<Command> {
        let mut command = outside(workspace, &folder)?;
        command.arg(subcommand);
        for (package, path) in STAND_INS {
            command.arg("--config").arg(format!("patch.crates-io.{package}.path={:?}", workspace.join(path)));
        }
        command.args(arguments);
        Ok(command)
    };
    show(&mut cargo("clippy", &["--lib", "--", "-D", "warnings"])?)?;
    show(&mut cargo("test", &["--no-run", "--all-targets"])?)?;
    show(&mut cargo("test", &["--doc"])?)?;
    let ran = output(&mut cargo("test", &["--test", "conformance", "--no-fail-fast"])?)?;
    let text = String::from_utf8_lossy(&ran.stdout);
    let (failed, others) = listed(&text);
    println!("a new adapter fails {} cases: {}", failed.len(), failed.join(", "));
    if ran.status.success() || failed.is_empty() || !others.is_empty() || text.contains("panicked at") {
        let said = last_lines(&text, 40);
        return Err(Error::internal(format!("a new adapter has to fail the cases of level Basic, as a list:\n{said}\n"))
            .with("others", others.join(", ")));
    }
    Ok(())
}

/// The cases of the first level that fail, and what fails besides.
fn listed(text: &str) -> (Vec<&str>, Vec<&str>) {
    let failed = text.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    failed.partition(|name| BASIC.iter().any(|module| name.starts_with(module)))
}

/// `cargo` in a folder outside the workspace, with the same versions and what is built of them already.
fn outside(workspace: &Workspace, folder: &Path) -> Result<Command> {
    let (from, to) = (workspace.join("Cargo.lock"), folder.join("Cargo.lock"));
    std::fs::copy(&from, &to).map_err(|source| file_error("cannot write", &to, source))?;
    let mut command = workspace.cargo();
    // What is built once needs no notes on how to build it again, which fill a disk.
    command.current_dir(folder).env("CARGO_TARGET_DIR", target(workspace)).env("CARGO_INCREMENTAL", "0");
    Ok(command)
}

pub(super) fn target(workspace: &Workspace) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |folder| workspace.join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_cases_are_told_from_others() {
        let text = "running 3 tests\ntest basics::ids_are_data ... FAILED\ntest basics::b ... ok\ntest text::c ... FAILED\n";
        assert_eq!(listed(text), (vec!["basics::ids_are_data"], vec!["text::c"]));
    }
}
