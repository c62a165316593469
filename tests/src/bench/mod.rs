//! Measuring a backend beside hand-written code that does the same work: `cargo xtask bench`.
//!
//! The twins (`raw_*`) came first and use nothing of this workspace. Both sides work by turns on stores of the same shape, their
//! results are compared, and a difference fails the run. docs/benchmarks.md says what each figure means.

mod backend;
mod contacts;
mod data;
mod measure;
mod memory;
mod options;
mod postgres;
mod raw_copy;
mod raw_postgres;
mod raw_sqlite;
mod report;
mod round_trips;
mod runner;
mod sqlite;
mod targets;
mod twin;

use backend::Backend;
use clap::Parser as _;
use data::Data;
use mastra_core::{Error, Result};
use measure::{Figures, Measure, Spread, to_f64};
use options::{Child, Options};
use report::{NO_VECTORS, Report};
use runner::{Logged, Round, Work};
use std::{error::Error as _, process::ExitCode, thread::available_parallelism};

/// The exit code of a command line that asks for something that is not there.
const USAGE: u8 = 2;

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    match options.backend.as_str() {
        "sqlite" | "postgres" => {}
        "pgvector" | "qdrant" | "pinecone" => {
            eprintln!("error: --backend {}: {NO_VECTORS}; sqlite and postgres can be measured", options.backend);
            return ExitCode::from(USAGE);
        }
        other => {
            eprintln!("error: --backend {other}: unknown; sqlite and postgres can be measured");
            return ExitCode::from(USAGE);
        }
    }
    if options.batch == 0 {
        eprintln!("error: --batch 0: a batch holds at least one record");
        return ExitCode::from(USAGE);
    }
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Error::internal("the runtime does not start").with_source(source))?;
    // On a worker, as an application's tasks are: the thread that blocks would be woken by another for every answer.
    let work = runtime.spawn(measure_all(options));
    runtime.block_on(work).map_err(|source| Error::internal("the benchmark panicked").with_source(source))?
}

async fn measure_all(options: Options) -> Result<()> {
    if let (Some(work), Some(store)) = (options.child, &options.store) {
        let peak = memory::child(&options, work, store).await?;
        println!("{}", serde_json::json!(peak));
        return Ok(());
    }
    if contacts::ensure(&options.data)? {
        eprintln!("wrote contacts to measure with into {}", options.data.display());
    }
    let data = Data::load(&options.data, options.records)?;
    let report = match options.backend.as_str() {
        "sqlite" => on_sqlite(&options, &data).await?,
        _ => on_postgres(&options, &data).await?,
    };
    if options.json {
        eprint!("{report}");
        println!("{:#}", report.to_json());
    } else {
        print!("{report}");
    }
    options.markdown.map_or(Ok(()), |path| report.write_markdown(&path))
}

async fn on_sqlite(options: &Options, data: &Data) -> Result<Report> {
    let backend = sqlite::Sqlite::new()?;
    let mut report = rounds("sqlite", &backend, options, data).await?;
    if let Some(count) = options.million {
        let store = backend.url(usize::MAX);
        let works = [(Child::Sync, store.clone()), (Child::Stream, store)];
        report.measures.extend(memory::measure(options, count, &works).await?);
    }
    Ok(report)
}

async fn on_postgres(options: &Options, data: &Data) -> Result<Report> {
    let backend = postgres::Postgres::new().await?;
    let rounds = rounds("postgres", &backend, options, data).await;
    // Whatever failed, no schema stays behind.
    for number in 0..usize::from(options.rounds) {
        backend.remove(number).await?;
    }
    let mut report = rounds?;
    let (aside, bulk) = (usize::from(options.rounds), usize::from(options.rounds) + 1);
    let trips = round_trips::measure(&backend, aside, data).await;
    backend.remove(aside).await?;
    report.measures.extend(trips?);
    if let Some(count) = options.million {
        let store = |number| postgres::Postgres::schema("ours", number);
        let works = [(Child::Sync, store(aside)), (Child::Stream, store(aside)), (Child::Bulk, store(bulk))];
        let measures = memory::measure(options, count, &works).await;
        backend.remove(aside).await?;
        backend.remove(bulk).await?;
        report.measures.extend(measures?);
    }
    Ok(report)
}

/// All rounds on one backend.
async fn rounds<B: Backend>(name: &'static str, backend: &B, options: &Options, data: &Data) -> Result<Report> {
    let work = Work { batch: options.batch, pages: 200, lookups: 2_000 };
    let (mut figures, mut logged) = (Figures::default(), Logged::default());
    for number in 0..usize::from(options.rounds) {
        eprintln!("round {} of {}", number + 1, options.rounds);
        Round { backend, number, data, work, only: &options.only, figures: &mut figures, logged: &mut logged }.run().await?;
    }
    let mut about = machine();
    about.extend(backend.describe().await?);
    let measures = logged_bytes(&logged, options.batch).into_iter().collect();
    let rounds = options.rounds.into();
    Ok(Report { backend: name, records: data.records.len(), batch: options.batch, rounds, about, figures, measures })
}

/// What a batch of unchanged records adds to the log. The server's other work, checkpoints and the like, is logged too: the middle
/// batch is free of it.
fn logged_bytes(logged: &Logged, batch: usize) -> Option<Measure> {
    #[allow(clippy::cast_precision_loss, reason = "bytes of a benchmark")]
    let spread = Spread::of(logged.iter().map(|bytes| *bytes as f64 / to_f64(batch)));
    let clean = logged.iter().filter(|bytes| **bytes == 0).count();
    let note = format!("the middle one of {} batches; {clean} logged nothing at all", logged.len());
    (!logged.is_empty()).then_some(Measure {
        name: "wal_per_unchanged_record",
        value: spread.median,
        unit: "bytes",
        at_most: Some(0.0),
        note,
    })
}

/// The kind of machine, as far as it bears on the figures.
fn machine() -> Vec<(&'static str, String)> {
    let cores = available_parallelism().map_or(0, usize::from);
    vec![
        ("machine", format!("{cores} cores, {} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("build", if cfg!(debug_assertions) { "debug: no figure counts" } else { "release" }.to_owned()),
    ]
}
