//! `cargo xtask conformance`: the published suites, or case files, against a backend; and the table of what every backend can do.

mod backend;
mod engines;
mod schema;
mod stores;
mod table;

use backend::Backend;
use clap::{Args, Parser};
use mastra_conformance::runner::{Progress, Results, Runner};
use mastra_core::{Error, Result};
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the conformance suites of engines and of stores of vectors against a backend: all that it is, or the case files that are
/// given. A case file whose suites have `rows` is one of vectors, one with `records` is one of engines; a backend of vectors alone reads
/// both as its own.
///
/// Prints a line for each case that fails, and in the last line `N passed, N failed`. Exit code 1 where a case failed, 2 where
/// nothing could be run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask conformance", max_term_width = 100)]
struct Flags {
    #[command(flatten)]
    what: What,
    /// Run this case file instead of the built-in suites; may be repeated.
    #[arg(long, value_name = "FILE.json", conflicts_with = "table")]
    cases: Vec<PathBuf>,
    /// Run only cases whose name contains this; may be repeated.
    #[arg(long, value_name = "NAME", conflicts_with = "table")]
    only: Vec<String>,
    /// Print one JSON object instead of lines.
    #[arg(long, conflicts_with = "table")]
    json: bool,
    /// Compare with the table that is committed, print what differs, and write nothing; exit code 1 where it is stale.
    #[arg(long, requires = "table")]
    check: bool,
    /// The folder of the repository, where the table lies in docs/.
    #[arg(long, value_name = "DIR", default_value = ".", hide = true)]
    root: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The backend, each case on a fresh store of its own.
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Run every backend, and write docs/capabilities.md from what the cases proved.
    #[arg(long)]
    table: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let ended = match flags.what.backend {
        Some(backend) => run(&flags, backend),
        None => table::run(&flags.root, flags.check),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(flags: &Flags, backend: Backend) -> Result<ExitCode> {
    let mut runner = backend.runner()?;
    for path in &flags.cases {
        runner = runner.case_file(path.display().to_string(), read(path)?);
    }
    runner = flags.only.iter().fold(runner, Runner::only);
    let results = runner.watch(progress).run()?;
    print(flags, &results);
    Ok(if results.failures() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|source| Error::invalid_input("the file cannot be read").with("file", path.display()).with_source(source))
}

/// A line on a terminal that is written over.
fn progress(progress: &Progress<'_>) {
    let mut terminal = std::io::stderr().lock();
    if terminal.is_terminal() {
        let end = if progress.done == progress.all { "\r\x1b[K" } else { "" };
        // A terminal that went away leaves nobody to tell.
        let _ = write!(terminal, "\r{} of {}{end}", progress.done, progress.all);
    }
}

fn print(flags: &Flags, results: &Results) {
    let (passed, failed) = (results.passed(), results.failures());
    if flags.json {
        let failures: Vec<_> = results
            .failed()
            .map(|failed| json!({ "suite": failed.suite, "case": failed.case, "message": failed.message }))
            .collect();
        let not_claimed = results.not_claimed();
        println!("{}", json!({ "passed": passed, "failed": failed, "notClaimed": not_claimed, "failures": failures }));
        return;
    }
    for case in results.failed() {
        println!("FAIL {}", case.to_string().replace('\n', " "));
    }
    if results.not_claimed() > 0 {
        println!("{} cases are about what is not claimed", results.not_claimed());
    }
    println!("{passed} passed, {failed} failed");
}
