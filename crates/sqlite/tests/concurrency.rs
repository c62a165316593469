//! Writers side by side: tasks, processes, and processes that die.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{FILE, ROLE, file, start};
use mastra_core::{
    Checked, CountQuery, Engine as _, EngineExt as _, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordStore as _,
    RecordStoreExt as _, SyncBatch, UpsertOptions,
};
use mastra_sqlite::SqliteEngine;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

async fn open(path: impl AsRef<Path>) -> Checked<SqliteEngine> {
    SqliteEngine::builder(path).connect().await.unwrap()
}

/// What child processes do; nothing in an ordinary run.
#[tokio::test]
async fn child() {
    let (Ok(role), Ok(path)) = (std::env::var(ROLE), std::env::var(FILE)) else { return };
    let engine = open(&path).await;
    match role.as_str() {
        "count up" => {
            for _ in 0..25 {
                engine
                    .transaction_with_retry(async |tx| {
                        let counter = tx.get_record_by_external_id(&EntityRef::named("Counters"), "n").await?;
                        let next = counter.data["n"].as_i64().unwrap_or_default() + 1;
                        let records = [NewRecord::new("n", json!({ "n": next }))];
                        tx.upsert_records(&EntityRef::named("Counters"), &records, &UpsertOptions::default()).await
                    })
                    .await
                    .unwrap();
            }
        }
        "sync for ever" => {
            for batch in 1.. {
                let records =
                    (0..200).map(|id| NewRecord::new(format!("r{id}"), json!({ "batch": batch, "pad": "x".repeat(2_000) })));
                engine.sync_records(&SyncBatch::new("Batches", "test", records).last_sync_id(batch.to_string())).await.unwrap();
                println!("committed {batch}");
            }
        }
        other => panic!("no such role: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_writers_of_one_new_id_make_one_record() {
    let (_directory, engine) = file().await;
    let engine = Arc::new(engine);
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Contacts", "crm")).await.unwrap());
    let tasks: Vec<_> = (0..20)
        .map(|writer| {
            let (engine, entity) = (Arc::clone(&engine), entity.clone());
            tokio::spawn(async move {
                let record = NewRecord::new("same", json!({ format!("k{writer}"): writer }));
                engine.upsert_records(&entity, &[record], &UpsertOptions::default()).await.unwrap()
            })
        })
        .collect();
    let mut created = 0;
    let mut ids = BTreeSet::new();
    for task in tasks {
        let report = task.await.unwrap();
        created += report.created.len();
        ids.extend(report.created.iter().chain(&report.updated).map(|record| record.id));
    }
    assert_eq!((created, ids.len()), (1, 1));
    let records = engine.get_records(&entity, &RecordQuery::new()).await.unwrap().items;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].data.as_object().unwrap().len(), 20, "no writer's key is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_syncs_of_one_batch_in_different_orders_make_no_duplicates() {
    let (_directory, engine) = file().await;
    let engine = Arc::new(engine);
    let tasks: Vec<_> = (0..10)
        .map(|writer| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let mut records: Vec<NewRecord> =
                    (0..300).map(|id| NewRecord::new(format!("r{id}"), json!({ "id": id }))).collect();
                records.rotate_left(writer * 30);
                if writer % 2 == 0 {
                    records.reverse();
                }
                engine.sync_records(&SyncBatch::new("Contacts", "crm", records)).await.unwrap().records
            })
        })
        .collect();
    let mut created = 0;
    for task in tasks {
        let report = task.await.unwrap();
        assert_eq!(report.updated.len(), 0);
        created += report.created.len();
    }
    assert_eq!(created, 300);
    let count = engine.count_records(&EntityRef::named("Contacts"), &CountQuery::default()).await.unwrap();
    assert_eq!(count.value, 300);
}

#[tokio::test]
async fn processes_that_write_one_file_lose_nothing() {
    let (directory, engine) = file().await;
    engine.sync_records(&SyncBatch::new("Counters", "test", [NewRecord::new("n", json!({ "n": 0 }))])).await.unwrap();
    let path = directory.path().join("mastra.db");
    let children: Vec<Child> = (0..4).map(|_| start("count up", &path)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let counter = engine.get_record_by_external_id(&EntityRef::named("Counters"), "n").await.unwrap();
    assert_eq!(counter.data, json!({ "n": 100 }));
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_whole_batches() {
    use std::io::{BufRead as _, BufReader};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    let mut acknowledged = 0;
    for round in 0..6_u64 {
        let mut child = start("sync for ever", &path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            // The batches of each process begin at 1 again.
            let Some(batch) = line.split("committed ").nth(1).and_then(|batch| batch.trim().parse::<u64>().ok()) else {
                continue;
            };
            acknowledged = batch;
            if batch > round {
                // Somewhere inside the next batch.
                std::thread::sleep(Duration::from_micros(700 * round));
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let engine = open(&path).await;
        let entity = engine.get_entity(Some("Batches"), None).await.unwrap();
        let stored: u64 = entity.last_sync_id.as_deref().unwrap().parse().unwrap();
        assert!(stored >= acknowledged, "an acknowledged batch is lost: {stored} < {acknowledged}");
        let records = engine.get_records(&EntityRef::from(&entity), &RecordQuery::new()).await.unwrap().items;
        assert_eq!(records.len(), 200);
        assert!(records.iter().all(|record| record.data["batch"] == stored), "a batch is there in part");
        engine.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_second_writer_waits_and_gives_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    let patient = Duration::from_millis(150);
    let engine = SqliteEngine::builder(&path).acquire_timeout(patient).busy_timeout(patient).connect().await.unwrap();
    let other = SqliteEngine::builder(&path).acquire_timeout(patient).busy_timeout(patient).connect().await.unwrap();
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Contacts", "crm")).await.unwrap());
    let open = engine.begin().await.unwrap();
    let record = [NewRecord::new("1", json!({}))];
    open.upsert_records(&entity, &record, &UpsertOptions::default()).await.unwrap();
    for waiting in [&engine, &other] {
        let late = waiting.upsert_records(&entity, &record, &UpsertOptions::default()).await.unwrap_err();
        assert_eq!((late.kind(), late.is_retryable()), (ErrorKind::Timeout, true), "{late}");
        assert_eq!(waiting.count_records(&entity, &CountQuery::default()).await.unwrap().value, 0, "reads do not wait");
    }
    open.commit().await.unwrap();
    for waiting in [&engine, &other] {
        assert_eq!(waiting.upsert_records(&entity, &record, &UpsertOptions::default()).await.unwrap().unchanged.len(), 1);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let (_directory, engine) = file().await;
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Contacts", "crm")).await.unwrap());
    let records: Vec<NewRecord> = (0..500).map(|id| NewRecord::new(format!("r{id}"), json!({ "n": id }))).collect();
    for micros in (0..4_000).step_by(200) {
        let options = UpsertOptions::default();
        let write = engine.upsert_records(&entity, &records, &options);
        let done = tokio::time::timeout(Duration::from_micros(micros), write).await.is_ok();
        let count = engine.count_records(&entity, &CountQuery::default()).await.unwrap().value;
        assert!(count == 500 || (count == 0 && !done), "{count} records behind a call that was dropped");
        engine.upsert_records(&entity, &[NewRecord::new("r0", json!({ "n": 0 }))], &UpsertOptions::default()).await.unwrap();
        engine.delete_records(&entity, &mastra_core::RecordSelector::All).await.unwrap();
        engine.purge_records(&entity, &mastra_core::PurgeOptions::default()).await.unwrap();
    }
}
