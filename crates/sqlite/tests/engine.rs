//! The embedded engine from end to end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use mastra_core::{
    Checked, CountQuery, Engine as _, EngineExt as _, EntityRef, ErrorKind, Filter, NewEntity, NewRecord, Record, RecordQuery,
    RecordSelector, RecordStore as _, RecordStoreExt as _, SortKey, SyncBatch, TextSearch, UpsertOptions,
};
use mastra_sqlite::{SqliteEngine, connect};
use serde_json::{Value, json};

async fn memory() -> Checked<SqliteEngine> {
    connect("sqlite::memory:").await.unwrap()
}

async fn file() -> (tempfile::TempDir, Checked<SqliteEngine>) {
    let directory = tempfile::tempdir().unwrap();
    let engine = SqliteEngine::builder(directory.path().join("mastra.db")).connect().await.unwrap();
    (directory, engine)
}

fn contact(id: &str, data: Value) -> NewRecord {
    NewRecord::new(id, data)
}

fn external_ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.external_id.as_str()).collect()
}

#[tokio::test]
async fn a_sync_creates_the_entity_and_is_found_again() {
    let (_directory, engine) = file().await;
    let batch = SyncBatch::new(
        "Contacts",
        "crm",
        [contact("c-1", json!({ "name": "Ada", "n": 1 })), contact("c-2", json!({ "name": "Bo" }))],
    )
    .last_sync_id("page-1");
    let report = engine.sync_records(&batch).await.unwrap();
    assert_eq!(report.entity.last_sync_id.as_deref(), Some("page-1"));
    assert_eq!(report.records.created.len(), 2);
    let again = engine.sync_records(&batch).await.unwrap();
    assert_eq!((again.records.unchanged.len(), again.records.total()), (2, 2));
    let changed = SyncBatch::new("Contacts", "crm", [contact("c-1", json!({ "n": 2 }))]);
    let report = engine.sync_records(&changed).await.unwrap();
    assert_eq!(report.records.updated.len(), 1);
    assert_eq!(report.entity.last_sync_id.as_deref(), Some("page-1"));
    let entity = EntityRef::named("Contacts");
    let record = engine.get_record_by_external_id(&entity, "c-1").await.unwrap();
    assert_eq!(record.data, json!({ "name": "Ada", "n": 2 }));
    assert!(record.updated_at > record.created_at);
    let page = engine.get_records(&entity, &RecordQuery::new().filter(Filter::eq("name", "Ada").unwrap())).await.unwrap();
    assert_eq!(external_ids(&page.items), ["c-1"]);
    let page =
        engine.get_records(&entity, &RecordQuery::new().sort(SortKey::descending("name").unwrap()).limit(1)).await.unwrap();
    assert_eq!(external_ids(&page.items), ["c-2"]);
    let next = RecordQuery::new().sort(SortKey::descending("name").unwrap()).limit(1).cursor(page.next_cursor.unwrap());
    let page = engine.get_records(&entity, &next).await.unwrap();
    assert_eq!(external_ids(&page.items), ["c-1"]);
    assert_eq!(page.next_cursor, None);
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 2);
    assert_eq!(engine.delete_records(&entity, &RecordSelector::All).await.unwrap().deleted, 2);
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 0);
    let report = engine.sync_records(&changed).await.unwrap();
    assert_eq!(report.records.created[0].id, record.id, "a tombstone is revived");
    assert_eq!(engine.get_record(record.id).await.unwrap().data, json!({ "n": 2 }));
}

#[tokio::test]
async fn text_search_finds_words_prefixes_and_phrases() {
    let engine = memory().await;
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Notes", "app")).await.unwrap());
    let notes = [contact("1", json!({ "text": "Das Café öffnet früh" })), contact("2", json!({ "text": "a late cafe" }))];
    engine.upsert_records(&entity, &notes, &UpsertOptions::default()).await.unwrap();
    assert_eq!(engine.search_text(&entity, &TextSearch::new("cafe")).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    engine.declare_text_index(&entity, &["text".parse().unwrap()]).await.unwrap();
    let found = async |text: &str| engine.search_text(&entity, &TextSearch::new(text)).await.unwrap().total;
    assert_eq!(found("cafe").await, 2);
    assert_eq!(found("öff*").await, 1);
    assert_eq!(found("\"late cafe\"").await, 1);
    assert_eq!(found("\"cafe late\"").await, 0);
    engine.upsert_records(&entity, &[contact("2", json!({ "text": "tea" }))], &UpsertOptions::default()).await.unwrap();
    assert_eq!(found("cafe").await, 1);
    assert_eq!(found("tea").await, 1);
    engine.delete_records(&entity, &RecordSelector::All).await.unwrap();
    assert_eq!(found("tea").await, 0);
}

#[tokio::test]
async fn transactions_are_seen_whole_or_not_at_all() {
    let (_directory, engine) = file().await;
    let entity = EntityRef::from(&engine.create_entity(&NewEntity::new("Contacts", "crm")).await.unwrap());
    let failed = engine
        .transaction(async |tx| {
            tx.upsert_records(&entity, &[contact("1", json!({}))], &UpsertOptions::default()).await?;
            tx.get_record_by_external_id(&entity, "absent").await
        })
        .await;
    assert!(failed.unwrap_err().is_not_found());
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 0);
    let inside = engine
        .transaction(async |tx| {
            tx.upsert_records(&entity, &[contact("1", json!({}))], &UpsertOptions::default()).await?;
            let refused = tx
                .upsert_records(&entity, &[contact("1", json!({"a": 1})).expect_generation(77)], &UpsertOptions::default())
                .await;
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
            assert_eq!(engine.inner().resolve_entity(&entity).await.unwrap().name, "Contacts");
            tx.count_records(&entity, &CountQuery::default()).await
        })
        .await
        .unwrap();
    assert_eq!(inside.value, 1);
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 1);
    let open = engine.begin().await.unwrap();
    open.delete_records(&entity, &RecordSelector::All).await.unwrap();
    drop(open);
    assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 1);
    engine.delete_records(&entity, &RecordSelector::All).await.unwrap();
}
