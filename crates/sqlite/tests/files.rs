//! Files that are missing, strange, read-only or somebody else's; and what an ordinary open costs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;

use common::{file, memory};
use futures::TryStreamExt as _;
use mastra_core::{
    CountQuery, Engine as _, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordStore as _, RecordStoreExt as _,
    SyncBatch, UpsertOptions,
};
use mastra_sqlite::{SqliteEngine, connect};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, SqliteConnection, sqlite::SqliteConnectOptions};

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("text.db"), "this is a letter, not a database, and long enough to have a header ".repeat(40)).unwrap();
    let kind = async |builder: mastra_sqlite::SqliteEngineBuilder| builder.connect().await.unwrap_err().kind();
    assert_eq!(kind(SqliteEngine::builder(at("text.db"))).await, ErrorKind::Corrupt);
    assert_eq!(kind(SqliteEngine::builder(at("no/such/folder.db"))).await, ErrorKind::NotFound);
    assert_eq!(kind(SqliteEngine::builder(directory.path())).await, ErrorKind::InvalidInput);
    assert_eq!(kind(SqliteEngine::builder(at("absent.db")).read_only()).await, ErrorKind::NotFound);
    assert_eq!(kind(SqliteEngine::builder(at("new.db")).auto_migrate(false)).await, ErrorKind::SchemaMismatch);
    assert!(std::fs::read(at("text.db")).unwrap().starts_with(b"this is a letter"), "the file was changed");
}

#[tokio::test]
async fn another_applications_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("theirs.db");
    let mut theirs: SqliteConnection =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql("CREATE TABLE records (mine TEXT); INSERT INTO records VALUES ('x')").execute(&mut theirs).await.unwrap();
    sqlx::Connection::close(theirs).await.unwrap();
    let before = std::fs::read(&path).unwrap();
    assert_eq!(SqliteEngine::builder(&path).connect().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn reading_only_refuses_every_write() {
    let (directory, engine) = file().await;
    engine.sync_records(&SyncBatch::new("Contacts", "crm", [NewRecord::new("1", json!({ "a": 1 }))])).await.unwrap();
    let url = format!("sqlite:{}?mode=ro", directory.path().join("mastra.db").display());
    let reader = connect(&url).await.unwrap();
    let entity = EntityRef::named("Contacts");
    assert_eq!(reader.get_record_by_external_id(&entity, "1").await.unwrap().data, json!({ "a": 1 }));
    let refused = reader.upsert_records(&entity, &[NewRecord::new("2", json!({}))], &UpsertOptions::default()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn opening_a_file_that_is_up_to_date_changes_no_schema_and_writes_nothing() {
    let (directory, engine) = file().await;
    engine.sync_records(&SyncBatch::new("Contacts", "crm", [NewRecord::new("1", json!({ "a": 1 }))])).await.unwrap();
    engine.close().await.unwrap();
    let path = directory.path().join("mastra.db");
    let mut watch: SqliteConnection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    // Counts changes of the schema, whoever makes them, and changes of the file by others.
    let schema: i64 = sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut watch).await.unwrap();
    let data: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut watch).await.unwrap();
    let again = SqliteEngine::builder(&path).connect().await.unwrap();
    assert_eq!(again.count_records(&EntityRef::named("Contacts"), &CountQuery::default()).await.unwrap().value, 1);
    let after: (i64, i64) = (
        sqlx::query_scalar("PRAGMA schema_version").fetch_one(&mut watch).await.unwrap(),
        sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut watch).await.unwrap(),
    );
    assert_eq!(after, (schema, data));
}

#[tokio::test]
async fn unchanged_rows_are_not_written() {
    let (directory, engine) = file().await;
    let records: Vec<NewRecord> =
        (0..300).map(|id| NewRecord::new(format!("r{id}"), json!({ "n": id, "f": 0.5, "deep": { "a": [1, 2.0] } }))).collect();
    let batch = SyncBatch::new("Contacts", "crm", records);
    engine.sync_records(&batch).await.unwrap();
    let log = || std::fs::metadata(directory.path().join("mastra.db-wal")).unwrap().len();
    let before = log();
    let frames = async |engine: &mastra_core::Checked<SqliteEngine>| {
        engine.get_records(&EntityRef::named("Contacts"), &RecordQuery::new()).await.unwrap().items
    };
    let stored = frames(&engine).await;
    // Another spelling of the same values is no change either.
    let respelled: Vec<NewRecord> = (0..300)
        .map(|id| {
            let data: Value = serde_json::from_str(&format!(r#"{{"deep":{{"a":[1.0,2]}},"f":5e-1,"n":{id}.0}}"#)).unwrap();
            NewRecord::new(format!("r{id}"), data)
        })
        .collect();
    for batch in [batch, SyncBatch::new("Contacts", "crm", respelled)] {
        let report = engine.sync_records(&batch).await.unwrap().records;
        assert_eq!(report.unchanged.len(), 300);
    }
    assert_eq!(frames(&engine).await, stored);
    assert_eq!(log(), before, "the write-ahead log grew");
}

#[tokio::test]
async fn hostile_keys_and_values_come_back_as_they_were() {
    let hostile = [
        "",
        "'",
        "\"",
        "\\",
        "$",
        "$.a",
        "a.b",
        "[0]",
        "%",
        "_",
        "\u{0}",
        "\n\t",
        "🦀",
        "مرحبا",
        "'); DROP TABLE records; --",
        "?1",
        ":a",
        "é",
    ];
    let mut data = serde_json::Map::new();
    for text in hostile {
        data.insert(text.to_owned(), json!([text, { text: text }]));
    }
    data.insert("long".to_owned(), json!("x".repeat(1_000_000)));
    let deep = (1..99).fold(json!(1), |inner, _| json!({ "a": inner }));
    data.insert("deep".to_owned(), deep);
    for number in ["9007199254740993", "18446744073709551615", "-9223372036854775808", "1e308", "5e-324", "0.1"] {
        data.insert(number.to_owned(), serde_json::from_str(number).unwrap());
    }
    let data = Value::Object(data);
    let ids = ["'", "\"", "\\", "%", "🦀", "a\nb", "[\"x\"]", "?1", "مرحبا"];
    for engine in [memory().await, file().await.1] {
        let entity =
            EntityRef::from(&engine.create_entity(&NewEntity::new("'); DROP TABLE entities; --", "\"c\\")).await.unwrap());
        let records: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(*id, data.clone()).entity_type("'t\"")).collect();
        engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
        let asked: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let found = engine.get_records_by_external_ids(&entity, &asked).await.unwrap();
        assert_eq!(found.iter().map(|record| record.external_id.as_str()).collect::<Vec<_>>(), ids);
        assert!(found.iter().all(|record| record.data == data && record.entity_type == "'t\""));
        assert_eq!(engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap().unchanged.len(), ids.len());
    }
}

#[tokio::test]
async fn a_stream_shows_one_state_and_lets_writers_on() {
    for engine in [memory().await, file().await.1] {
        let records = (0..3_000).map(|id| NewRecord::new(format!("r{id}"), json!({ "n": id })));
        engine.sync_records(&SyncBatch::new("Contacts", "crm", records)).await.unwrap();
        let entity = EntityRef::named("Contacts");
        let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await.unwrap();
        let mut seen = 0;
        while let Some(record) = stream.try_next().await.unwrap() {
            assert_eq!(record.data["n"], seen);
            if seen % 500 == 0 {
                engine
                    .upsert_records(&entity, &[NewRecord::new(format!("new{seen}"), json!({}))], &UpsertOptions::default())
                    .await
                    .unwrap();
            }
            seen += 1;
        }
        assert_eq!(seen, 3_000);
        assert_eq!(engine.count_records(&entity, &CountQuery::default()).await.unwrap().value, 3_006);
        drop(engine.stream_records(&entity, &RecordQuery::new()).await.unwrap());
        engine.close().await.unwrap();
        assert_eq!(engine.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}
