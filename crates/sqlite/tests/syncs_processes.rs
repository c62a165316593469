//! Syncs of several processes on one file, and of processes that die.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;
#[path = "common/syncs.rs"]
mod syncs;

use common::{FILE, ROLE, start};
use mastra_core::sync::{Acquired, EnumerationChange, RunState, SyncStore};
use mastra_core::{Checked, Engine as _, EngineExt as _, EntityRef, NewRecord, RecordQuery, RecordStore as _, UpsertOptions};
use mastra_sqlite::SqliteEngine;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;
use syncs::{LEASE, SHORT, begin, hold, page, stake, take_over};

async fn open(path: impl AsRef<Path>) -> Checked<SqliteEngine> {
    SqliteEngine::builder(path).connect().await.unwrap()
}

fn contacts() -> EntityRef {
    EntityRef::named("Contacts").in_connection("crm")
}

/// What child processes do; nothing in an ordinary run.
#[tokio::test]
async fn child() {
    let (Ok(role), Ok(path)) = (std::env::var(ROLE), std::env::var(FILE)) else { return };
    let engine = open(&path).await;
    match role.as_str() {
        "acquire" => match engine.acquire(&hold(&std::process::id().to_string(), LEASE)).await.unwrap() {
            Acquired::Held(hold) => println!("held {}", hold.fence),
            Acquired::Busy { run_id, .. } => println!("busy {run_id}"),
        },
        "sync for ever" => {
            let id = std::process::id().to_string();
            engine.begin_run(&syncs::run(&id, SHORT)).await.unwrap();
            let mine = take_over(engine.syncs().unwrap(), &id).await;
            for batch in 1_u64.. {
                let records: Vec<NewRecord> =
                    (0..200).map(|id| NewRecord::new(format!("r{id}"), json!({ "batch": batch }))).collect();
                let mut page = page(&mine, &id);
                // Over by the time that the next process comes.
                page.lease = SHORT;
                page.cursor = Some(batch.to_string());
                page.enumeration = if batch == 1 { EnumerationChange::Begin } else { EnumerationChange::Keep };
                page.seen = records.iter().map(|record| record.external_id.clone()).chain([format!("seen {batch}")]).collect();
                page.stakes = records.iter().map(|record| stake(&record.external_id, batch.to_string())).collect();
                page.ledger.target.counts.read = batch;
                engine
                    .transaction(async |tx| {
                        tx.upsert_records(&contacts(), &records, &UpsertOptions::default()).await?;
                        tx.syncs().unwrap().commit_page(&page).await
                    })
                    .await
                    .unwrap();
                println!("committed {batch}");
            }
        }
        other => panic!("no such role: {other}"),
    }
}

#[tokio::test]
async fn of_several_processes_that_want_a_target_one_gets_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    let engine = open(&path).await;
    let children: Vec<_> = (0..4).map(|_| start("acquire", &path)).collect();
    let mut held = Vec::new();
    let mut busy = Vec::new();
    for child in children {
        let id = child.id().to_string();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        match said.split_once("busy ") {
            Some((_, holder)) => busy.push(holder.split_whitespace().next().unwrap().to_owned()),
            None => {
                assert!(said.contains("held 1"), "{said}");
                held.push(id);
            }
        }
    }
    assert_eq!((held.len(), busy.len()), (1, 3));
    assert!(busy.iter().all(|holder| *holder == held[0]), "{busy:?}");
    let [target] = engine.list_targets(None).await.unwrap().try_into().unwrap();
    assert_eq!(target.holder.unwrap().0.as_str(), held[0]);
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_whole_pages() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    for round in 0..5_u64 {
        let mut child = start("sync for ever", &path);
        let mut acknowledged = 0;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            let Some(batch) = line.split("committed ").nth(1).and_then(|batch| batch.trim().parse::<u64>().ok()) else {
                continue;
            };
            acknowledged = batch;
            if batch > round {
                // Somewhere inside the next page.
                std::thread::sleep(Duration::from_micros(900 * round));
                child.kill().unwrap();
                break;
            }
        }
        let run = mastra_core::sync::RunId::new(child.id().to_string());
        child.wait().unwrap();
        let engine = open(&path).await;
        let [target] = engine.list_targets(None).await.unwrap().try_into().unwrap();
        let stored = target.state.cursor.clone().unwrap();
        let batch: u64 = stored.parse().unwrap();
        assert!(batch >= acknowledged, "an acknowledged page is lost: {stored} < {acknowledged}");
        assert_eq!(target.entity.last_sync_id.as_ref(), Some(&stored));
        let ledger = engine.get_run(&run).await.unwrap();
        assert!(matches!(ledger.state, RunState::Running | RunState::Lost));
        assert_eq!(ledger.targets[0].counts.read, batch);
        let records = engine.get_records(&contacts(), &RecordQuery::new()).await.unwrap().items;
        assert!(records.iter().all(|record| record.data["batch"] == batch), "a page is there in part");
        let stakes = engine.list_stakes(target.id, None, 1_000).await.unwrap();
        assert_eq!((records.len(), stakes.len()), (200, 200));
        assert!(stakes.iter().all(|stake| stake.content == stored));
        let ids: Vec<String> = stakes.into_iter().map(|stake| stake.external_id).collect();
        for view in engine.read_stakes(target.entity.id, Some(target.id), &ids).await.unwrap() {
            assert_eq!(view.own.unwrap().generation, view.record.unwrap().generation);
        }
        engine.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_dead_process_held_is_taken_over_with_a_greater_fence() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    let engine = open(&path).await;
    let first = begin(engine.syncs().unwrap(), "1", SHORT).await;
    let mut child = start("sync for ever", &path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let committed = lines.map_while(Result::ok).any(|line| line.contains("committed 2"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(committed);
    let third = take_over(engine.syncs().unwrap(), "3").await;
    assert_eq!((third.target, first.fence, third.fence), (first.target, 1, 3));
    assert!(third.state.enumeration.as_ref().is_some_and(|enumeration| !enumeration.read), "{:?}", third.state);
}
