//! `cargo xtask test`: every test against real services, with a count as the last line.

mod embedders;
mod report;
mod runner;
mod typescript;

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use mastra_core::Result;

use crate::ci::{self, Metadata};
use crate::flags;
use crate::process::Workspace;
use crate::services::{self, PGBOUNCER_VARIABLE, URL_VARIABLE};

pub(crate) use report::Outcome;

/// Names the folder of server binaries, for tests that start a server of their own.
const BIN_VARIABLE: &str = "MASTRA_TEST_PG_BIN";
/// Names a Qdrant server, which no registry has: the double stands in for it elsewhere.
const QDRANT_VARIABLE: &str = "QDRANT_URL";

/// The program that measures what is found; it takes a real model where there is one.
pub(crate) const EVALUATION: &str = "mastra-eval";

/// Set to 1 where the long forms of the tests are wanted.
const SOAK_VARIABLE: &str = "MASTRA_TEST_SOAK";

/// Runs the tests and prints how they ended.
pub(crate) fn run(workspace: &Workspace, flags: &flags::Test) -> Result<ExitCode> {
    let mut outcome = outcome(workspace, flags)?;
    if flags.arguments.is_empty() {
        ci::adapters::tests(workspace, &mut outcome)?;
    }
    outcome.print();
    Ok(if outcome.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tests of a crate outside the workspace, in whose folder the command runs.
pub(crate) fn elsewhere(workspace: &Workspace, mut command: Command, name: &'static str, outcome: &mut Outcome) -> Result<()> {
    if runner::has_nextest(workspace) {
        command.args(["nextest", "run", "--no-fail-fast"]);
    } else {
        command.args(["test", "--no-fail-fast", "--all-targets"]);
    }
    outcome.add(runner::run(&mut command, name)?);
    Ok(())
}

/// Runs the tests of the workspace; the caller prints the end.
pub(crate) fn outcome(workspace: &Workspace, flags: &flags::Test) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let variables = variables(workspace, flags.soak, &mut outcome);
    let whole = flags.arguments.is_empty();
    if whole && std::env::var_os(QDRANT_VARIABLE).is_none() {
        outcome.left_out(format!("the suite on a Qdrant server, since {QDRANT_VARIABLE} names none (it ran on the double)"));
    }
    if let Err(error) = typescript::ensure(workspace) {
        outcome.unreachable(format!("the TypeScript compiler and the MCP client: {error}"));
    }
    // Doc tests first: the runner's own summary is to stand at the end. A choice of tests leaves them out.
    if !flags.no_doc && whole {
        let mut command = workspace.cargo();
        command.args(["test", "--doc", "--workspace", "--no-fail-fast"]).envs(variables.clone());
        outcome.add(runner::run(&mut command, "doc tests")?);
    }
    if flags.alone {
        let mut command = tests(workspace, &flags::Test { arguments: libraries(workspace)?, ..flags.clone() });
        command.env_remove(QDRANT_VARIABLE);
        outcome.add(runner::run(command.envs(variables.clone()), "tests of the libraries alone")?);
    }
    if whole && std::env::var_os(QDRANT_VARIABLE).is_some() {
        outcome.add(runner::run(&mut on_qdrant(workspace), "tests on the Qdrant server")?);
    }
    if whole {
        let weights = embedders::weights(workspace)
            .map_err(|error| outcome.left_out(format!("embeddings by the weights of a real model: {error}")))
            .ok();
        outcome.add(runner::run(&mut embedders::tests(workspace, weights.as_deref()), "tests of the embedders")?);
    }
    let mut command = tests(workspace, flags);
    if whole {
        // What runs on either has had the server; the double is tested too.
        command.env_remove(QDRANT_VARIABLE);
    }
    if flags.alone && runner::has_nextest(workspace) {
        command.args(["-E", &not_yet_run()]);
    }
    outcome.add(runner::run(command.envs(variables), "tests")?);
    Ok(outcome)
}

/// Backends whose tests have run alone by the time everything is built together.
const BACKENDS: [&str; 5] = ["mastra-mock", "mastra-sqlite", "mastra-postgres", "mastra-pgvector", "mastra-qdrant"];

/// What has to run built together, where the libraries' tests ran alone before: everything but the backends', of which only those see
/// another program that compare numbers, whose text is kept there. Their suites ran built together for the table of capabilities.
fn not_yet_run() -> String {
    let backends = BACKENDS.map(|name| format!("package({name})")).join(" + ");
    format!("not ({backends}) + binary(=filters) + binary(=numbers)")
}

/// What runs on a Qdrant server: the suite, whose tests there are ignored otherwise, and the rules that the double follows.
fn on_qdrant(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    if runner::has_nextest(workspace) {
        command.args(["nextest", "run", "--no-fail-fast", "--run-ignored=all", "-p=mastra-qdrant", "-p=mastra-doubles"]);
        command.args(["-E", "test(/^server::/) or binary(rules)"]);
    } else {
        command.args(["test", "--no-fail-fast", "-p=mastra-qdrant", "-p=mastra-doubles", "--test=conformance", "--test=rules"]);
        command.args(["--", "--include-ignored", "--skip=concrete::", "--skip=boxed::"]);
    }
    command
}

/// Runs a binary of the tests' crate with arguments of its own, and with the services where it names a backend that needs them.
pub(crate) fn forward(workspace: &Workspace, binary: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let mut command = workspace.cargo();
    command.args(["run", "--quiet", "--release", "--package", "mastra-tests", "--bin", binary]);
    let names = |backends: &[&str]| {
        arguments.iter().any(|argument| {
            let argument = argument.to_string_lossy();
            backends.contains(&argument.strip_prefix("--backend=").unwrap_or(&argument))
        })
    };
    if names(&["postgres", "pgvector", "knowledge"]) {
        command.env(URL_VARIABLE, services::up(workspace, None)?.url);
    }
    if binary == EVALUATION || names(&["knowledge"]) {
        command.args(["--features", "models"]);
        match embedders::weights(workspace) {
            Ok(folder) => drop(command.env(embedders::VARIABLE, folder)),
            Err(error) => eprintln!("not measured: the weights of a real model: {error}"),
        }
    }
    command.arg("--").args(arguments);
    let status = command
        .status()
        .map_err(|source| mastra_core::Error::unavailable(format!("cannot run cargo: {source}")).with("binary", binary))?;
    // A process that a signal ended has no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What the tests find their services by. What is missing is noted: the tests that need it fail by themselves.
fn variables(workspace: &Workspace, soak: bool, outcome: &mut Outcome) -> Vec<(&'static str, OsString)> {
    let mut variables = Vec::new();
    if soak {
        variables.push((SOAK_VARIABLE, "1".into()));
    }
    match services::up(workspace, None) {
        Ok(state) => {
            println!("postgres {} with pgvector {}, from: {:?}", state.version, state.pgvector, state.source);
            variables.push((URL_VARIABLE, state.url.into()));
            variables.extend(state.pgbouncer.map(|path| (PGBOUNCER_VARIABLE, path.into())));
            variables.extend(state.pg_bin.map(|path| (BIN_VARIABLE, path.into())));
            for problem in state.problems {
                outcome.unreachable(problem);
            }
        }
        Err(error) => outcome.unreachable(format!("postgres: {error}")),
    }
    variables
}

/// The published packages that do not use the facade, as arguments, with their default features but for exact numbers. Built together
/// with the facade's users they would get these too, and nobody would test them without.
fn libraries(workspace: &Workspace) -> Result<Vec<OsString>> {
    let facade = ["mastra-engine", "mastra-cli"];
    let metadata = Metadata::read(workspace)?;
    let apart: Vec<_> = metadata
        .published()
        .filter(|package| {
            !facade.contains(&package.name.as_str())
                && package.dependencies.iter().all(|dependency| !facade.contains(&dependency.name.as_str()))
        })
        .collect();
    let mut features = Vec::new();
    for package in &apart {
        let default = package.features.get("default").into_iter().flatten();
        let kept = default.filter(|feature| *feature != "arbitrary-precision");
        features.extend(kept.map(|feature| format!("{}/{feature}", package.name)));
    }
    let mut arguments: Vec<OsString> =
        apart.iter().flat_map(|package| ["--package".into(), package.name.clone().into()]).collect();
    arguments.extend(["--no-default-features".into(), "--features".into(), features.join(",").into()]);
    Ok(arguments)
}

/// nextest where it is installed, since each test is a process there; else the harness of cargo itself.
fn tests(workspace: &Workspace, flags: &flags::Test) -> Command {
    let mut command = workspace.cargo();
    let arguments = &flags.arguments;
    let whole = !arguments.iter().any(|argument| matches!(argument.to_str(), Some("-p" | "--package" | "--manifest-path")));
    if runner::has_nextest(workspace) {
        command.args(["nextest", "run", "--no-fail-fast"]);
        command.args(whole.then_some("--workspace"));
        if flags.soak {
            command.args(["--run-ignored=all", "--profile=soak"]);
        }
        command.args(arguments);
    } else {
        println!("cargo-nextest is not installed: using cargo test");
        command.args(["test", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        command.args(whole.then_some("--workspace"));
        command.args(arguments);
        if flags.soak {
            command.args((!arguments.iter().any(|argument| argument == "--")).then_some("--"));
            // Those of a server, which is asked on its own.
            command.args(["--include-ignored", "--skip=server::"]);
        }
    }
    command
}
