//! What is malformed, hostile or impossible is an error that says what to do, and the session goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Client, deals, engine, store};
use mastra_core::{Error, ErrorKind};
use mastra_mcp::{Limits, McpServer};
use mastra_mock::Fault;
use serde_json::{Value, json};

#[tokio::test]
async fn what_a_tool_cannot_do_is_told_by_kind_and_hint() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let deep = (0..60).fold(json!({ "a": 1 }), |inner, _| json!({ "$and": [inner] }));
    let wide: Vec<Value> = (0..2_000).map(|n| json!({ "a": n })).collect();
    let deals = |more: Value| {
        let mut arguments = json!({ "entity": "Deals" });
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let cases = [
        ("query_records", json!({ "entity": "Nothing" }), "not_found"),
        ("query_records", json!({ "entity": "" }), "invalid_input"),
        ("query_records", json!({ "entity": "a\u{0}b" }), "invalid_input"),
        ("query_records", json!({ "entity": "x".repeat(1 << 20) }), "invalid_input"),
        ("query_records", json!({}), "invalid_input"),
        ("query_records", deals(json!({ "unknown": 1 })), "invalid_input"),
        ("query_records", deals(json!({ "filter": { "a": { "$near": 1 } } })), "invalid_input"),
        ("query_records", deals(json!({ "filter": [1] })), "invalid_input"),
        ("query_records", deals(json!({ "filter": "{\"a\": 1" })), "invalid_input"),
        ("query_records", deals(json!({ "filter": { "a": { "$regex": "(" } } })), "invalid_input"),
        ("query_records", deals(json!({ "filter": deep })), "invalid_input"),
        ("query_records", deals(json!({ "filter": { "$or": wide } })), "invalid_input"),
        ("query_records", deals(json!({ "limit": 1_000_000_000 })), "invalid_input"),
        ("query_records", deals(json!({ "limit": -1 })), "invalid_input"),
        ("query_records", deals(json!({ "limit": "many" })), "invalid_input"),
        ("query_records", deals(json!({ "sort": ["a..b"] })), "invalid_input"),
        ("query_records", deals(json!({ "sort": vec!["a"; 1_000] })), "invalid_input"),
        ("query_records", deals(json!({ "fields": [""] })), "invalid_input"),
        ("query_records", deals(json!({ "cursor": "garbage" })), "invalid_input"),
        ("query_records", deals(json!({ "cursor": "\u{0}" })), "invalid_input"),
        ("list_entities", json!({ "limit": 0 }), "invalid_input"),
        ("list_entities", json!({ "cursor": "garbage" }), "invalid_input"),
        ("describe_entity", json!({ "entity": "Deals", "sample": 1_000_000 }), "invalid_input"),
        ("get_record", deals(json!({ "external_id": "none" })), "not_found"),
        ("get_record", deals(json!({ "external_id": "d-1", "field": "none" })), "not_found"),
        ("get_record", deals(json!({ "external_id": "d-1", "field": "amount" })), "invalid_input"),
        ("get_record", deals(json!({ "external_id": "d-1", "field": "stage", "from": 4_000 })), "invalid_input"),
        ("get_record", deals(json!({ "external_id": "d-1", "from": 4 })), "invalid_input"),
        ("search_text", deals(json!({ "query": "word" })), "invalid_input"),
        ("search_text", deals(json!({ "query": "word", "offset": u64::MAX })), "invalid_input"),
        ("search_knowledge", json!({ "query": "what?" }), "not_found"),
        ("search_knowledge", json!({ "query": "x".repeat(100_000) }), "invalid_input"),
        ("search_knowledge", json!({ "query": "x", "top_k": 1_000_000_000 }), "invalid_input"),
        ("search_knowledge", json!({ "query": "x", "mode": "magic" }), "invalid_input"),
        ("list_knowledge", json!({ "x": 1 }), "invalid_input"),
    ];
    for (tool, arguments, kind) in cases {
        let told = arguments.to_string();
        let failure = client.failure(tool, arguments).await;
        assert_eq!(failure["kind"], kind, "{tool} {}: {failure}", &told[..told.len().min(200)]);
    }
    client.lives().await;
}

#[tokio::test]
async fn a_cursor_of_another_query_is_refused_with_advice() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let page = client.call("query_records", json!({ "entity": "Deals", "limit": 5, "sort": ["amount"] })).await;
    let failure = client.failure("query_records", json!({ "entity": "Deals", "limit": 5, "cursor": page["next_cursor"] })).await;
    assert_eq!(
        (&failure["kind"], &failure["hint"]),
        (&json!("invalid_input"), &json!("call again without a cursor, from the beginning"))
    );
}

#[tokio::test]
async fn a_name_of_several_connections_asks_for_one() {
    let engine = deals().await;
    let other = mastra_core::SyncBatch::new("Deals", "other", [mastra_core::NewRecord::new("o-1", json!({}))]);
    mastra_core::RecordStore::sync_records(&*engine, &other).await.unwrap();
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let failure = client.failure("query_records", json!({ "entity": "Deals" })).await;
    assert_eq!((&failure["kind"], &failure["hint"]), (&json!("conflict"), &json!("give connection_id too")));
    let one = client.call("query_records", json!({ "entity": "Deals", "connection_id": "other" })).await;
    assert_eq!(one["records"][0]["external_id"], "o-1");
}

#[tokio::test]
async fn what_the_engine_cannot_do_is_told_and_the_next_call_works() {
    let engine = deals().await;
    engine.inner().faults().add(
        Fault::on("stream_records")
            .nth(1)
            .fail_with(|| Error::unavailable("the connection was lost").with_source(std::io::Error::other("password=hunter2"))),
    );
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let failure = client.failure("query_records", json!({ "entity": "Deals" })).await;
    assert_eq!((&failure["kind"], &failure["retryable"]), (&json!(ErrorKind::Unavailable.as_str()), &json!(true)));
    assert!(!failure.to_string().contains("hunter2"), "what a driver says may hold a secret");
    client.call("query_records", json!({ "entity": "Deals" })).await;
}

#[tokio::test]
async fn what_takes_too_long_is_a_timeout() {
    let engine = deals().await;
    engine.inner().faults().add(Fault::on("list_entities").every().delay(std::time::Duration::from_secs(3_600)));
    let limits = Limits { time: std::time::Duration::from_millis(50), ..Limits::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine).limits(limits)).await;
    let failure = client.failure("list_entities", json!({})).await;
    assert_eq!((&failure["kind"], &failure["retryable"]), (&json!("timeout"), &json!(true)));
}

#[tokio::test]
async fn what_is_wrong_with_the_protocol_is_an_error_of_the_protocol() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    for (method, params, code) in [
        ("tools/call", json!({ "name": "delete_everything", "arguments": {} }), -32602),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("tools/call", json!({ "name": "list_entities", "arguments": "none" }), -32602),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("resources/read", json!({}), -32602),
        ("tools/explode", json!({}), -32601),
    ] {
        let answer = client.request(method, params.clone()).await;
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    client.lives().await;
}

#[tokio::test]
async fn lines_that_are_no_message_are_answered_and_the_session_goes_on() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let depth = 200;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":"deep","method":"tools/call","params":{{"name":"query_records","arguments":{{"filter":{}{}}}}}}}"#,
        "[".repeat(depth),
        "]".repeat(depth)
    );
    for (line, code, id) in [
        ("no JSON at all".to_owned(), -32700, Value::Null),
        ("{\"jsonrpc\": \"2.0\", \"id\": 9".to_owned(), -32700, Value::Null),
        ("[]".to_owned(), -32600, Value::Null),
        ("{\"foo\": 1}".to_owned(), -32600, Value::Null),
        ("{\"id\": 5, \"method\": \"ping\"}".to_owned(), -32600, json!(5)),
        (deep, -32600, json!("deep")),
    ] {
        client.line(&line).await;
        let answer = client.any().await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{line}: {answer}");
    }
    // Bytes that are no text, and lines without anything.
    client.bytes(b"\xff\xfe\n\n\r\n").await;
    assert_eq!(client.any().await["error"]["code"], -32700);
    // Notifications are never answered, whatever they are.
    client.line(r#"{"jsonrpc":"2.0","method":"notifications/unheard-of","params":[1]}"#).await;
    client.line(r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never"}}"#).await;
    client.lives().await;
}

#[tokio::test]
async fn a_line_of_megabytes_is_refused_without_being_held() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..6 {
        client.bytes(&chunk).await;
    }
    client.bytes(b"\n").await;
    let answer = client.any().await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["most_bytes"]), (&json!(-32600), &json!(4 << 20)));
    client.lives().await;
}

#[tokio::test]
async fn a_client_that_begins_oddly_is_answered() {
    let mut client = Client::begin(McpServer::builder().engine(engine()).build().unwrap());
    client.line(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    client.line("garbage").await;
    assert_eq!(client.any().await["error"]["code"], -32700);
    let early = client.request("tools/list", json!({})).await;
    assert!(early["error"]["code"].is_i64(), "{early}");
    let about = json!({ "protocolVersion": "1999-01-01", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let about = client.request("initialize", about).await;
    assert!(about["result"]["protocolVersion"].is_string(), "a version that the server knows: {about}");
    client.lives().await;
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_ends_the_server() {
    let client = Client::begin(McpServer::builder().engine(engine()).build().unwrap());
    client.close().await.unwrap();
    let engine = engine();
    store(&engine, "A", []).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    client.call("list_entities", json!({})).await;
    client.close().await.unwrap();
}
