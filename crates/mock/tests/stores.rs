//! Which engines share a store, how writers wait, and how much fits.

use mastra_core::{
    Capabilities, CountQuery, Engine as _, EngineExt as _, EntityQuery, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery,
    RecordStore as _, SortKey, Transaction, UpsertOptions,
};
use mastra_mock::{MockEngine, connect};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_name_is_one_store_for_as_long_as_an_engine_holds_it() {
    let one = connect("mock://stores").await.unwrap();
    let other = connect("mock://stores").await.unwrap();
    let entity = one.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    assert_eq!(other.resolve_entity(&"E".into()).await.unwrap(), entity);
    assert_eq!(
        connect("mock://elsewhere").await.unwrap().resolve_entity(&"E".into()).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
    drop(one);
    assert!(other.resolve_entity(&"E".into()).await.is_ok());
    drop(other);
    let later = connect("mock://stores").await.unwrap();
    assert!(later.list_entities(&EntityQuery::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn no_name_is_a_fresh_store_each_time() {
    let (one, other) = (connect("mock://").await.unwrap(), connect("mock://").await.unwrap());
    one.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    assert!(other.list_entities(&EntityQuery::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn another_scheme_is_refused_without_showing_the_url() {
    let error = connect("postgres://user:secret@host/db").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn closing_one_engine_leaves_the_others_open() {
    let (one, other) = (connect("mock://closing").await.unwrap(), connect("mock://closing").await.unwrap());
    one.close().await.unwrap();
    assert_eq!(one.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    other.ping().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_too_long_gets_a_timeout_and_no_hang() {
    let engine = MockEngine::new().with_lock_timeout(Duration::from_secs(3)).checked();
    let transaction = engine.begin().await.unwrap();
    let error = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    assert!(engine.list_entities(&EntityQuery::default()).await.is_ok(), "readers wait for nobody");
    drop(transaction);
    engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
}

#[tokio::test]
async fn two_engines_on_one_store_are_one_inside_a_closure() {
    let (one, other) = (connect("mock://reentry").await.unwrap(), connect("mock://reentry").await.unwrap());
    let inner = one.transaction(async |_: &mut Transaction| Ok(other.ping().await.map_err(|error| error.kind()))).await.unwrap();
    assert_eq!(inner, Err(ErrorKind::InvalidInput));
}

#[tokio::test]
async fn fewer_claims_refuse_more() {
    let engine = MockEngine::new().with_capabilities(Capabilities::default()).checked();
    let entity = EntityRef::Id(engine.create_entity(&NewEntity::new("E", "c")).await.unwrap().id);
    let sorted = RecordQuery::new().sort(SortKey::ascending("n").unwrap());
    assert_eq!(engine.get_records(&entity, &sorted).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let deep = UpsertOptions { mode: mastra_core::UpsertMode::DeepMerge };
    let record = [NewRecord::new("1", json!({}))];
    assert_eq!(engine.upsert_records(&entity, &record, &deep).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

/// Were any of this quadratic, the test would take hours.
#[tokio::test]
async fn many_records_one_by_one_and_at_once() {
    let engine = MockEngine::new().checked();
    let entity = EntityRef::Id(engine.create_entity(&NewEntity::new("E", "c")).await.unwrap().id);
    let records: Vec<NewRecord> = (0..100_000).map(|n| NewRecord::new(format!("at once {n}"), json!({ "n": n }))).collect();
    engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
    for n in 0..20_000 {
        let record = [NewRecord::new(format!("one by one {n}"), json!({ "n": n }))];
        engine.upsert_records(&entity, &record, &UpsertOptions::default()).await.unwrap();
    }
    let mut query = RecordQuery::new().limit(1_000);
    let mut rows = 0;
    loop {
        let page = engine.get_records(&entity, &query).await.unwrap();
        rows += page.items.len() as u64;
        match page.next_cursor {
            Some(cursor) => query = query.cursor(cursor),
            None => break,
        }
    }
    assert_eq!(rows, 120_000);
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, rows);
}
