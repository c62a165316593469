//! The server goes away and comes back; a client dies in the middle of its work.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{OwnServer, TestSchema};
use futures::future::join_all;
use mastra_core::{Engine as _, EntityRef, ErrorKind, NewRecord, RecordQuery, RecordStore as _, SyncBatch};
use serde_json::json;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Under load, once stopped in order and once killed: every failure is `Unavailable` or a `Timeout`, and retryable; work resumes on
/// the same engine; what was acknowledged is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restart_under_load_loses_nothing_that_was_acknowledged() {
    let mut own = OwnServer::start();
    let schema = TestSchema::on(&own.url(), "mastra").await;
    let builder = schema.builder().max_connections(6).acquire_timeout(Duration::from_secs(5));
    let engine = Arc::new(builder.connect().await.unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let (failures, successes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = (0..6)
        .map(|writer| {
            let (engine, stop) = (Arc::clone(&engine), Arc::clone(&stop));
            let (failures, successes) = (Arc::clone(&failures), Arc::clone(&successes));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                let mut turn = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    let ids = [format!("{writer}-{turn}-a"), format!("{writer}-{turn}-b")];
                    let records = ids.clone().map(|id| NewRecord::new(id, json!({ "turn": turn })));
                    match engine.sync_records(&SyncBatch::new("E", "c", records)).await {
                        Ok(_) => {
                            acknowledged.extend(ids);
                            successes.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(
                                matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) && error.is_retryable(),
                                "{error:?}"
                            );
                            failures.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                    turn += 1;
                }
                acknowledged
            })
        })
        .collect();
    let reach = async |wanted: usize| {
        while successes.load(Ordering::Relaxed) < wanted {
            assert!(!writers.iter().any(tokio::task::JoinHandle::is_finished), "a writer gave up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    for crash in [false, true] {
        reach(successes.load(Ordering::Relaxed) + 30).await;
        let before = failures.load(Ordering::Relaxed);
        let mut server = own.server.take().unwrap();
        server = tokio::task::spawn_blocking(move || {
            if crash {
                server.kill_immediately().unwrap()
            } else {
                server.stop().unwrap()
            }
            server
        })
        .await
        .unwrap();
        // Down until somebody noticed.
        while failures.load(Ordering::Relaxed) == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        own.server = Some(tokio::task::spawn_blocking(move || server.restart().map(|()| server)).await.unwrap().unwrap());
        reach(successes.load(Ordering::Relaxed) + 30).await;
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<String> = join_all(writers).await.into_iter().flat_map(Result::unwrap).collect();
    let found = engine.get_records_by_external_ids(&"E".into(), &acknowledged).await.unwrap();
    assert_eq!(found.len(), acknowledged.len());
    // Each batch is there whole or not at all, also those of which nobody heard.
    let all = engine.get_records(&"E".into(), &RecordQuery::new()).await.unwrap().items;
    assert_eq!(all.len() % 2, 0);
    engine.close().await.unwrap();
}

const CHILD: &str = "MASTRA_TEST_CHILD_OF";
const BATCH: usize = 400;

/// Not a test of its own: what the next test runs as a process and kills.
#[tokio::test]
async fn child() {
    let Ok(target) = std::env::var(CHILD) else { return };
    let (url, name) = target.rsplit_once(' ').unwrap();
    let engine = mastra_postgres::PostgresEngine::builder(url).schema(name).connect().await.unwrap();
    let start: usize = match engine.resolve_entity(&"E".into()).await {
        Ok(entity) => entity.last_sync_id.unwrap().parse().unwrap(),
        Err(error) if error.is_not_found() => 0,
        Err(error) => panic!("{error:?}"),
    };
    for page in start.. {
        let records = (0..BATCH).map(|n| NewRecord::new(format!("r{}", page * BATCH + n), json!({ "page": page })));
        let batch = SyncBatch::new("E", "c", records).last_sync_id((page + 1).to_string());
        println!("begin {page}");
        engine.sync_records(&batch).await.unwrap();
    }
}

/// However a process dies, what is stored is what its cursor says: all pages before it, whole, and nothing behind it.
#[tokio::test]
async fn a_killed_process_leaves_whole_batches_and_the_next_one_goes_on() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let mut last = 0;
    for round in 0..6_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, format!("{} {}", schema.url, schema.name))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Into the third batch of this process, and a little on: the kill lands inside one.
        for _ in 0..3 {
            assert!(lines.any(|line| line.unwrap().starts_with("begin")), "the child ended by itself");
        }
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // The server notices the loss of its client when it next writes to it.
        let mut conn = schema.connection().await;
        loop {
            let open: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND state <> 'idle' AND query ILIKE $1",
            )
            .bind(format!("%{}%", schema.name))
            .fetch_one(&mut conn)
            .await
            .unwrap();
            if open == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let entity = engine.resolve_entity(&"E".into()).await.unwrap();
        let pages: usize = entity.last_sync_id.as_deref().unwrap().parse().unwrap();
        let stored = engine.count_records(&EntityRef::from(&entity), &Default::default()).await.unwrap().value;
        assert_eq!(stored as usize, pages * BATCH);
        assert!(pages > last, "the next process went on from the cursor");
        last = pages;
    }
}
