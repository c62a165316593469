//! Answers keep to their bounds, and what they leave out can be had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use common::{Client, engine, store};
use mastra_mcp::{Limits, McpServer};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MOST: usize = 40_000;

#[tokio::test]
async fn pages_of_large_records_end_where_they_are_full_and_go_on() {
    let engine = engine();
    // From 1 byte to 60,000 of them, some too large for any answer.
    let record = |n: usize| (format!("r-{n:02}"), json!({ "n": n, "text": "xé\"\n".repeat(n * n * 4), "list": vec!["y"; n] }));
    store(&engine, "Texts", (0..60).map(record)).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    for sort in [json!([]), json!(["-n"])] {
        let (mut ids, mut cut, mut arguments) = (Vec::new(), 0, json!({ "entity": "Texts", "limit": 200, "sort": sort }));
        loop {
            let page = client.call("query_records", arguments.clone()).await;
            assert!(page.to_string().len() <= MOST, "{} bytes", page.to_string().len());
            for record in page["records"].as_array().unwrap() {
                ids.push(record["external_id"].as_str().unwrap().to_owned());
                cut += usize::from(record["cut"].is_array());
                assert!(record["data"]["n"].is_u64(), "what is small is whole: {}", record["external_id"]);
            }
            let more = page["next_cursor"].is_string();
            assert_eq!(page["truncated"].as_bool().unwrap(), page["note"].is_string());
            if !more {
                break;
            }
            arguments["cursor"] = page["next_cursor"].clone();
        }
        assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (60, 60));
        assert!((1..60).contains(&cut), "{cut} records were cut");
    }
}

#[tokio::test]
async fn a_record_of_any_shape_fits() {
    let engine = engine();
    let deep = (0..45).fold(json!("z".repeat(3_000)), |inner, _| json!({ "level": [inner] }));
    let wide: serde_json::Map<String, Value> = (0..20_000).map(|n| (format!("key {n}"), json!("v".repeat(n % 50)))).collect();
    let shapes = [
        json!({ "text": "👨‍👩‍👧‍👦".repeat(100_000) }),
        json!({ "list": (0..50_000).collect::<Vec<_>>() }),
        Value::Object(wide),
        json!({ "deep": deep, "more": "m".repeat(50_000) }),
        json!({ "control": "\u{1}".repeat(30_000) }),
        json!({ "k".repeat(50_000): 1 }),
    ];
    let names: Vec<String> = shapes.iter().enumerate().map(|(n, _)| format!("s-{n}")).collect();
    store(&engine, "Shapes", names.iter().cloned().zip(shapes)).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    for name in names {
        let answer = client.call("get_record", json!({ "entity": "Shapes", "external_id": name })).await;
        assert!(answer.to_string().len() <= MOST, "{} bytes of {name}", answer.to_string().len());
        assert_eq!((&answer["truncated"], answer["record"]["cut"].is_array()), (&json!(true), true), "{name}");
        assert!(answer["note"].is_string());
    }
    let described = client.call("describe_entity", json!({ "entity": "Shapes" })).await;
    assert!(described.to_string().len() <= MOST);
    assert_eq!(described["truncated"], true, "there are more than 200 fields");
}

#[tokio::test]
async fn long_names_and_many_of_them_fit_too() {
    let engine = engine();
    let long = |n: usize| format!("{n:03}{}", "\u{7}é".repeat(340));
    for n in 0..40 {
        store(&engine, &long(n), [(long(n), json!({ "x": n }))]).await;
    }
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let (mut names, mut arguments) = (BTreeSet::new(), json!({ "limit": 200 }));
    loop {
        let page = client.call("list_entities", arguments.clone()).await;
        assert!(page.to_string().len() <= MOST);
        names.extend(page["entities"].as_array().unwrap().iter().map(|entity| entity["name"].to_string()));
        if page["next_cursor"].is_null() {
            break;
        }
        arguments["cursor"] = page["next_cursor"].clone();
    }
    assert_eq!(names.len(), 40);
    let one = client.call("query_records", json!({ "entity": long(7) })).await;
    assert!(one.to_string().len() <= MOST);
    let uri = one["records"][0]["uri"].clone();
    let read = client.request("resources/read", json!({ "uri": uri })).await;
    assert!(read["result"]["contents"][0]["text"].is_string(), "{read}");
}

#[tokio::test]
async fn a_sort_by_long_texts_ends_honestly() {
    let engine = engine();
    store(&engine, "Texts", (0..3).map(|n| (format!("t-{n}"), json!({ "text": format!("{n}{}", "x".repeat(100_000)) })))).await;
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let page = client.call("query_records", json!({ "entity": "Texts", "sort": ["text"], "limit": 1, "fields": ["n"] })).await;
    assert!(page["next_cursor"].is_null());
    assert_eq!(page["truncated"], true);
    assert!(page["note"].as_str().unwrap().contains("sort by another field"), "{page}");
}

#[tokio::test]
async fn bounds_are_the_server_s() {
    let engine = engine();
    store(&engine, "N", (0..30).map(|n| (format!("n-{n}"), json!({ "n": n })))).await;
    let limits = Limits { max_records: 10, max_bytes: 20_000, ..Limits::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).limits(limits)).await;
    let failure = client.failure("query_records", json!({ "entity": "N", "limit": 11 })).await;
    assert_eq!(failure["context"], json!({ "limit": "11", "most": "10" }));
    assert_eq!(client.call("query_records", json!({ "entity": "N" })).await["records"].as_array().unwrap().len(), 10);
    for limits in [Limits { max_bytes: 10, ..Limits::default() }, Limits { concurrent: 0, ..Limits::default() }] {
        assert!(McpServer::builder().engine(engine.clone()).limits(limits).build().is_err());
    }
}
