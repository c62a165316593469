//! The examples that Mastra's documentation gave in TypeScript, as this crate spells them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use mastra_core::{EntityRef, NewRecord, RecordStore as _, SyncBatch};
use mastra_sync::{Mastra, SyncErrorKind, define};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// `createSync({ id: 'my-sync', … })`, called by `mastra.sync('my-sync', { … })`.
#[tokio::test]
async fn my_sync() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Input {
        name: String,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Output {
        message: String,
    }
    let my_sync = define("my-sync")
        .label("My Sync")
        .description("This is a test sync")
        .input::<Input>()
        .output::<Output>()
        .execute(|ctx| async move { Ok(Output { message: format!("Hello {}", ctx.input().name) }) });
    let engine = Arc::new(mastra_mock::connect("mock://").await.unwrap());
    let mastra = Mastra::builder().engine(engine).sync_as("mySync", my_sync).build().unwrap();

    let done = mastra.sync("my-sync", json!({ "name": "World" })).await.unwrap();
    assert_eq!(done.output, json!({ "message": "Hello World" }));
    assert_eq!(mastra.sync("mySync", json!({ "name": "World" })).await.unwrap().output, done.output, "by its key too");
    assert_eq!(mastra.sync("my-sync", json!({})).await.unwrap_err().kind(), SyncErrorKind::InvalidInput);
}

/// The sync that hands its input's records to `engine.syncRecords`.
#[tokio::test]
async fn the_record_sync() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Input {
        name: String,
        connection_id: String,
        records: Vec<Row>,
    }
    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        external_id: String,
        data: Map<String, Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        entity_type: Option<String>,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Output {
        message: String,
    }
    let sync = define("record-sync").input::<Input>().output::<Output>().execute(|ctx| async move {
        let input = ctx.input();
        let records = input.records.iter().cloned().map(|row| {
            let record = NewRecord::new(row.external_id, Value::Object(row.data));
            match row.entity_type {
                Some(entity_type) => record.entity_type(entity_type),
                None => record,
            }
        });
        ctx.engine().sync_records(&SyncBatch::new(&input.name, &input.connection_id, records)).await?;
        Ok(Output { message: "Hello".into() })
    });
    let engine = Arc::new(mastra_mock::connect("mock://").await.unwrap());
    let mastra = Mastra::builder().engine(engine.clone()).sync(sync).build().unwrap();

    let input = json!({
        "name": "contacts",
        "connectionId": "SYSTEM",
        "records": [
            { "externalId": "1", "data": { "name": "Ada" }, "entityType": "person" },
            { "externalId": "2", "data": { "name": "Bob" } },
        ],
    });
    let done = mastra.sync("record-sync", input).await.unwrap();
    assert_eq!(done.output, json!({ "message": "Hello" }));
    let entity = EntityRef::named("contacts");
    let records = engine.get_records_by_external_ids(&entity, &["1".into(), "2".into()]).await.unwrap();
    let told: Vec<_> = records.iter().map(|record| (record.entity_type.as_str(), &record.data["name"])).collect();
    assert_eq!(told, [("person", &json!("Ada")), ("contacts", &json!("Bob"))]);

    let wrong = json!({ "name": "contacts", "connectionId": "SYSTEM", "records": [{ "externalId": 3, "data": [] }] });
    let error = mastra.sync("record-sync", wrong).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::InvalidInput);
}
