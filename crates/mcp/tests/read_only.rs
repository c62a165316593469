//! No tool and no resource writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Client, engine, store};
use mastra_core::{EntityQuery, RecordQuery, RecordStore as _};
use mastra_mcp::McpServer;
use mastra_rag::{
    embed::Embedders,
    knowledge::{IndexOptions, KnowledgeBase},
};
use serde_json::json;
use std::sync::Arc;

/// Every operation of engine, queue and vectors that can change something.
const WRITES: [&str; 27] = [
    "create_entity",
    "update_entity",
    "delete_entity_by_id",
    "upsert_records",
    "sync_records",
    "delete_records",
    "purge_records",
    "declare_text_index",
    "create_field_index",
    "drop_field_index",
    "begin",
    "commit",
    "subscribe",
    "unsubscribe",
    "claim_changes",
    "settle_changes",
    "requeue_changes",
    "extend_lease",
    "create_index",
    "delete_index",
    "upsert",
    "update",
    "delete",
    "delete_all",
    "patch_metadata",
    "swap",
    "reindex",
];

#[tokio::test]
async fn every_tool_leaves_the_database_as_it_was() {
    let engine = engine();
    let article = |n: u64| (format!("a-{n}"), json!({ "body": format!("Article {n} about tea"), "n": n }));
    store(&engine, "Articles", (0..20).map(article)).await;
    engine.declare_text_index(&"Articles".into(), &["body".parse().unwrap()]).await.unwrap();
    let base = KnowledgeBase::builder("articles")
        .entity("Articles")
        .field("body".parse().unwrap())
        .embedder(Embedders::default().connect("hash/384").await.unwrap())
        .open(engine.clone(), Arc::new(engine.inner().vectors()))
        .await
        .unwrap();
    base.index(&IndexOptions::default()).await.unwrap();
    // One change waits: searching may not work it off.
    store(&engine, "Articles", [article(99)]).await;

    let entities = engine.list_entities(&EntityQuery::default()).await.unwrap();
    let records = engine.get_records(&"Articles".into(), &RecordQuery::new()).await.unwrap();
    let (lag, calls) = (base.lag().await.unwrap(), WRITES.map(|operation| engine.inner().faults().calls(operation)));
    assert!(calls.iter().sum::<u64>() > 4, "the names are those that the mock counts: {calls:?}");

    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(base.clone())).await;
    for (tool, arguments) in [
        ("list_entities", json!({})),
        ("describe_entity", json!({ "entity": "Articles" })),
        ("query_records", json!({ "entity": "Articles", "filter": { "n": { "$gt": 3 } }, "sort": ["-n"], "count": true })),
        ("get_record", json!({ "entity": "Articles", "external_id": "a-1" })),
        ("get_record", json!({ "entity": "Articles", "external_id": "a-1", "field": "body" })),
        ("search_text", json!({ "entity": "Articles", "query": "tea" })),
        ("search_knowledge", json!({ "query": "tea", "neighbours": 1 })),
        ("list_knowledge", json!({})),
    ] {
        client.call(tool, arguments).await;
    }
    client.failure("query_records", json!({ "entity": "New" })).await;
    client.request("resources/list", json!({})).await;
    client.request("resources/read", json!({ "uri": "mastra://records/crm/Articles/a-1" })).await;

    assert_eq!(engine.list_entities(&EntityQuery::default()).await.unwrap(), entities);
    assert_eq!(engine.get_records(&"Articles".into(), &RecordQuery::new()).await.unwrap(), records);
    let now = base.lag().await.unwrap();
    assert_eq!((now.waiting, now.claimed, now.set_aside), (lag.waiting, lag.claimed, lag.set_aside));
    assert_eq!(WRITES.map(|operation| engine.inner().faults().calls(operation)), calls);
}
