//! How what is remembered of syncs is looked up, by sessions that know the tables from when they were small.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
#[path = "support/syncs.rs"]
mod support;

use common::TestSchema;
use mastra_core::{
    Checked, Engine as _, EngineExt as _, EntityRef, NewRecord, RecordStore as _, UpsertOptions,
    sync::{EnumerationChange, Hold, NewQuarantined, RunId},
};
use mastra_postgres::PostgresEngine;
use serde_json::json;
use sqlx::PgConnection;
use std::time::Duration;
use support::{LEASE, begin, hold, page, stake, syncs};

const ROWS: i64 = 100_000;
/// One stake in a hundred is not seen.
const UNSEEN: i64 = 100;
const TABLES: [&str; 4] = ["records", "sync_stakes", "sync_seen", "sync_quarantine"];

/// One round of everything that a sync asks and writes for a page.
async fn round(engine: &Checked<PostgresEngine>, run: &RunId, held: &Hold, turn: u32) {
    let ids: Vec<String> = (0..10).map(|n| format!("round {turn}/{n}")).collect();
    let records: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(id, json!({ "n": turn }))).collect();
    let mut page = page(run, held);
    page.stakes = ids.iter().map(|id| stake(id, None)).collect();
    page.seen.clone_from(&ids);
    page.dropped = turn.checked_sub(1).map_or(Vec::new(), |last| (0..5).map(|n| format!("round {last}/{n}")).collect());
    page.settled.clone_from(&page.dropped);
    page.quarantined = (0..5)
        .map(|n| NewQuarantined { key: format!("round {turn}/{n}"), external_id: None, raw: json!(n), error: "no".into() })
        .collect();
    let commit = async |transaction: &mut mastra_core::Transaction| {
        transaction.upsert_records(&EntityRef::Id(held.entity.id), &records, &UpsertOptions::default()).await?;
        let views = transaction.syncs().unwrap().read_stakes(held.entity.id, Some(held.target), &ids).await?;
        assert!(views.iter().all(|view| view.record.is_some()));
        transaction.syncs().unwrap().commit_page(&page).await
    };
    engine.transaction(commit).await.unwrap();
    let syncs = syncs(engine);
    let views = syncs.read_stakes(held.entity.id, Some(held.target), &ids).await.unwrap();
    assert!(views.iter().all(|view| view.own.is_some()));
    assert_eq!(syncs.list_stakes(held.target, Some("round"), 5).await.unwrap().len(), 5);
}

/// How many rows of each table were read one after the other, and how many look-ups there were.
async fn reads(conn: &mut PgConnection, schema: &str) -> Vec<(String, i64, i64)> {
    let sql = "SELECT relname::text, seq_tup_read, coalesce(idx_scan, 0) FROM pg_stat_user_tables \
               WHERE schemaname = $1 AND relname = ANY($2) ORDER BY relname";
    sqlx::query_as(sql).bind(schema).bind(TABLES.as_slice()).fetch_all(conn).await.unwrap()
}

#[tokio::test]
async fn look_ups_go_by_key_however_the_tables_have_grown_since_they_were_planned() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().max_connections(2).connect().await.unwrap();
    let run = begin(syncs(&engine), "run").await;
    let held = hold(syncs(&engine), &run, "E", LEASE).await;
    let mut first = page(&run, &held);
    first.enumeration = EnumerationChange::Begin;
    syncs(&engine).commit_page(&first).await.unwrap();
    let mut conn = schema.connection().await;
    round(&engine, &run, &held, 0).await;
    sqlx::raw_sql("ANALYZE").execute(&mut conn).await.unwrap();
    // Small tables: as long as they are, reading the whole of one is right, and plans are kept from the sixth time on.
    for turn in 1..=10 {
        round(&engine, &run, &held, turn).await;
    }
    for sql in [
        "INSERT INTO records (id, entity_id, external_id, entity_type, data, created_at, updated_at) \
         SELECT gen_random_uuid(), (SELECT entity_id FROM sync_targets WHERE id = $1), 'r' || n, 'E', '{}', now(), now() \
         FROM generate_series(1, $2) AS n",
        "INSERT INTO sync_stakes SELECT $1, 'r' || n, 'c', n, TRUE, NULL, '{}', now() FROM generate_series(1, $2) AS n",
        "INSERT INTO sync_seen SELECT $1, 'r' || n FROM generate_series(1, $2) AS n WHERE n % 100 > 0",
        "INSERT INTO sync_quarantine SELECT $1, 'r' || n, NULL, '1', 'no', 'run', 1, now(), now() FROM generate_series(1, $2) AS n",
    ] {
        sqlx::query(sql).bind(held.target.get()).bind(ROWS).execute(&mut conn).await.unwrap();
    }
    for turn in 11..=22 {
        round(&engine, &run, &held, turn).await;
    }
    // A session says what it read when it ends.
    engine.close().await.unwrap();
    let read = loop {
        let reads = reads(&mut conn, &schema.name).await;
        if reads.iter().find(|(table, ..)| table == "sync_stakes").is_some_and(|(.., lookups)| *lookups >= 23 * 10) {
            break reads;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(read.len(), TABLES.len());
    assert!(read.iter().all(|(_, rows, _)| *rows < ROWS), "a whole table was read: {read:?}");

    // What was not seen may be found by reading everything once, which is planned for the tables as they are.
    let engine = schema.engine().await;
    let unseen = syncs(&engine).list_unseen(held.target, 10_000).await.unwrap();
    assert_eq!(unseen.len() as i64, ROWS / UNSEEN, "what the rounds wrote was seen");
    assert!(unseen.iter().is_sorted_by(|one, other| one.external_id < other.external_id));
}
