//! The Rust types that `mastra engine generate` writes are true to the data, on every engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail")]

use mastra_core::{Engine, OptionalExt as _, RecordStoreExt as _, number::values_equal};
use mastra_tests::generated::{
    entities::{Contact, ContactStage, TreeNode},
    tables,
};
use mastra_tests::{contact, load_types_fixture, postgres::Postgres};

/// Reads every record as its type, writes it back, and finds nothing changed; then changes one field, and only that.
async fn round_trips(engine: &dyn Engine) {
    load_types_fixture(engine).await.unwrap();
    let contacts = engine.typed::<Contact>("Contacts");
    let all = contacts.all().await.unwrap();
    assert_eq!(all.len(), 60);
    let report = contacts.upsert(all.iter().map(|item| (item.record.external_id.as_str(), &item.data))).await.unwrap();
    assert_eq!((report.unchanged.len(), report.updated.len(), report.created.len()), (60, 0, 0));

    let mut one = contacts.get("c7").await.unwrap();
    one.data.stage = ContactStage::Other("lost".into());
    contacts.upsert([("c7", &one.data)]).await.unwrap();
    let after = engine.get_record_by_external_id(&"Contacts".into(), "c7").await.unwrap();
    let mut expected = contact(7).data;
    expected["stage"] = "lost".into();
    assert!(values_equal(&after.data, &expected), "{} {expected}", after.data);

    let root = engine.typed::<TreeNode>("Tree Nodes").get("root").await.unwrap();
    assert_eq!(root.data.next.unwrap().label.as_deref(), Some("leaf"));
    assert!(contacts.get("nobody").await.optional().unwrap().is_none());
}

#[tokio::test]
async fn rust_types_round_trip_on_the_mock() {
    round_trips(&mastra_mock::connect("mock://").await.unwrap()).await;
}

#[tokio::test]
async fn rust_types_round_trip_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("types.db").display());
    round_trips(&*mastra_engine::connect(&url).await.unwrap()).await;
}

#[tokio::test]
async fn rust_types_round_trip_on_postgres() {
    let place = Postgres::fresh("types").await;
    round_trips(&place.engine().await).await;
    the_row_types_are_the_tables(&place).await;
    place.drop_schema().await;
}

/// Every column of the two tables is a field of its generated type, and the other way round.
async fn the_row_types_are_the_tables(place: &Postgres) {
    let pool = place.pool().await;
    let row = async |table: &str| -> serde_json::Value {
        let statement = format!("SELECT row_to_json(t)::text FROM \"{}\".{table} t ORDER BY id LIMIT 1", place.schema());
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&pool).await.unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let entity = row("entities").await;
    let read: tables::EntitiesRow = serde_json::from_value(entity.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), entity);
    let record = row("records").await;
    let read: tables::RecordsRow = serde_json::from_value(record.clone()).unwrap();
    assert!(values_equal(&serde_json::to_value(read).unwrap(), &record));
}
