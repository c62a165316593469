//! The loop goes on behind failures, and stops when it is told to.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use mastra_core::Engine;
use mastra_sync::{Failure, Mastra, SyncErrorKind, define};
use mastra_sync_loop::run_every;
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

async fn engine() -> Arc<dyn Engine> {
    Arc::new(mastra_sqlite::connect("sqlite::memory:").await.unwrap())
}

#[tokio::test]
async fn a_run_that_fails_does_not_end_the_loop() {
    let times = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&times);
    let sync = define("flaky").execute(move |_| {
        let time = counted.fetch_add(1, Ordering::SeqCst);
        async move { if time == 1 { Err(Failure::message("the source is away")) } else { Ok(json!(time)) } }
    });
    let mastra = Mastra::builder().engine(engine().await).sync(sync).build().unwrap();
    let stop = CancellationToken::new();
    let mut results = Vec::new();
    run_every(Duration::from_millis(1), &mastra, "flaky", &Value::Null, &stop, |result| {
        results.push(result.map(|done| done.output).map_err(|error| error.kind()));
        if results.len() == 3 {
            stop.cancel();
        }
    })
    .await;
    assert_eq!(results, [Ok(json!(0)), Err(SyncErrorKind::Failed), Ok(json!(2))]);
    assert_eq!(times.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_run_that_is_under_way_is_told_to_stop() {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let sync = define("long").execute(move |ctx| {
        stopping.cancel();
        async move {
            ctx.cancelled().await;
            ctx.check()?;
            Ok(Value::Null)
        }
    });
    let mastra = Mastra::builder().engine(engine().await).sync(sync).build().unwrap();
    let mut results = Vec::new();
    let told = |result: Result<mastra_sync::Completed<Value>, mastra_sync::SyncError>| results.push(result.unwrap_err().kind());
    run_every(Duration::from_millis(1), &mastra, "long", &Value::Null, &stop, told).await;
    assert_eq!(results, [SyncErrorKind::Cancelled]);
}

/// The program follows its file, and Ctrl-C ends it well.
#[cfg(unix)]
#[test]
fn the_program_follows_its_file_until_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let (file, database) = (folder.path().join("lines.jsonl"), folder.path().join("lines.db"));
    std::fs::write(&file, "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_sync-loop"))
        .args([file.as_os_str(), database.as_os_str(), "1".as_ref()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "2 created, 0 updated, 0 deleted, 0 failed");
    // Written beside and moved, so that no half of it is read.
    let next = folder.path().join("next");
    std::fs::write(&next, "{\"id\":\"a\",\"n\":2}\n").unwrap();
    std::fs::rename(&next, &file).unwrap();
    let changed = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("1 updated"))).unwrap().unwrap();
    assert_eq!(changed, "0 created, 1 updated, 1 deleted, 0 failed");
    let interrupted = Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(program.wait().unwrap().success());
}
