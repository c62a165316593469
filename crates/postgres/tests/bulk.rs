//! Large batches keep the laws of small ones.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::TestSchema;
use futures::future::join_all;
use mastra_core::{
    Engine as _, EntityRef, NewEntity, NewRecord, RecordQuery, RecordSelector, RecordStore as _, SyncBatch, TextSearch,
    UpsertMode, UpsertOptions,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// More than any threshold.
const LARGE: usize = 5_000;

fn records(salt: u64) -> Vec<NewRecord> {
    (0..LARGE).map(|n| NewRecord::new(format!("r{n}"), json!({ "n": n, "salt": salt, "q": "it's \"quoted\" \\ \n" }))).collect()
}

#[tokio::test]
async fn a_large_batch_creates_merges_and_leaves_alone() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let first = engine.sync_records(&SyncBatch::new("E", "c", records(1)).last_sync_id("1")).await.unwrap();
    assert_eq!((first.records.created.len(), first.records.total()), (LARGE, LARGE));
    let order: Vec<String> = first.records.created.iter().map(|record| record.external_id.clone()).collect();
    assert_eq!(order, records(1).into_iter().map(|record| record.external_id).collect::<Vec<_>>(), "the order of the batch");
    let again = engine.sync_records(&SyncBatch::new("E", "c", records(1)).last_sync_id("1")).await.unwrap();
    assert_eq!(again.records.unchanged, first.records.created);

    // Half of it there, half new; one of those there deleted; an id twice; a type of its own.
    let entity = EntityRef::from(&first.entity);
    engine.delete_records(&entity, &RecordSelector::ExternalIds(vec!["r0".into()])).await.unwrap();
    let mut mixed: Vec<NewRecord> =
        (0..LARGE).map(|n| NewRecord::new(format!("r{}", n + LARGE / 2), json!({ "extra": true }))).collect();
    mixed.push(NewRecord::new("r0", json!({ "revived": 1 })));
    mixed.push(NewRecord::new(format!("r{LARGE}"), json!({ "twice": true })));
    mixed.push(NewRecord::new("typed", json!({})).entity_type("special"));
    let report = engine.upsert_records(&entity, &mixed, &UpsertOptions::default()).await.unwrap();
    assert_eq!((report.created.len(), report.updated.len(), report.unchanged.len()), (LARGE / 2 + 2, LARGE / 2, 0));
    let found =
        engine.get_records_by_external_ids(&entity, &["r0", "r1", "r4999", "r5000", "typed"].map(String::from)).await.unwrap();
    let data: Vec<&Value> = found.iter().map(|record| &record.data).collect();
    assert_eq!(*data[0], json!({ "revived": 1 }));
    assert_eq!(data[1]["salt"], json!(1));
    assert_eq!(*data[2], json!({ "n": 4999, "salt": 1, "q": "it's \"quoted\" \\ \n", "extra": true }));
    assert_eq!(*data[3], json!({ "extra": true, "twice": true }));
    assert_eq!(found[4].entity_type, "special");
    assert_eq!(found[3].entity_type, "E");
    assert!(found.iter().all(|record| record.created_at <= record.updated_at && record.deleted_at.is_none()));

    let replaced = engine.upsert_records(&entity, &records(2), &UpsertMode::Replace.into()).await.unwrap();
    assert_eq!(replaced.updated.len(), LARGE);
    let page = engine.get_records(&entity, &RecordQuery::new().limit(1)).await.unwrap();
    assert_eq!(page.items[0].data, records(2)[0].data, "what was revived keeps its id, and so its place");
}

/// They collide while they copy, go through the staging table, and none is lost or stored twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn large_batches_of_the_same_new_records_collide_without_an_error() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(4).connect().await.unwrap());
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    engine.declare_text_index(&entity.id.into(), &["word".parse().unwrap()]).await.unwrap();
    let syncs = (0..4_usize).map(|sync| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let mut batch = records(1);
            batch.iter_mut().for_each(|record| record.data = json!({ format!("s{sync}"): sync, "word": "searchable" }));
            batch.rotate_left(sync * 1_000);
            engine.sync_records(&SyncBatch::new("E", "c", batch)).await
        })
    });
    let reports: Vec<_> = join_all(syncs).await.into_iter().map(|done| done.unwrap().unwrap().records).collect();
    assert_eq!(reports.iter().map(|report| report.created.len()).sum::<usize>(), LARGE);
    assert_eq!(reports.iter().map(|report| report.updated.len()).sum::<usize>(), 3 * LARGE);
    let mut conn = schema.connection().await;
    let (rows, whole, staged, texts): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE data ?& ARRAY['s0','s1','s2','s3']), \
         (SELECT count(*) FROM record_staging), (SELECT count(*) FROM record_texts) FROM records",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert_eq!((rows, whole), (LARGE as i64, LARGE as i64), "every merge of every record");
    assert_eq!(staged, 0, "nothing stays in the staging table");
    assert_eq!(texts, LARGE as i64);
    let found = engine.search_text(&entity.id.into(), &TextSearch::new("searchable").limit(1)).await.unwrap();
    assert_eq!(found.total, LARGE as u64);
}

#[tokio::test]
async fn a_large_batch_in_a_callers_transaction_is_undone_with_it() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    let transaction = engine.begin().await.unwrap();
    transaction.upsert_records(&entity.id.into(), &records(1), &UpsertOptions::default()).await.unwrap();
    let inside = transaction.count_records(&entity.id.into(), &Default::default()).await.unwrap();
    assert_eq!(inside.value, LARGE as u64);
    transaction.rollback().await.unwrap();
    let outside = engine.count_records(&entity.id.into(), &Default::default()).await.unwrap();
    assert_eq!(outside.value, 0);
}
