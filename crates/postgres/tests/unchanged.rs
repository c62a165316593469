//! What does not change is not rewritten, locked or logged.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{OwnServer, TestSchema};
use mastra_core::{EntityRef, NewRecord, RecordStore as _, SyncBatch, UpsertMode};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

async fn wal(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint").fetch_one(conn).await.unwrap()
}

/// Where each row lies, and who last touched it.
async fn places(conn: &mut PgConnection, table: &'static str) -> Vec<(String, String, String)> {
    let statement = format!("SELECT ctid::text, xmin::text, xmax::text FROM {table} ORDER BY ctid");
    sqlx::query_as(AssertSqlSafe(statement)).fetch_all(conn).await.unwrap()
}

#[tokio::test]
async fn unchanged_records_write_nothing_to_the_log_and_stay_where_they_are() {
    let server = OwnServer::start();
    let schema = TestSchema::on(&server.url(), "mastra").await;
    let engine = schema.engine().await;
    for size in [1, 1_000, 6_000] {
        let records: Vec<NewRecord> = (0..size)
            .map(|n| NewRecord::new(format!("r{n}"), json!({ "n": n, "price": 1.5, "deep": { "a": [1, 2, { "b": null }] } })))
            .collect();
        // The same data, spelled in another way.
        let spelled: Vec<NewRecord> = (0..size)
            .map(|n| {
                let text = format!(r#"{{ "deep": {{ "a": [1.0, 2, {{ "b": null }}] }}, "price": 1.50, "n": {n}.0 }}"#);
                NewRecord::new(format!("r{n}"), serde_json::from_str(&text).unwrap())
            })
            .collect();
        let name = format!("E{size}");
        let batch = |records: &[NewRecord]| SyncBatch::new(&name, "c", records.to_vec()).last_sync_id("cursor");
        let first = engine.sync_records(&batch(&records)).await.unwrap();
        assert_eq!(first.records.created.len(), size);
        engine.declare_text_index(&EntityRef::from(&first.entity), &["deep".parse().unwrap()]).await.unwrap();

        let mut conn = schema.connection().await;
        // After a checkpoint a page that is touched at all goes to the log whole.
        for statement in ["VACUUM", "CHECKPOINT"] {
            sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
        }
        let (rows, entities, texts) =
            (places(&mut conn, "records").await, places(&mut conn, "entities").await, places(&mut conn, "record_texts").await);
        // Reading prunes pages by the way, those of the catalog too: a first round does it.
        engine.sync_records(&batch(&spelled)).await.unwrap();
        engine.upsert_records(&EntityRef::from(&first.entity), &spelled, &UpsertMode::DeepMerge.into()).await.unwrap();
        let before = wal(&mut conn).await;
        for again in [&records, &spelled] {
            let report = engine.sync_records(&batch(again)).await.unwrap();
            assert_eq!(report.records.unchanged, first.records.created, "unchanged, with the ids of the records");
        }
        for mode in [UpsertMode::Merge, UpsertMode::Replace, UpsertMode::DeepMerge] {
            let report = engine.upsert_records(&EntityRef::from(&first.entity), &spelled, &mode.into()).await.unwrap();
            assert_eq!(report.unchanged.len(), size, "{mode:?}");
        }
        assert_eq!(wal(&mut conn).await - before, 0, "bytes of log for {size} unchanged records");
        assert!(rows == places(&mut conn, "records").await, "the rows were touched");
        assert!(entities == places(&mut conn, "entities").await, "the entity's row was touched");
        assert!(texts == places(&mut conn, "record_texts").await, "the text index was touched");
    }
}

/// One changed record among many writes about one record's worth.
#[tokio::test]
async fn a_changed_record_does_not_take_its_neighbours_along() {
    let server = OwnServer::start();
    let schema = TestSchema::on(&server.url(), "mastra").await;
    let engine = schema.engine().await;
    let mut records: Vec<NewRecord> = (0..1_000).map(|n| NewRecord::new(format!("r{n}"), json!({ "n": n }))).collect();
    engine.sync_records(&SyncBatch::new("E", "c", records.clone())).await.unwrap();
    let mut conn = schema.connection().await;
    let before = places(&mut conn, "records").await;
    records[500].data = json!({ "n": -1 });
    let report = engine.sync_records(&SyncBatch::new("E", "c", records)).await.unwrap().records;
    assert_eq!((report.updated.len(), report.unchanged.len()), (1, 999));
    let after = places(&mut conn, "records").await;
    assert_eq!(before.iter().filter(|place| !after.contains(place)).count(), 1);
}
