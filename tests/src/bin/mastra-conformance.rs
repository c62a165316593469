//! `cargo xtask conformance`: the published suites, or case files, against a backend.

use clap::{Parser, ValueEnum};
use futures::future::LocalBoxFuture;
use mastra_conformance::{BUILT_IN, Case, Report, TestEngine, engine_cases, run_case_file};
use mastra_core::{Engine, Error, RecordId, Result};
use mastra_mock::MockEngine;
use mastra_postgres::PostgresEngine;
use mastra_sqlite::SqliteEngine;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};

/// The server that `cargo xtask services up` brings up.
const POSTGRES_URL: &str = "MASTRA_TEST_POSTGRES_URL";

/// Runs the conformance suites against a backend: all of them, or the case files that are given.
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
    /// In memory.
    Mock,
    /// A file in a temporary directory.
    Sqlite,
    /// A schema of its own on the server that MASTRA_TEST_POSTGRES_URL names; it is dropped in the end.
    Postgres,
    /// Vectors in Postgres.
    Pgvector,
    /// Vectors in Qdrant.
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

fn run(flags: &Flags) -> Result<Report> {
    if matches!(flags.backend, Backend::Pgvector | Backend::Qdrant | Backend::Pinecone) {
        return Err(Error::unsupported("this backend holds vectors; its suites come with the crates of the vector stores")
            .with("backend", flags.backend.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()));
    }
    let mut files: Vec<(String, String)> = Vec::new();
    for path in &flags.cases {
        let text = std::fs::read_to_string(path).map_err(|source| {
            Error::invalid_input("the case file cannot be read").with("file", path.display()).with_source(source)
        })?;
        files.push((path.display().to_string(), text));
    }
    // One engine first: a server that cannot be reached is one error, not hundreds of failed cases.
    block_on(async {
        fresh(flags.backend).await?.end().await;
        Ok::<(), Error>(())
    })?;
    let mut work: Vec<Work> = Vec::new();
    if files.is_empty() {
        files = BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let file = |case: &Case| !case.in_transaction && BUILT_IN.iter().any(|(name, _)| case.name == format!("filters::{name}"));
        work.extend(engine_cases().into_iter().filter(|case| !file(case)).map(Work::Case));
    }
    work.extend(files.into_iter().map(|(name, text)| Work::File { name, text }));
    Ok(all(flags.backend, &work))
}

/// What is run on one fresh engine.
enum Work {
    Case(Case),
    File { name: String, text: String },
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
                let factory = || -> LocalBoxFuture<'_, Result<TestEngine>> { Box::pin(fresh(backend)) };
                report.add("engine", &case.to_string(), block_on(case.run(&factory)));
            }
            Self::File { name, text } => {
                let ran = block_on(async {
                    let fresh = fresh(backend).await?;
                    let ran = run_case_file(fresh.engine(), text).await;
                    fresh.end().await;
                    ran
                });
                match ran {
                    Ok(ran) => report = ran,
                    Err(failure) => report.add(name, "the file", Err(failure)),
                }
            }
        }
        report
    }
}

fn block_on<T, E: From<Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|source| Error::internal("no runtime").with_source(source))?.block_on(future)
}

/// A fresh engine that nothing else uses.
async fn fresh(backend: Backend) -> Result<TestEngine> {
    match backend {
        Backend::Sqlite => sqlite().await,
        Backend::Postgres => postgres().await,
        _ => Ok(TestEngine::new(MockEngine::new().checked())),
    }
}

async fn sqlite() -> Result<TestEngine> {
    let directory = tempfile::tempdir().map_err(|source| Error::internal("no temporary directory").with_source(source))?;
    let path = directory.path().join("mastra.db");
    let open = move || {
        let path = path.clone();
        async move { Ok(Arc::new(SqliteEngine::builder(path).connect().await?) as Arc<dyn Engine>) }
    };
    Ok(TestEngine::from(open().await?).reopen(open).keep(directory))
}

async fn postgres() -> Result<TestEngine> {
    let url = std::env::var(POSTGRES_URL).map_err(|_| {
        Error::unavailable(format!("{POSTGRES_URL} names no server; `cargo xtask conformance` brings one up and sets it"))
    })?;
    let schema = format!("conformance_{}", RecordId::generate().as_uuid().simple());
    let open = {
        let (url, schema) = (url.clone(), schema.clone());
        move || {
            let builder = PostgresEngine::builder(url.clone()).schema(schema.clone()).auto_migrate(true).max_connections(6);
            async move { Ok(Arc::new(builder.connect().await?) as Arc<dyn Engine>) }
        }
    };
    let engine = open().await?;
    let closing = Arc::clone(&engine);
    let cleanup = async move {
        // Whatever the case left open ends with its connections.
        let _ = closing.close().await;
        if let Ok(mut connection) = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await {
            let statement = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
            if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await {
                eprintln!("warning: the schema {schema} is left behind: {error}");
            }
        }
    };
    Ok(TestEngine::from(engine).reopen(open).cleanup(cleanup))
}
