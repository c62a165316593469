//! Measuring a backend beside hand-written code that does the same work: `cargo xtask bench`.
//!
//! The twins (`raw_*`) came first and use nothing of this workspace. Both sides work by turns on stores of the same shape, their
//! results are compared, and a difference fails the run. docs/benchmarks.md says what each figure means.

mod backend;
mod contacts;
mod data;
mod knowledge;
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
mod syncs;
mod targets;
mod twin;
mod vectors;

use backend::Backend;
use clap::Parser as _;
use data::Data;
use mastra_conformance::bench::Work;
use mastra_core::{Error, Result};
use measure::{Figures, Measure, Spread, to_f64};
use options::{Child, Options};
use report::{RECORD_FIGURES, Records, Report};
use runner::{Logged, Round};
use std::{process::ExitCode, thread::available_parallelism};
use vectors::VectorBackend as _;

/// The exit code of a command line that asks for something that is not there.
const USAGE: u8 = 2;

/// Runs the command line.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    match options.backend.as_str() {
        "sqlite" | "postgres" | "pgvector" | "qdrant" | "knowledge" | "syncs" => {}
        "pinecone" => {
            eprintln!(
                "error: --backend pinecone: there is no such backend yet; sqlite, postgres, pgvector, qdrant, knowledge and syncs can be measured"
            );
            return ExitCode::from(USAGE);
        }
        other => {
            eprintln!(
                "error: --backend {other}: unknown; sqlite, postgres, pgvector, qdrant, knowledge and syncs can be measured"
            );
            return ExitCode::from(USAGE);
        }
    }
    let is_known = |name: &str| {
        name == "sync_bulk"
            || RECORD_FIGURES.contains(&name)
            || syncs::FIGURES.contains(&name)
            || Work::ALL.iter().any(|work| work.name() == name)
    };
    if let Some(unknown) = options.only.iter().find(|name| !is_known(name)) {
        eprintln!("error: --only {unknown}: there is no such figure");
        return ExitCode::from(USAGE);
    }
    if options.batch == 0 {
        eprintln!("error: --batch 0: a batch holds at least one record");
        return ExitCode::from(USAGE);
    }
    mastra_tests::measured::ended(run(options))
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
    if matches!(options.backend.as_str(), "knowledge" | "syncs") {
        let report = match options.backend.as_str() {
            "syncs" => syncs::measure(&options).await?,
            _ => knowledge::measure(&options).await?,
        };
        if options.json {
            eprint!("{report}");
            println!("{:#}", report.to_json());
        } else {
            print!("{report}");
        }
        return options.markdown.map_or(Ok(()), |path| report.write_markdown(&path));
    }
    let report = match options.backend.as_str() {
        "sqlite" => on_sqlite(&options).await?,
        "qdrant" => on_qdrant(&options).await?,
        "pgvector" => on_postgres(&options, "pgvector", false).await?,
        _ => on_postgres(&options, "postgres", true).await?,
    };
    if options.json {
        eprint!("{report}");
        println!("{:#}", report.to_json());
    } else {
        print!("{report}");
    }
    options.markdown.map_or(Ok(()), |path| report.write_markdown(&path))
}

/// The records of the folder, made where it has none; none where no figure asks for them.
fn records(options: &Options) -> Result<Option<Data>> {
    let is_theirs = |name: &String| !Work::ALL.iter().any(|work| work.name() == name);
    if !options.only.is_empty() && !options.only.iter().any(is_theirs) {
        return Ok(None);
    }
    if contacts::ensure(&options.data)? {
        eprintln!("wrote contacts to measure with into {}", options.data.display());
    }
    Data::load(&options.data, options.records).map(Some)
}

async fn on_sqlite(options: &Options) -> Result<Report> {
    let backend = sqlite::Sqlite::new()?;
    let mut report = Report { backend: "sqlite", about: machine(), records: None, vectors: None };
    report.about.extend(backend.describe().await?);
    if let Some(data) = records(options)? {
        let mut records = rounds(&backend, options, &data).await?;
        if let Some(count) = options.million {
            let store = backend.url(usize::MAX);
            let works = [(Child::Sync, store.clone()), (Child::Stream, store)];
            records.measures.extend(memory::measure(options, count, &works).await?);
        }
        report.records = Some(records);
    }
    if vectors::are_wanted(options) {
        let data = vectors::data(options, usize::MAX)?;
        report.vectors = Some(vectors::rounds(&vectors::SqliteVectors(&backend), options, &data).await?);
    }
    Ok(report)
}

async fn on_postgres(options: &Options, name: &'static str, has_records: bool) -> Result<Report> {
    let backend = postgres::Postgres::new().await?;
    let mut report = Report { backend: name, about: machine(), records: None, vectors: None };
    report.about.extend(backend.describe().await?);
    if has_records && let Some(data) = records(options)? {
        report.records = Some(records_on_postgres(&backend, options, &data).await?);
    }
    if vectors::are_wanted(options) {
        let data = vectors::data(options, usize::MAX)?;
        let side = vectors::Pgvector(&backend);
        let mut vectors = vectors::rounds(&side, options, &data).await?;
        let aside = usize::from(options.vector_rounds);
        let trips = vectors::round_trips(&backend, aside, &data).await;
        side.remove(aside).await?;
        vectors.measures.extend(trips?);
        report.vectors = Some(vectors);
    }
    Ok(report)
}

async fn on_qdrant(options: &Options) -> Result<Report> {
    let backend = vectors::Qdrant::new().await?;
    let mut report = Report { backend: "qdrant", about: machine(), records: None, vectors: None };
    if vectors::are_wanted(options) {
        let data = vectors::data(options, backend.most())?;
        report.vectors = Some(vectors::rounds(&backend, options, &data).await?);
    }
    Ok(report)
}

async fn records_on_postgres(backend: &postgres::Postgres, options: &Options, data: &Data) -> Result<Records> {
    let rounds = rounds(backend, options, data).await;
    // Whatever failed, no schema stays behind.
    for number in 0..usize::from(options.rounds) {
        backend.remove(number).await?;
    }
    let mut records = rounds?;
    let (aside, bulk) = (usize::from(options.rounds), usize::from(options.rounds) + 1);
    let trips = round_trips::measure(backend, aside, data).await;
    backend.remove(aside).await?;
    records.measures.extend(trips?);
    if let Some(count) = options.million {
        let store = |number| postgres::Postgres::schema("ours", number);
        let works = [(Child::Sync, store(aside)), (Child::Stream, store(aside)), (Child::Bulk, store(bulk))];
        let measures = memory::measure(options, count, &works).await;
        backend.remove(aside).await?;
        backend.remove(bulk).await?;
        records.measures.extend(measures?);
    }
    Ok(records)
}

/// All rounds with records on one backend.
async fn rounds<B: Backend>(backend: &B, options: &Options, data: &Data) -> Result<Records> {
    let work = runner::Work { batch: options.batch, pages: 200, lookups: 2_000 };
    let (mut figures, mut logged) = (Figures::default(), Logged::default());
    for number in 0..usize::from(options.rounds) {
        eprintln!("round {} of {}", number + 1, options.rounds);
        Round { backend, number, data, work, only: &options.only, figures: &mut figures, logged: &mut logged }.run().await?;
    }
    let measures = logged_bytes(&logged, options.batch).into_iter().collect();
    Ok(Records { count: data.records.len(), batch: options.batch, rounds: options.rounds.into(), figures, measures })
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
