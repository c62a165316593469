//! `cargo xtask conformance`: the published suites, or case files, against a backend.

mod engines;
mod schema;
mod stores;

use clap::{Parser, ValueEnum};
use futures::future::LocalBoxFuture;
use mastra_conformance::vectors::{TestVectors, VECTOR_BUILT_IN, VectorCase, run_vector_case_file, vector_cases};
use mastra_conformance::{BUILT_IN, Case, Failure, Report, TestEngine, engine_cases, run_case_file};
use mastra_core::{Error, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs the conformance suites of engines and of stores of vectors against a backend: all that it is, or the case files that are
/// given. A case file whose suites have `rows` is one of vectors, one with `records` is one of engines; a backend of vectors alone reads
/// both as its own.
///
/// Prints a line for each case that fails, and in the last line `N passed, N failed`. Exit code 1 where a case failed, 2 where
/// nothing could be run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask conformance", max_term_width = 100)]
struct Flags {
    /// The backend, each case on a fresh store of its own.
    #[arg(long, value_enum)]
    backend: Backend,
    /// Run this case file instead of the built-in suites; may be repeated.
    #[arg(long, value_name = "FILE.json")]
    cases: Vec<PathBuf>,
    /// Print one JSON object instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Backend {
    /// Engine and vectors in memory.
    Mock,
    /// Engine and vectors in a file of a temporary directory.
    Sqlite,
    /// Engine and vectors in a schema of their own on the server that MASTRA_TEST_POSTGRES_URL names; it is dropped in the end.
    Postgres,
    /// Vectors in Postgres, without an engine beside them.
    Pgvector,
    /// Vectors in Qdrant: the server that QDRANT_URL names, else the double.
    Qdrant,
    /// Vectors in Pinecone.
    Pinecone,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match run(&flags) {
        Ok(report) => {
            print(&flags, &report);
            if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn print(flags: &Flags, report: &Report) {
    let (passed, failed) = (report.passed, report.failed.len());
    if flags.json {
        let failures: Vec<_> = report
            .failed
            .iter()
            .map(|failed| json!({ "suite": failed.suite, "case": failed.case, "message": failed.message }))
            .collect();
        println!("{}", json!({ "passed": passed, "failed": failed, "failures": failures }));
        return;
    }
    for case in &report.failed {
        println!("FAIL {}", case.to_string().replace('\n', " "));
    }
    println!("{passed} passed, {failed} failed");
}

impl Backend {
    /// Whether it is an engine, and not a store of vectors alone.
    fn is_engine(self) -> bool {
        matches!(self, Self::Mock | Self::Sqlite | Self::Postgres)
    }
}

fn run(flags: &Flags) -> Result<Report> {
    let backend = flags.backend;
    if backend == Backend::Pinecone {
        return Err(Error::unsupported("there is no backend of this name yet").with("backend", "pinecone"));
    }
    let mut work: Vec<Work> = Vec::new();
    for path in &flags.cases {
        let text = std::fs::read_to_string(path).map_err(|source| {
            Error::invalid_input("the case file cannot be read").with("file", path.display()).with_source(source)
        })?;
        let name = path.display().to_string();
        work.push(if backend.is_engine() && !has_rows(&text) {
            Work::File { name, text }
        } else {
            Work::VectorFile { name, text }
        });
    }
    // One store first: a server that cannot be reached is one error, not hundreds of failed cases.
    block_on(async {
        if backend.is_engine() {
            engines::fresh(backend).await?.end().await;
        }
        stores::fresh(backend).await?.end().await;
        Ok::<(), Error>(())
    })?;
    if work.is_empty() {
        work = suites(backend);
    }
    Ok(all(backend, &work))
}

/// Everything that a backend is held to. The cases that stand for a case file are run as that file, which counts each line of it.
fn suites(backend: Backend) -> Vec<Work> {
    let named = |files: &[(&str, &str)], case: &str| files.iter().any(|(name, _)| case == format!("filters::{name}"));
    let mut work = Vec::new();
    if backend.is_engine() {
        let cases = engine_cases().into_iter().filter(|case| case.in_transaction || !named(BUILT_IN, case.name));
        work.extend(cases.map(Work::Case));
        work.extend(BUILT_IN.iter().map(|(name, text)| Work::File { name: (*name).into(), text: (*text).into() }));
    }
    // Without an engine there is no transaction to run in.
    let cases = vector_cases().into_iter().filter(|case| match case.in_transaction {
        true => backend.is_engine(),
        false => !named(VECTOR_BUILT_IN, case.name),
    });
    work.extend(cases.map(Work::VectorCase));
    work.extend(
        VECTOR_BUILT_IN.iter().map(|(name, text)| Work::VectorFile { name: format!("vectors {name}"), text: (*text).into() }),
    );
    work
}

/// Whether a case file is one of vectors. One that cannot be read is told as one of engines.
fn has_rows(text: &str) -> bool {
    let file: Value = serde_json::from_str(text).unwrap_or_default();
    file.get("suites").and_then(Value::as_array).is_some_and(|suites| suites.iter().any(|suite| suite.get("rows").is_some()))
}

/// What is run on one fresh store.
enum Work {
    Case(Case),
    File { name: String, text: String },
    VectorCase(VectorCase),
    VectorFile { name: String, text: String },
}

/// Runs everything on a few threads; the order of the report is that of the work.
fn all(backend: Backend, work: &[Work]) -> Report {
    let next = AtomicUsize::new(0);
    let reports: Mutex<Vec<(usize, Report)>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get() * 2).min(8);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, work.get(at)?))) {
                    let report = item.run(backend);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((at, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(at, _)| *at);
    reports.into_iter().fold(Report::default(), |mut all, (_, report)| {
        all.passed += report.passed;
        all.failed.extend(report.failed);
        all
    })
}

impl Work {
    fn run(&self, backend: Backend) -> Report {
        let mut report = Report::default();
        match self {
            Self::Case(case) => {
                let factory = || -> LocalBoxFuture<'_, Result<TestEngine>> { Box::pin(engines::fresh(backend)) };
                report.add("engine", &case.to_string(), block_on(case.run(&factory)));
            }
            Self::VectorCase(case) => {
                let factory = || -> LocalBoxFuture<'_, Result<TestVectors>> { Box::pin(stores::fresh(backend)) };
                report.add("vectors", &case.to_string(), block_on(case.run(&factory)));
            }
            Self::File { name, text } => {
                let ran = block_on(async {
                    let fresh = engines::fresh(backend).await?;
                    let ran = run_case_file(fresh.engine(), text).await;
                    fresh.end().await;
                    ran
                });
                add_file(&mut report, name, ran);
            }
            Self::VectorFile { name, text } => {
                let ran = block_on(async {
                    let fresh = stores::fresh(backend).await?;
                    let ran = run_vector_case_file(fresh.store(), text).await;
                    fresh.end().await;
                    ran
                });
                add_file(&mut report, name, ran);
            }
        }
        report
    }
}

fn add_file(report: &mut Report, name: &str, ran: Result<Report, Failure>) {
    match ran {
        Ok(ran) => *report = ran,
        Err(failure) => report.add(name, "the file", Err(failure)),
    }
}

fn block_on<T, E: From<Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|source| Error::internal("no runtime").with_source(source))?.block_on(future)
}
