//! Many writers at once.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::TestSchema;
use futures::future::join_all;
use mastra_core::{
    Engine as _, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordStore as _, SyncBatch, TextSearch, UpsertMode, UpsertOptions,
};
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_writers_of_one_new_id_make_one_record() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(20).connect().await.unwrap());
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    for round in 0..5 {
        let writes = (0..20).map(|writer| {
            let (engine, id) = (Arc::clone(&engine), entity.id);
            tokio::spawn(async move {
                let record = NewRecord::new(format!("new-{round}"), json!({ format!("by{writer}"): true }));
                engine.upsert_records(&id.into(), &[record], &UpsertOptions::default()).await
            })
        });
        let reports: Vec<_> = join_all(writes).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
        assert_eq!(reports.iter().map(|report| report.created.len()).sum::<usize>(), 1, "one writer creates it");
        let ids: HashSet<_> =
            reports.iter().flat_map(|report| report.created.iter().chain(&report.updated)).map(|record| record.id).collect();
        assert_eq!(ids.len(), 1, "all speak of the same record");
        let found = engine.get_records_by_external_ids(&entity.id.into(), &[format!("new-{round}")]).await.unwrap();
        assert_eq!(found[0].data.as_object().unwrap().len(), 20, "no merge is lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_syncs_of_one_batch_in_different_orders_agree() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(10).connect().await.unwrap());
    let records: Vec<NewRecord> = (0..400).map(|n| NewRecord::new(format!("r{n}"), json!({ "n": n }))).collect();
    for round in 0..3 {
        let syncs = (0..10_usize).map(|sync| {
            let engine = Arc::clone(&engine);
            let mut records = records.clone();
            records.iter_mut().for_each(|record| record.data["round"] = json!(round));
            records.rotate_left(sync * 37);
            if sync % 2 == 0 {
                records.reverse();
            }
            // The entity itself is created by whoever comes first.
            let batch = SyncBatch::new("Shared", "c", records).last_sync_id(format!("page-{round}"));
            tokio::spawn(async move { engine.sync_records(&batch).await })
        });
        let reports: Vec<_> = join_all(syncs).await.into_iter().map(|done| done.unwrap().unwrap()).collect();
        let created: usize = reports.iter().map(|report| report.records.created.len()).sum();
        let updated: usize = reports.iter().map(|report| report.records.updated.len()).sum();
        assert_eq!((created, updated), if round == 0 { (400, 0) } else { (0, 400) });
        assert!(reports.iter().all(|report| report.records.total() == 400));
        assert!(reports.iter().all(|report| report.entity.last_sync_id.as_deref() == Some(&*format!("page-{round}"))));
    }
    let mut conn = schema.connection().await;
    let (entities, rows, distinct): (i64, i64, i64) =
        sqlx::query_as("SELECT (SELECT count(*) FROM entities), count(*), count(DISTINCT external_id) FROM records")
            .fetch_one(&mut conn)
            .await
            .unwrap();
    assert_eq!((entities, rows, distinct), (1, 400, 400));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn generations_grow_under_contention_and_times_never_stand_still() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(8).connect().await.unwrap());
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    // A trigger remembers every state of the row that was ever committed.
    let mut conn = schema.connection().await;
    let remember = format!(
        "CREATE TABLE \"{0}\".seen (generation bigint, updated_at timestamptz, at bigserial);
         CREATE FUNCTION \"{0}\".remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         INSERT INTO \"{0}\".seen VALUES (new.generation, new.updated_at); RETURN new; END $$;
         CREATE TRIGGER remember AFTER INSERT OR UPDATE ON records FOR EACH ROW EXECUTE FUNCTION \"{0}\".remember();",
        schema.name
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(remember)).execute(&mut conn).await.unwrap();
    let writes = (0..8).map(|writer| {
        let (engine, id) = (Arc::clone(&engine), entity.id);
        tokio::spawn(async move {
            for turn in 0..15 {
                let record = NewRecord::new("hot", json!({ format!("w{writer}"): turn }));
                let mode = if turn % 3 == 0 { UpsertMode::DeepMerge } else { UpsertMode::Merge };
                engine.upsert_records(&id.into(), &[record], &mode.into()).await.unwrap();
            }
        })
    });
    for done in join_all(writes).await {
        done.unwrap();
    }
    let ordered: bool = sqlx::query_scalar(
        "SELECT bool_and(grows) FROM (SELECT generation > lag(generation) OVER o AND updated_at > lag(updated_at) OVER o AS grows \
         FROM seen WINDOW o AS (ORDER BY at)) s WHERE grows IS NOT NULL",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    assert!(ordered);
    let data = engine.get_records_by_external_ids(&entity.id.into(), &["hot".into()]).await.unwrap().remove(0).data;
    let expected: Value = (0..8).map(|writer| (format!("w{writer}"), json!(14))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(data, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_writers_with_the_same_expectation_wins() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(10).connect().await.unwrap());
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    let mut generation = 0;
    for round in 0..5 {
        let writes = (0..10).map(|writer| {
            let (engine, id) = (Arc::clone(&engine), entity.id);
            tokio::spawn(async move {
                let record = NewRecord::new("one", json!({ "round": round, "writer": writer })).expect_generation(generation);
                engine.upsert_records(&id.into(), &[record], &UpsertOptions::default()).await
            })
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(writes).await.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!(won.len(), 1, "round {round}");
        assert!(
            lost.into_iter().all(|lost| lost.is_err_and(|error| error.kind() == ErrorKind::Conflict && !error.is_retryable()))
        );
        generation = engine.get_records_by_external_ids(&entity.id.into(), &["one".into()]).await.unwrap()[0].generation;
    }
}

/// A writer that read the entity before the declaration must not leave its record out of the index, nor a deletion one in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn declaring_a_text_index_among_writers_leaves_no_record_out() {
    let schema = TestSchema::new().await;
    let engine = Arc::new(schema.builder().max_connections(12).connect().await.unwrap());
    for round in 0..6 {
        let entity = engine.create_entity(&NewEntity::new(format!("E{round}"), "c")).await.unwrap();
        let start = Arc::new(tokio::sync::Barrier::new(9));
        let writers = (0..8).map(|writer| {
            let (engine, start, id) = (Arc::clone(&engine), Arc::clone(&start), entity.id);
            tokio::spawn(async move {
                start.wait().await;
                for turn in 0..6 {
                    let name = |n: usize| format!("w{writer}-{n}");
                    let batch = [
                        NewRecord::new(name(turn), json!({ "t": "fresh word" })),
                        NewRecord::new(name(0), json!({ "t": format!("word turn{turn}") })),
                    ];
                    engine.upsert_records(&id.into(), &batch, &UpsertOptions::default()).await.unwrap();
                    if turn == 4 {
                        let gone = mastra_core::RecordSelector::ExternalIds(vec![name(2)]);
                        engine.delete_records(&id.into(), &gone).await.unwrap();
                    }
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        start.wait().await;
        tokio::time::sleep(std::time::Duration::from_millis(round * 4)).await;
        engine.declare_text_index(&entity.id.into(), &["t".parse().unwrap()]).await.unwrap();
        for done in join_all(writers).await {
            done.unwrap();
        }
        let live = engine.get_records(&entity.id.into(), &RecordQuery::new()).await.unwrap().items.len();
        let found = engine.search_text(&entity.id.into(), &TextSearch::new("word").limit(1_000)).await.unwrap();
        assert_eq!((live, found.total as usize), (40, 40));
        let last = engine.search_text(&entity.id.into(), &TextSearch::new("turn5")).await.unwrap();
        assert_eq!(last.total, 8, "the index holds the last text");
    }
    engine.close().await.unwrap();
}
