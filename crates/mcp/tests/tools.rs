//! What the tools answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Client, deals, engine, store};
use mastra_core::RecordStore as _;
use mastra_mcp::McpServer;
use serde_json::{Value, json};

#[tokio::test]
async fn every_tool_is_described_typed_and_read_only() {
    let mut client = Client::connect(McpServer::builder().engine(engine())).await;
    let listed = client.request("tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let expected =
        ["list_entities", "describe_entity", "query_records", "get_record", "search_text", "search_knowledge", "list_knowledge"];
    assert_eq!(names, expected);
    for tool in tools {
        let hints = json!({ "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false });
        for (hint, value) in hints.as_object().unwrap() {
            assert_eq!(&tool["annotations"][hint], value, "{hint} of {}", tool["name"]);
        }
        assert!(tool["description"].as_str().unwrap().len() > 100);
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object", "{}", tool["name"]);
            let text = schema.to_string();
            assert!(!text.contains("$ref") && !text.contains("\"null\"") && !text.contains("uint"), "{text}");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false);
        for (name, property) in tool["inputSchema"]["properties"].as_object().unwrap() {
            assert!(property["description"].is_string() || name == "filter", "{name} of {} is not described", tool["name"]);
        }
    }
}

#[tokio::test]
async fn entities_are_listed_and_described() {
    let engine = deals().await;
    store(&engine, "Notes", [("n-1".into(), json!({ "text": "hello", "lines": [{ "sku": "a" }, { "sku": 2 }], "x": null }))])
        .await;
    engine.declare_text_index(&"Notes".into(), &["text".parse().unwrap()]).await.unwrap();
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;

    let listed = client.call("list_entities", json!({})).await;
    assert_eq!((&listed["entities"][0]["name"], &listed["entities"][1]["text_fields"]), (&json!("Deals"), &json!(["text"])));
    assert_eq!(listed["entities"][0]["records"], json!({ "value": 60, "capped": false }));
    let first = client.call("list_entities", json!({ "limit": 1 })).await;
    assert_eq!((first["truncated"].as_bool(), first["entities"].as_array().unwrap().len()), (Some(true), 1));
    let second = client.call("list_entities", json!({ "limit": 1, "cursor": first["next_cursor"] })).await;
    assert_eq!((&second["entities"][0]["name"], &second["truncated"]), (&json!("Notes"), &json!(false)));

    let notes = client.call("describe_entity", json!({ "entity": "Notes" })).await;
    let fields: Vec<(&str, String)> = notes["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| (field["path"].as_str().unwrap(), field["types"].to_string()))
        .collect();
    let expected =
        [("lines", r#"["array"]"#), ("lines.sku", r#"["number","string"]"#), ("text", r#"["string"]"#), ("x", r#"["null"]"#)];
    assert_eq!(fields, expected.map(|(path, types)| (path, types.to_owned())));
    assert_eq!(notes["fields"][2]["example"], "\"hello\"");
    assert_eq!((&notes["sampled"], &notes["records"]["value"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn records_are_filtered_sorted_paged_and_counted() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let query = json!({ "entity": "Deals", "filter": { "stage": "won", "amount": { "$gte": 100 } }, "sort": ["-amount"], "limit": 5, "count": true });
    let page = client.call("query_records", query.clone()).await;
    let amounts: Vec<u64> =
        page["records"].as_array().unwrap().iter().map(|record| record["data"]["amount"].as_u64().unwrap()).collect();
    assert_eq!(amounts, [570, 540, 510, 480, 450]);
    assert_eq!((&page["total"]["value"], &page["truncated"]), (&json!(16), &json!(true)));

    let mut seen: Vec<Value> = Vec::new();
    let mut arguments = json!({ "entity": "Deals", "limit": 7, "fields": ["owner.name"] });
    loop {
        let page = client.call("query_records", arguments.clone()).await;
        seen.extend(page["records"].as_array().unwrap().iter().cloned());
        assert_eq!(page["truncated"].as_bool().unwrap(), page["next_cursor"].is_string());
        if page["next_cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["next_cursor"].clone();
    }
    let ids: Vec<String> = seen.iter().map(|record| record["external_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..60).map(|n| format!("d-{n}")).collect::<Vec<_>>());
    assert_eq!(seen[7]["data"], json!({ "owner": { "name": "owner 2" } }));

    // One field is a list of one.
    let one = client.call("query_records", json!({ "entity": "Deals", "sort": "-amount", "fields": "amount", "limit": 1 })).await;
    assert_eq!(one["records"][0]["data"], json!({ "amount": 590 }));
    // The text of a filter is a filter too, and a count alone reads no record.
    let counted = client
        .call("query_records", json!({ "entity": "Deals", "filter": "{\"stage\": \"lost\"}", "limit": 0, "count": true }))
        .await;
    assert_eq!((counted["records"].as_array().unwrap().len(), &counted["total"]["value"]), (0, &json!(20)));
    assert_eq!(counted["truncated"], false);
}

#[tokio::test]
async fn one_record_is_read_whole_in_part_and_piece_by_piece() {
    let engine = engine();
    let body: String = (0..20_000).map(|n| format!("Größe {n} 👨‍👩‍👧‍👦. ")).collect();
    store(&engine, "Texts", [("t/1 é".into(), json!({ "title": "Long", "body": body, "parts": [{ "n": 1 }] }))]).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;

    let part =
        client.call("get_record", json!({ "entity": "Texts", "external_id": "t/1 é", "fields": ["title", "parts.n"] })).await;
    assert_eq!(part["record"]["data"], json!({ "title": "Long", "parts": [{ "n": 1 }] }));
    assert_eq!(
        (&part["truncated"], &part["record"]["uri"]),
        (&json!(false), &json!("mastra://records/crm/Texts/t%2F1%20%C3%A9"))
    );

    let whole = client.call("get_record", json!({ "entity": "Texts", "external_id": "t/1 é" })).await;
    assert_eq!((&whole["truncated"], &whole["record"]["cut"][0]["of"]), (&json!(true), &json!(body.len())));
    assert_eq!(whole["record"]["data"]["title"], "Long");

    let (mut read, mut from) = (String::new(), json!(0));
    while from.is_u64() {
        let piece = client
            .call("get_record", json!({ "entity": "Texts", "external_id": "t/1 é", "field": "body", "from": from }))
            .await["piece"]
            .take();
        assert_eq!(piece["from"], from);
        read += piece["text"].as_str().unwrap();
        from = piece["next_from"].clone();
    }
    assert_eq!(read, body);
}

#[tokio::test]
async fn words_are_found_with_their_place() {
    let engine = engine();
    let text = |n: u64| {
        (
            format!("a-{n}"),
            json!({ "text": format!("tea number {n}, {}", if n.is_multiple_of(2) { "green" } else { "black" }), "n": n }),
        )
    };
    store(&engine, "Articles", (0..25).map(text)).await;
    engine.declare_text_index(&"Articles".into(), &["text".parse().unwrap()]).await.unwrap();
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;

    let found =
        client.call("search_text", json!({ "entity": "Articles", "query": "green te*", "limit": 10, "fields": ["n"] })).await;
    assert_eq!((&found["total"], found["hits"].as_array().unwrap().len(), &found["next_offset"]), (&json!(13), 10, &json!(10)));
    assert!(found["hits"][0]["snippet"].as_str().unwrap().contains("green"));
    assert!(found["hits"][0]["record"]["data"]["n"].is_u64());
    let rest = client.call("search_text", json!({ "entity": "Articles", "query": "green te*", "offset": 10 })).await;
    assert_eq!((rest["hits"].as_array().unwrap().len(), &rest["truncated"]), (3, &json!(false)));
    let narrowed =
        client.call("search_text", json!({ "entity": "Articles", "query": "tea", "filter": { "n": { "$lt": 3 } } })).await;
    assert_eq!(narrowed["total"], 3);
}

#[tokio::test]
async fn what_is_not_shown_is_not_there() {
    let engine = deals().await;
    store(&engine, "Secrets", [("s-1".into(), json!({ "key": "value" }))]).await;
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).entities(["crm/Deals"])).await;
    let listed = client.call("list_entities", json!({ "limit": 1 })).await;
    assert_eq!((listed["entities"].as_array().unwrap().len(), &listed["entities"][0]["name"]), (1, &json!("Deals")));
    let id = engine.resolve_entity(&"Secrets".into()).await.unwrap().id.to_string();
    for entity in ["Secrets", "Nothing", &id] {
        let failure = client.failure("query_records", json!({ "entity": entity })).await;
        assert_eq!((&failure["kind"], &failure["message"]), (&json!("not_found"), &json!("there is no such entity")));
    }
    let read = client.request("resources/read", json!({ "uri": "mastra://records/crm/Secrets/s-1" })).await;
    assert_eq!(read["error"]["data"]["kind"], "not_found");
    let resources = client.request("resources/list", json!({})).await;
    let uris: Vec<&str> =
        resources["result"]["resources"].as_array().unwrap().iter().map(|resource| resource["uri"].as_str().unwrap()).collect();
    assert!(uris.iter().all(|uri| uri.starts_with("mastra://records/crm/Deals/")), "{uris:?}");
}

#[tokio::test]
async fn numbers_keep_their_value() {
    let engine = engine();
    store(&engine, "N", [("n".into(), json!({ "large": u64::MAX, "small": 0.1, "whole": 9_007_199_254_740_993_i64 }))]).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let found = client.call("query_records", json!({ "entity": "N", "filter": { "whole": 9_007_199_254_740_993_i64 } })).await;
    assert_eq!(found["records"][0]["data"], json!({ "large": u64::MAX, "small": 0.1, "whole": 9_007_199_254_740_993_i64 }));
}
