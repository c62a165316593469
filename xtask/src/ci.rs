//! `cargo xtask ci`: everything that a change has to pass, in steps with their times.

pub(crate) mod adapters;
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
use crate::{codegen, conformance, migrate, test, tidy};

pub(crate) use metadata::Metadata;

/// One check.
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Result<()>,
}

/// In this order: what fails fast comes first. The tests follow as the last step.
const STEPS: [Step; 12] = [
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
    Step { name: "capabilities", about: "docs/capabilities.md is what a run of every backend proves", run: conformance::check },
];

/// Its tests are counted with those of the last step.
const ADAPTERS: &str = "adapters";

/// What it does.
const ABOUT_ADAPTERS: &str = "the example adapter passes the suite; a new one compiles, and lists what it lacks";

/// The last step's name.
const TESTS: &str = "test";

/// Runs the steps. One that fails does not keep the others from running, so that one run shows everything.
pub(crate) fn run(workspace: &Workspace, flags: &flags::Ci) -> Result<ExitCode> {
    check_names(flags)?;
    if flags.list {
        STEPS.iter().for_each(|step| println!("{:<14} {}", step.name, step.about));
        println!("{ADAPTERS:<14} {ABOUT_ADAPTERS}");
        println!("{TESTS:<14} every test and doc test");
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = |name: &str| {
        let named = |list: &[String]| list.iter().any(|one| one == name);
        (flags.only.is_empty() || named(&flags.only)) && !named(&flags.skip)
    };
    let start = Instant::now();
    let mut results: Vec<(&str, bool, Duration)> = Vec::new();
    let mut timed = |name: &'static str, about: &str, run: &mut dyn FnMut() -> Result<()>| {
        println!("\n== {name}: {about}");
        let start = Instant::now();
        let result = run();
        let took = start.elapsed();
        match &result {
            Ok(()) => println!("== {name}: passed in {:.1} s", took.as_secs_f64()),
            Err(error) => println!("error: {error}\n== {name}: FAILED in {:.1} s", took.as_secs_f64()),
        }
        results.push((name, result.is_ok(), took));
    };
    for step in STEPS.iter().filter(|step| wanted(step.name)) {
        timed(step.name, step.about, &mut || (step.run)(workspace));
    }
    let mut tested = None;
    if wanted(ADAPTERS) {
        timed(ADAPTERS, ABOUT_ADAPTERS, &mut || {
            let outcome = tested.insert(test::Outcome::default());
            adapters::run(workspace, outcome)?;
            outcome.result()
        });
    }
    if wanted(TESTS) {
        timed(TESTS, "every test and doc test", &mut || {
            let tests = flags::Test { soak: false, alone: true, no_doc: false, arguments: Vec::new() };
            let outcome = test::outcome(workspace, &tests)?;
            let result = outcome.result();
            tested.get_or_insert_default().merge(outcome);
            result
        });
    }
    println!();
    for (name, passed, took) in &results {
        println!("{name:<14} {:>7.1} s  {}", took.as_secs_f64(), if *passed { "passed" } else { "FAILED" });
    }
    println!("{:<14} {:>7.1} s", "together", start.elapsed().as_secs_f64());
    if let Some(outcome) = tested {
        outcome.print();
    }
    Ok(if results.iter().all(|(_, passed, _)| *passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_names(flags: &flags::Ci) -> Result<()> {
    let known = |name: &str| [TESTS, ADAPTERS].contains(&name) || STEPS.iter().any(|step| step.name == name);
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
