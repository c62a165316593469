//! Faults happen at exactly the call that was asked for, with the effect that was asked for.
#![allow(clippy::unwrap_used, reason = "in a test an error is a failure")]

use futures::StreamExt as _;
use mastra_core::{
    CountQuery, Engine as _, EngineExt as _, EntityQuery, EntityRef, Error, ErrorKind, NewEntity, NewRecord, RecordQuery,
    RecordStore as _, SyncBatch, Transaction, UpsertOptions,
};
use mastra_mock::{Fault, MockEngine};
use serde_json::json;
use std::time::Duration;

type Engine = mastra_core::Checked<MockEngine>;

async fn engine() -> (Engine, EntityRef) {
    let engine = MockEngine::new().checked();
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    (engine, EntityRef::Id(entity.id))
}

async fn put(engine: &Engine, entity: &EntityRef, id: &str) -> mastra_core::Result<()> {
    engine.upsert_records(entity, &[NewRecord::new(id, json!({}))], &UpsertOptions::default()).await.map(drop)
}

async fn count(engine: &Engine, entity: &EntityRef) -> u64 {
    engine.count_records(entity, &CountQuery::default()).await.unwrap().value
}

#[tokio::test]
async fn the_nth_call_fails_and_no_other() {
    let (engine, entity) = engine().await;
    engine.inner().faults().add(Fault::on("upsert_records").nth(3).fail(ErrorKind::PermissionDenied));
    for call in 1..=5 {
        let kind = put(&engine, &entity, &call.to_string()).await.map_err(|error| error.kind());
        assert_eq!(kind, if call == 3 { Err(ErrorKind::PermissionDenied) } else { Ok(()) }, "call {call}");
    }
    assert_eq!(count(&engine, &entity).await, 4);
    assert_eq!(engine.inner().faults().calls("upsert_records"), 5);
}

#[tokio::test]
async fn any_operation_from_some_call_on() {
    let (engine, entity) = engine().await;
    engine.inner().faults().add(Fault::on_any().from(2).fail(ErrorKind::Timeout));
    assert!(engine.ping().await.is_ok());
    assert_eq!(engine.ping().await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(put(&engine, &entity, "1").await.unwrap_err().kind(), ErrorKind::Timeout);
    engine.inner().faults().clear();
    assert!(engine.ping().await.is_ok());
}

#[tokio::test]
async fn a_refused_argument_is_no_call() {
    let (engine, entity) = engine().await;
    engine.inner().faults().add(Fault::on("upsert_records").fail(ErrorKind::Unavailable));
    assert_eq!(put(&engine, &entity, " ").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(engine.inner().faults().calls("upsert_records"), 0);
    assert_eq!(put(&engine, &entity, "1").await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_deadlock_is_run_again_by_the_engine_and_by_retried_transactions() {
    let (engine, entity) = engine().await;
    engine
        .inner()
        .faults()
        .set(vec![Fault::on("upsert_records").nth(1).deadlock(), Fault::on("upsert_records").nth(2).deadlock()]);
    put(&engine, &entity, "1").await.unwrap();
    assert_eq!(engine.inner().faults().calls("upsert_records"), 3);

    engine.inner().faults().set(vec![Fault::on("commit").nth(1).deadlock()]);
    let run = async |tx: &mut Transaction| {
        tx.upsert_records(&entity, &[NewRecord::new("2", json!({}))], &UpsertOptions::default()).await
    };
    engine.transaction_with_retry(run).await.unwrap();
    assert_eq!(engine.inner().faults().calls("commit"), 2);
    assert_eq!(count(&engine, &entity).await, 2);
}

#[tokio::test]
async fn an_error_of_the_tests_own() {
    let (engine, _) = engine().await;
    engine.inner().faults().add(Fault::on("ping").fail_with(|| Error::corrupt("page 7 is torn").with("page", 7)));
    let error = engine.ping().await.unwrap_err();
    assert_eq!((error.kind(), error.get("page"), error.operation()), (ErrorKind::Corrupt, Some("7"), Some("ping")));
}

#[tokio::test(start_paused = true)]
async fn latency_is_waited_for() {
    let (engine, entity) = engine().await;
    engine.inner().faults().add(Fault::on("get_records").every().delay(Duration::from_secs(30)));
    let before = tokio::time::Instant::now();
    engine.get_records(&entity, &RecordQuery::new()).await.unwrap();
    engine.get_records(&entity, &RecordQuery::new()).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_connection_lost_before_and_after_the_batch() {
    let (engine, _) = engine().await;
    let batch = |id: &str, cursor: &str| SyncBatch::new("E", "c", [NewRecord::new(id, json!({}))]).last_sync_id(cursor);
    engine.sync_records(&batch("0", "start")).await.unwrap();
    let entity = EntityRef::named("E");

    engine.inner().faults().add(Fault::on("sync_records").lose_request());
    let error = engine.sync_records(&batch("1", "one")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    assert_eq!(count(&engine, &entity).await, 1);
    assert_eq!(engine.resolve_entity(&entity).await.unwrap().last_sync_id.as_deref(), Some("start"));

    engine.inner().faults().add(Fault::on("sync_records").lose_acknowledgement());
    let error = engine.sync_records(&batch("2", "two")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    assert_eq!(count(&engine, &entity).await, 2);
    assert_eq!(engine.resolve_entity(&entity).await.unwrap().last_sync_id.as_deref(), Some("two"));
    // Running again ends where an undisturbed run does.
    assert_eq!(engine.sync_records(&batch("2", "two")).await.unwrap().records.unchanged.len(), 1);
}

#[tokio::test]
async fn a_transaction_whose_connection_is_lost_can_only_roll_back() {
    for fault in [Fault::on("create_entity").lose_request(), Fault::on("create_entity").lose_acknowledgement()] {
        let (engine, entity) = engine().await;
        engine.inner().faults().add(fault);
        let tx = engine.begin().await.unwrap();
        tx.upsert_records(&entity, &[NewRecord::new("1", json!({}))], &UpsertOptions::default()).await.unwrap();
        assert_eq!(tx.create_entity(&NewEntity::new("F", "c")).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(tx.resolve_entity(&entity).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(tx.commit().await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(count(&engine, &entity).await, 0);
        assert_eq!(engine.list_entities(&EntityQuery::default()).await.unwrap().items.len(), 1);
        put(&engine, &entity, "2").await.unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_fails_and_one_whose_answer_is_lost() {
    let commits = [
        (Fault::on("commit").fail(ErrorKind::Timeout), ErrorKind::Timeout, 0),
        (Fault::on("commit").lose_request(), ErrorKind::Unavailable, 0),
        (Fault::on("commit").lose_acknowledgement(), ErrorKind::Unavailable, 1),
    ];
    for (fault, kind, stored) in commits {
        let (engine, entity) = engine().await;
        engine.inner().faults().add(fault.clone());
        let tx = engine.begin().await.unwrap();
        tx.upsert_records(&entity, &[NewRecord::new("1", json!({}))], &UpsertOptions::default()).await.unwrap();
        assert_eq!(tx.commit().await.unwrap_err().kind(), kind, "{fault:?}");
        assert_eq!(count(&engine, &entity).await, stored, "{fault:?}");
    }
}

#[tokio::test]
async fn a_stream_breaks_off_half_way() {
    let (engine, entity) = engine().await;
    let records: Vec<NewRecord> = (0..10).map(|n| NewRecord::new(n.to_string(), json!({}))).collect();
    engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
    engine.inner().faults().add(Fault::on("stream_records").lose_acknowledgement());
    let rows: Vec<_> = engine.stream_records(&entity, &RecordQuery::new()).await.unwrap().collect().await;
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count(), 5);
    assert_eq!(rows.last().and_then(|row| row.as_ref().err()).map(Error::kind), Some(ErrorKind::Unavailable));
}
