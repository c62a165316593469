//! Many records streamed in and out: memory does not grow with their number.
//!
//! Each run is a process of its own, so that its peak is its own. A sample of 200,000 records ordinarily, a million with
//! `cargo xtask test --soak`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use futures::TryStreamExt as _;
use mastra_core::{Engine, EntityRef, NewRecord, RecordQuery, SyncBatch};
use mastra_tests::postgres::Postgres;
use serde_json::json;
use std::process::Command;
use std::sync::Arc;

/// Set in the child: the backend to load.
const CHILD: &str = "MASTRA_TEST_FLAT_MEMORY";

/// What a process may hold at most while it syncs or streams.
const PEAK_MIB: u64 = 200;

/// How much more the peak may be at the end than after the first twentieth.
const GROWTH_MIB: u64 = 32;

fn records() -> usize {
    if std::env::var_os("MASTRA_TEST_SOAK").is_some() { 1_000_000 } else { 200_000 }
}

/// The process's peak resident memory, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn record(number: usize) -> NewRecord {
    let notes = format!("note {number} ").repeat(20);
    NewRecord::new(
        format!("c{number}"),
        json!({ "name": format!("n{number}"), "amount": number, "tags": ["a", "b"], "notes": notes }),
    )
}

/// Loads and reads everything, and prints the peak after a twentieth of the load, after the load, and after the stream.
async fn load_and_stream(engine: Arc<dyn Engine>) {
    let count = records();
    let mut peaks = Vec::new();
    for start in (0..count).step_by(1_000) {
        let batch = SyncBatch::new("Contacts", "crm", (start..(start + 1_000).min(count)).map(record));
        engine.sync_records(&batch.last_sync_id(start.to_string())).await.unwrap();
        if start + 1_000 == count / 20 {
            peaks.push(peak());
        }
    }
    peaks.push(peak());
    let mut stream = engine.stream_records(&EntityRef::from("Contacts"), &RecordQuery::new()).await.unwrap();
    let mut seen = 0;
    while let Some(record) = stream.try_next().await.unwrap() {
        assert_eq!(record.data["amount"], seen, "in order of creation, none left out");
        seen += 1;
    }
    assert_eq!(seen, count);
    peaks.push(peak());
    println!("peaks {}", peaks.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
}

/// Runs a test of this file again as a child and checks the peaks that it prints.
fn check(test: &str) {
    let child =
        Command::new(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{out}{}", String::from_utf8_lossy(&child.stderr));
    let line = out.lines().find_map(|line| line.split_once("peaks ")).expect("the child prints its peaks").1;
    let peaks: Vec<u64> = line.split_whitespace().map(|peak| peak.parse().unwrap()).collect();
    let [early, loaded, streamed] = peaks[..] else { panic!("three peaks: {line}") };
    println!("{} records: {early} MiB early, {loaded} MiB loaded, {streamed} MiB streamed", records());
    assert!(streamed < PEAK_MIB && loaded < early + GROWTH_MIB && streamed < early + GROWTH_MIB, "{line}");
}

#[test]
fn sqlite_streams_with_flat_memory() {
    if std::env::var_os(CHILD).is_none() {
        return check("sqlite_streams_with_flat_memory");
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("many.db").display());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async { load_and_stream(mastra_engine::connect(&url).await.unwrap()).await });
}

#[test]
fn postgres_streams_with_flat_memory() {
    if std::env::var_os(CHILD).is_none() {
        return check("postgres_streams_with_flat_memory");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let place = Postgres::fresh("flat").await;
        load_and_stream(Arc::new(place.engine().await)).await;
        place.drop_schema().await;
    });
}
