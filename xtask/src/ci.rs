//! `cargo xtask ci`: everything that a change has to pass, in steps with their times.

mod compose;
mod dependencies;
mod features;
mod metadata;
mod package;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mastra_core::{Error, Result};

use crate::flags;
use crate::process::{Workspace, on_path, output, show};
use crate::{codegen, migrate, test, tidy};

pub(crate) use metadata::Metadata;

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

/// In this order: what fails fast comes first. The tests follow as the last step.
const STEPS: [Step; 11] = [
    Step { name: "toolchain", about: "rustfmt and clippy are there", run: toolchain },
    Step { name: "fmt", about: "the code is formatted", run: fmt },
    Step { name: "tidy", about: "file lengths, machine paths, manifests", run: tidy::run },
    Step { name: "compose", about: "compose files parse", run: compose::run },
    Step { name: "codegen", about: "generated files are up to date", run: |_| codegen::run(true) },
    Step { name: "migrations", about: "migrations keep their rules and lock no table for long", run: migrate::lint },
    Step { name: "dependencies", about: "the direction of dependencies, and their number", run: dependencies::run },
    Step { name: "clippy", about: "no warnings", run: clippy },
    Step { name: "features", about: "each feature of each crate builds alone", run: features::run },
    Step { name: "doc", about: "the documentation builds without warnings", run: doc },
    Step { name: "package", about: "each crate builds from its archive", run: package::run },
];

/// The last step's name.
const TESTS: &str = "test";

/// Runs the steps. One that fails does not keep the others from running, so that one run shows everything.
pub(crate) fn run(workspace: &Workspace, flags: &flags::Ci) -> Result<ExitCode> {
    check_names(flags)?;
    if flags.list {
        STEPS.iter().for_each(|step| println!("{:<14} {}", step.name, step.about));
        println!("{TESTS:<14} every test and doc test");
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = |name: &str| {
        let named = |list: &[String]| list.iter().any(|one| one == name);
        (flags.only.is_empty() || named(&flags.only)) && !named(&flags.skip)
    };
    let start = Instant::now();
    let mut results: Vec<(&str, bool, Duration)> = Vec::new();
    for step in STEPS.iter().filter(|step| wanted(step.name)) {
        println!("\n== {}: {}", step.name, step.about);
        let start = Instant::now();
        let result = (step.run)(workspace);
        let took = start.elapsed();
        match &result {
            Ok(()) => println!("== {}: passed in {:.1} s", step.name, took.as_secs_f64()),
            Err(error) => println!("error: {error}\n== {}: FAILED in {:.1} s", step.name, took.as_secs_f64()),
        }
        results.push((step.name, result.is_ok(), took));
    }
    let outcome = if wanted(TESTS) {
        println!("\n== {TESTS}: every test and doc test");
        let start = Instant::now();
        let tests = flags::Test { soak: false, alone: true, no_doc: false, arguments: Vec::new() };
        let outcome = test::outcome(workspace, &tests)?;
        results.push((TESTS, outcome.is_success(), start.elapsed()));
        Some(outcome)
    } else {
        None
    };
    println!();
    for (name, passed, took) in &results {
        println!("{name:<14} {:>7.1} s  {}", took.as_secs_f64(), if *passed { "passed" } else { "FAILED" });
    }
    println!("{:<14} {:>7.1} s", "together", start.elapsed().as_secs_f64());
    if let Some(outcome) = outcome {
        outcome.print();
    }
    Ok(if results.iter().all(|(_, passed, _)| *passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_names(flags: &flags::Ci) -> Result<()> {
    let known = |name: &str| name == TESTS || STEPS.iter().any(|step| step.name == name);
    match flags.only.iter().chain(&flags.skip).find(|name| !known(name)) {
        Some(name) => Err(Error::invalid_input("there is no such step; `cargo xtask ci --list` names them").with("step", name)),
        None => Ok(()),
    }
}

/// A toolchain of the minimal profile lacks both; rustup adds them.
fn toolchain(workspace: &Workspace) -> Result<()> {
    for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let found = output(workspace.cargo().args([command, "--version"]))?.status.success();
        if found {
            continue;
        }
        if on_path("rustup").is_none() {
            return Err(Error::not_found(format!("cargo {command} is missing; add the component {component} to the toolchain")));
        }
        show(std::process::Command::new("rustup").current_dir(workspace.root()).args(["component", "add", component]))?;
    }
    Ok(())
}

fn fmt(workspace: &Workspace) -> Result<()> {
    show(workspace.cargo().args(["fmt", "--all", "--", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    show(workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn doc(workspace: &Workspace) -> Result<()> {
    show(workspace.cargo().env("RUSTDOCFLAGS", "-D warnings").args(["doc", "--workspace", "--no-deps"]))
}
