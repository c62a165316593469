//! A sync of many records from a file: memory does not grow with their number, whether they are new, unchanged or gone.
//!
//! Each run is a process of its own, so that its peak is its own. A sample of 100,000 records ordinarily, a million with
//! `cargo xtask test --soak`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use mastra_core::{
    Engine,
    sync::{RunCounts, SyncMode},
};
use mastra_sync::{
    Failure, Mastra, RunEvent, define,
    source::files::{FileOptions, JsonLines},
};
use mastra_tests::postgres::Postgres;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// Set in the child.
const CHILD: &str = "MASTRA_TEST_SYNCS_MEMORY";

/// What a process may hold at most while it syncs.
const PEAK_MIB: u64 = 200;

/// How much more the peak may be at the end than in the middle of the first run: the caches of SQLite's connections, of 16 MiB each, and
/// what is listed of the records that are gone.
const GROWTH_MIB: u64 = 40;

fn records() -> u64 {
    if std::env::var_os("MASTRA_TEST_SOAK").is_some() { 1_000_000 } else { 100_000 }
}

/// The process's peak resident memory, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A line a record, about 300 bytes each.
fn write_file(path: &Path, numbers: impl Iterator<Item = u64>) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    for number in numbers {
        let notes = format!("note {number} ").repeat(15);
        let data = json!({ "id": format!("c{number}"), "name": format!("n{number}"), "amount": number, "tags": ["a", "b"], "notes": notes });
        writeln!(file, "{data}").unwrap();
    }
    file.flush().unwrap();
}

/// Syncs the file once; what it did, with the peak in the middle of it printed beside that at its end.
async fn sync(engine: &Arc<dyn Engine>, path: &Path, what: &str) -> RunCounts {
    let path = path.to_owned();
    let sync = define("contacts").execute(move |ctx| {
        let source = JsonLines::new(FileOptions::new(path.clone()).id_field("id"));
        async move {
            let target = ctx.records("Contacts").mode(SyncMode::Full).load(&source).await?;
            Ok::<_, Failure>(serde_json::to_value(target.counts).unwrap_or_default())
        }
    });
    let mastra = Mastra::builder().engine(Arc::clone(engine)).sync(sync).build().unwrap();
    let middle = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&middle);
    let observer = move |event: &RunEvent| {
        if let RunEvent::Page { target, .. } = event
            && target.counts.read >= records() / 2
        {
            let _ = seen.compare_exchange(0, peak(), Ordering::Relaxed, Ordering::Relaxed);
        }
    };
    let began = Instant::now();
    let done = mastra.sync("contacts", Value::Null).observer(observer).await.unwrap();
    let counts = done.run.targets[0].counts;
    let rate = counts.read as f64 / began.elapsed().as_secs_f64();
    println!("\npeaks {what} {} {} {rate:.0}", middle.load(Ordering::Relaxed), peak());
    counts
}

/// Everything new, then unchanged, then a tenth of it gone.
async fn load(engine: Arc<dyn Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let (path, all) = (folder.path().join("contacts.jsonl"), records());
    write_file(&path, 0..all);
    let new = RunCounts { read: all, created: all, ..RunCounts::default() };
    assert_eq!(sync(&engine, &path, "new").await, new);
    // In another order, or it would be seen at once that nothing changed.
    write_file(&path, (0..all).rev());
    let unchanged = RunCounts { read: all, unchanged: all, ..RunCounts::default() };
    assert_eq!(sync(&engine, &path, "unchanged").await, unchanged);
    write_file(&path, (0..all).filter(|number| number % 10 != 3));
    let gone = all / 10;
    let fewer = RunCounts { read: all - gone, unchanged: all - gone, deleted: gone, ..RunCounts::default() };
    assert_eq!(sync(&engine, &path, "fewer").await, fewer);
}

/// Runs a test of this file again as a child, and checks the peaks that it prints.
fn check(test: &str) {
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{out}{}", String::from_utf8_lossy(&child.stderr));
    let lines: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("peaks ")).collect();
    let runs: Vec<(&str, Vec<u64>)> = lines
        .iter()
        .map(|line| line.split_once(' ').expect("a name and its figures"))
        .map(|(name, figures)| (name, figures.split(' ').map(|figure| figure.parse().unwrap()).collect()))
        .collect();
    assert_eq!(runs.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["new", "unchanged", "fewer"], "{out}");
    let first = runs[0].1[0];
    for (name, figures) in &runs {
        let [middle, end, rate] = figures[..] else { panic!("three figures: {lines:?}") };
        println!("{} records, {name}: {middle} MiB in the middle, {end} MiB at the end, {rate} a second", records());
        assert!(middle > 0 && end < PEAK_MIB && end < first + GROWTH_MIB, "{lines:?}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn sqlite_syncs_with_flat_memory() {
    if std::env::var_os(CHILD).is_none() {
        return check("sqlite_syncs_with_flat_memory");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("many.db").display());
    runtime().block_on(async { load(mastra_engine::connect(&url).await.unwrap()).await });
}

#[test]
fn postgres_syncs_with_flat_memory() {
    if std::env::var_os(CHILD).is_none() {
        return check("postgres_syncs_with_flat_memory");
    }
    runtime().block_on(async {
        let place = Postgres::fresh("syncs_flat").await;
        load(Arc::new(place.engine().await)).await;
        place.drop_schema().await;
    });
}
