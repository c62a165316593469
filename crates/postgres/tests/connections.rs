//! How connections are used: few of them, none held back from a caller who waits, none left in the middle of an answer.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::TestSchema;
use futures::{StreamExt as _, TryStreamExt as _};
use mastra_core::{Engine as _, EntityRef, NewRecord, RecordQuery, RecordStore as _, RecordStoreExt as _, SyncBatch};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// Loads so many records, and says where they are.
async fn load(schema: &TestSchema, records: usize) -> EntityRef {
    let engine = schema.engine().await;
    let records =
        (0..records).map(|number| NewRecord::new(format!("c{number}"), json!({ "n": number, "text": "x".repeat(400) })));
    let report = engine.sync_records(&SyncBatch::new("Contacts", "crm", records)).await.unwrap();
    engine.close().await.unwrap();
    EntityRef::Id(report.entity.id)
}

#[tokio::test]
async fn reads_in_a_row_use_one_connection() {
    let schema = TestSchema::new().await;
    let entity = load(&schema, 10).await;
    let engine = schema.builder().application_name(&schema.name).connect().await.unwrap();
    for number in 0..200 {
        engine.get_record_by_external_id(&entity, &format!("c{}", number % 10)).await.unwrap();
    }
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = left($1, 63)";
    let used: i64 = sqlx::query_scalar(count).bind(&schema.name).fetch_one(&mut schema.connection().await).await.unwrap();
    assert_eq!(used, 1);
}

#[tokio::test]
async fn a_lone_connection_serves_reads_and_writes_by_turns() {
    let schema = TestSchema::new().await;
    let entity = load(&schema, 10).await;
    let engine = schema.builder().max_connections(1).acquire_timeout(Duration::from_secs(5)).connect().await.unwrap();
    for number in 0..20 {
        engine.get_record_by_external_id(&entity, "c1").await.unwrap();
        let change = [NewRecord::new("c1", json!({ "n": number + 100 }))];
        engine.upsert_records(&entity, &change, &Default::default()).await.unwrap();
        let transaction = engine.begin().await.unwrap();
        assert_eq!(transaction.get_record_by_external_id(&entity, "c1").await.unwrap().data["n"], number + 100);
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_connection_that_is_kept() {
    let schema = TestSchema::new().await;
    let entity = load(&schema, 10).await;
    let engine = schema.builder().max_connections(2).acquire_timeout(Duration::from_secs(10)).connect().await.unwrap();
    let engine = Arc::new(engine);
    let tasks = (0..16).map(|task| {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        tokio::spawn(async move {
            for number in 0..40 {
                if (task + number) % 3 == 0 {
                    let change = [NewRecord::new(format!("w{task}"), json!({ "n": number }))];
                    engine.upsert_records(&entity, &change, &Default::default()).await.unwrap();
                } else {
                    engine.get_record_by_external_id(&entity, "c1").await.unwrap();
                }
            }
        })
    });
    futures::future::try_join_all(tasks).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_dropped_frees_its_connection() {
    let schema = TestSchema::new().await;
    let entity = load(&schema, 5_000).await;
    let engine = schema.builder().max_connections(1).acquire_timeout(Duration::from_secs(5)).connect().await.unwrap();
    for _ in 0..3 {
        let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await.unwrap();
        for _ in 0..300 {
            stream.next().await.unwrap().unwrap();
        }
        drop(stream);
        assert_eq!(engine.get_record_by_external_id(&entity, "c7").await.unwrap().data["n"], 7);
    }
    let all = engine.stream_records(&entity, &RecordQuery::new()).await.unwrap();
    assert_eq!(all.try_fold(0, |count, _| async move { Ok(count + 1) }).await.unwrap(), 5_000);
}

#[test]
fn an_engine_may_be_dropped_where_no_runtime_is() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (schema, engine) = runtime.block_on(async {
        let schema = TestSchema::new().await;
        let entity = load(&schema, 1).await;
        let engine = schema.engine().await;
        engine.get_record_by_external_id(&entity, "c0").await.unwrap();
        (schema, engine)
    });
    drop(engine);
    drop(runtime);
    drop(schema);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_leaves_its_connection_in_order() {
    let schema = TestSchema::new().await;
    let entity = load(&schema, 10).await;
    let engine = schema.builder().max_connections(1).acquire_timeout(Duration::from_secs(10)).connect().await.unwrap();
    let mut other = schema.connection().await;
    for number in 0..200_u64 {
        let change = [NewRecord::new("given-up", json!({ "n": number }))];
        let pause = Duration::from_micros(number * 15);
        match number % 3 {
            0 => drop(tokio::time::timeout(pause, engine.begin()).await),
            1 => drop(tokio::time::timeout(pause, engine.upsert_records(&entity, &change, &Default::default())).await),
            _ => drop(tokio::time::timeout(pause, engine.sync_records(&SyncBatch::new("Contacts", "crm", change))).await),
        }
        let whole = [NewRecord::new("c1", json!({ "n": number }))];
        engine.upsert_records(&entity, &whole, &Default::default()).await.unwrap();
        // What was written is seen by others: it does not stand in a transaction that somebody else began.
        let seen = "SELECT data ->> 'n' FROM records WHERE external_id = 'c1'";
        let seen: String = sqlx::query_scalar(seen).fetch_one(&mut other).await.unwrap();
        assert_eq!(seen, number.to_string());
    }
}

#[test]
fn a_transaction_can_be_dropped_anywhere() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (schema, engine, entity) = runtime.block_on(async {
        let schema = TestSchema::new().await;
        let entity = load(&schema, 1).await;
        let engine = schema.builder().max_connections(1).acquire_timeout(Duration::from_secs(10)).connect().await.unwrap();
        (schema, engine, entity)
    });
    let begin = async {
        let transaction = engine.begin().await.unwrap();
        transaction.upsert_records(&entity, &[NewRecord::new("lost", json!({}))], &Default::default()).await.unwrap();
        transaction
    };
    // Outside the runtime, while it runs.
    drop(runtime.block_on(begin));
    let found = runtime.block_on(engine.get_records_by_external_ids(&entity, &["lost".to_owned()])).unwrap();
    assert!(found.is_empty(), "the transaction was rolled back, and its connection is free");
    // And behind its end.
    let transaction = runtime.block_on(engine.begin()).unwrap();
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(transaction);
    drop((engine, schema));
}
