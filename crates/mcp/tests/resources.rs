//! Records as resources.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Client, deals, engine, store};
use mastra_mcp::{Limits, McpServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test]
async fn every_record_is_listed_once_page_by_page_and_read() {
    let engine = deals().await;
    store(&engine, "Empty", []).await;
    store(&engine, "Odd / names", [("a/b?c#é 👍".to_owned(), json!({ "x": 1 })), ("..".to_owned(), json!({ "x": 2 }))]).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;

    let (mut uris, mut params, mut pages) = (Vec::new(), json!({}), 0);
    loop {
        let page = client.request("resources/list", params.clone()).await["result"].take();
        let resources = page["resources"].as_array().unwrap();
        assert!(resources.len() <= 50);
        uris.extend(resources.iter().map(|resource| resource["uri"].as_str().unwrap().to_owned()));
        pages += 1;
        if page["nextCursor"].is_null() {
            break;
        }
        params["cursor"] = page["nextCursor"].clone();
    }
    assert_eq!((uris.len(), uris.iter().collect::<BTreeSet<_>>().len(), pages), (62, 62, 3));
    for uri in &uris[58..] {
        let read = client.request("resources/read", json!({ "uri": uri })).await["result"]["contents"][0].take();
        assert_eq!((&read["uri"], &read["mimeType"]), (&json!(uri), &json!("application/json")));
        let record: Value = serde_json::from_str(read["text"].as_str().unwrap()).unwrap();
        assert_eq!(&record["uri"], uri);
        assert!(record["data"].is_object());
    }
    let templates = client.request("resources/templates/list", json!({})).await;
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "mastra://records/{connection}/{entity}/{externalId}");
}

#[tokio::test]
async fn a_huge_record_is_cut_and_stays_json() {
    let engine = engine();
    store(&engine, "Texts", [("t".into(), json!({ "title": "T", "body": "ü".repeat(1 << 20) }))]).await;
    let limits = Limits { max_resource_bytes: 30_000, ..Limits::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine).limits(limits)).await;
    let read =
        client.request("resources/read", json!({ "uri": "mastra://records/crm/Texts/t" })).await["result"]["contents"][0].take();
    let text = read["text"].as_str().unwrap();
    // A resource holds as much as an answer at least.
    assert!((39_000..=40_000).contains(&text.len()), "{}", text.len());
    let record: Value = serde_json::from_str(text).unwrap();
    assert_eq!((&record["data"]["title"], &record["cut"][0]["of"]), (&json!("T"), &json!(2 << 20)));
}

#[tokio::test]
async fn what_is_no_record_is_an_error_that_says_so() {
    let mut client = Client::connect(McpServer::builder().engine(deals().await)).await;
    let long = format!("mastra://records/crm/Deals/{}", "x".repeat(1 << 20));
    for (uri, code, kind) in [
        ("mastra://records/crm/Deals/none", -32002, "not_found"),
        ("mastra://records/other/Deals/d-1", -32002, "not_found"),
        ("mastra://records/crm/Deals", -32602, "invalid_input"),
        ("file:///etc/passwd", -32602, "invalid_input"),
        ("mastra://records/crm/Deals/%00%01", -32602, "invalid_input"),
        ("mastra://records/crm/%00/d-1", -32602, "invalid_input"),
        (&long, -32602, "invalid_input"),
    ] {
        let answer = client.request("resources/read", json!({ "uri": uri })).await;
        assert!(answer.to_string().len() < 5_000);
        let told = (answer["error"]["code"].as_i64(), answer["error"]["data"]["kind"].as_str());
        assert_eq!(told, (Some(code), Some(kind)), "{uri}");
    }
    for cursor in ["", "x", "..", "a.b.c", "01a1fe11-9c63-73d8-8c9d-eaf8d266595a..", "\u{0}"] {
        let answer = client.request("resources/list", json!({ "cursor": cursor })).await;
        assert!(answer["error"]["code"].is_i64(), "{cursor}: {answer}");
    }
    client.lives().await;
}
