//! Filters whose keys and values are chosen to break what is written around them, and filters that are large.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "support/store.rs"]
mod store;

use common::TestSchema;
use futures::TryStreamExt as _;
use mastra_core::{Engine as _, EntityRef, Filter, Path, RecordQuery, RecordStore, SortKey, filter::Members};
use serde_json::{Value, json};
use store::store;

const HOSTILE: &[&str] = &[
    "'",
    "''",
    "\"",
    "\\",
    "\\\\",
    "\\\"",
    "$",
    "$1",
    "$$",
    "%",
    "?",
    "@",
    "@@",
    "*",
    "[*]",
    "()",
    ")))",
    "\u{1}",
    "\u{7f}",
    "\u{9f}",
    "\t\r\n",
    "\u{2028}",
    "😀",
    "👩‍👩‍👧",
    "\u{202e}abc",
    "e\u{301}",
    "\u{feff}",
    "'; DROP TABLE records; --",
    "\" || 1 == 1 || \"",
    "1) || (1 == 1",
    "\\u0041",
    "$.a ? (1 == 1)",
    "/* */",
    "--",
    "true",
    "null",
    "1e400",
    "{}",
    "[]",
    "a.b",
    "***:(?i)a",
    "(?i)",
    "[a",
    "a{1,",
    "\\y",
    "\\m",
];

async fn found(engine: &impl RecordStore, entity: &EntityRef, filter: Filter) -> Vec<usize> {
    let page = engine.get_records(entity, &RecordQuery::new().filter(filter.clone())).await;
    let mut found: Vec<usize> = page
        .unwrap_or_else(|error| panic!("{error:?} for {filter:?}"))
        .into_iter()
        .map(|record| record.external_id.parse().unwrap())
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn every_text_is_itself_as_a_key_and_as_a_value() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let documents: Vec<_> = HOSTILE.iter().map(|text| json!({ "v": text, *text: { "deep": [text] } })).collect();
    let entity: EntityRef = store(&engine, &documents).await.into();
    for (at, text) in HOSTILE.iter().enumerate() {
        let only = vec![at];
        assert_eq!(found(&engine, &entity, Filter::eq("v", *text).unwrap()).await, only, "{text:?}");
        assert_eq!(found(&engine, &entity, !Filter::ne("v", *text).unwrap()).await, only, "{text:?}");
        let key = Path::from_segments([*text, "deep"]).unwrap();
        assert_eq!(found(&engine, &entity, Filter::exists(key.clone()).unwrap()).await, only, "{text:?}");
        assert_eq!(found(&engine, &entity, Filter::eq(key.clone(), json!([text])).unwrap()).await, only, "{text:?}");
        let whole = Filter::eq(Path::from_segments([*text]).unwrap(), json!({ "deep": [text] })).unwrap();
        assert_eq!(found(&engine, &entity, whole).await, only, "{text:?}");
        let member = Filter::elem_match(key, Members::Any, Filter::eq(Path::this(), *text).unwrap()).unwrap();
        assert_eq!(found(&engine, &entity, member).await, only, "{text:?}");
        for filter in [Filter::contains("v", *text).unwrap(), Filter::gte("v", *text).unwrap(), Filter::lt("v", *text).unwrap()] {
            let wanted: Vec<_> = (0..documents.len()).filter(|at| filter.matches(&documents[*at])).collect();
            assert_eq!(found(&engine, &entity, filter).await, wanted, "{text:?}");
        }
        let sorted = RecordQuery::new().sort(SortKey::ascending(Path::from_segments([*text]).unwrap()).unwrap()).limit(1);
        let first = engine.get_records(&entity, &sorted).await.unwrap().items;
        assert_eq!(first[0].external_id, at.to_string(), "{text:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_found_nowhere() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let documents = [json!({ "a": "x" }), json!({ "a": "" }), json!({ "b": ["x", "y"] })];
    let entity: EntityRef = store(&engine, &documents).await.into();
    let nul = Path::from_segments(["a\0"]).unwrap();
    let filters = [
        Filter::eq("a", "x\0").unwrap(),
        Filter::ne("a", "x\0").unwrap(),
        Filter::contains("a", "\0").unwrap(),
        Filter::gt("a", "x\0").unwrap(),
        Filter::gte("a", "\0").unwrap(),
        Filter::lt("a", "x\0").unwrap(),
        Filter::lte("a", "x\0y").unwrap(),
        Filter::eq("a", json!({ "\0": 1 })).unwrap(),
        Filter::exists(nul.clone()).unwrap(),
        Filter::missing(nul.clone()).unwrap(),
        Filter::eq(nul.clone(), Value::Null).unwrap(),
        Filter::ne(nul, 1).unwrap(),
    ];
    for filter in filters {
        let wanted: Vec<_> = (0..documents.len()).filter(|at| filter.matches(&documents[*at])).collect();
        assert_eq!(found(&engine, &entity, filter.clone()).await, wanted, "{filter:?}");
    }
}

#[tokio::test]
async fn large_filters_and_values() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let long = "é'\"\\".repeat(250_000);
    let deep = (0..98).fold(json!(1), |inner, level| if level % 2 == 0 { json!({ "k": inner }) } else { json!([inner, level]) });
    let many: Vec<i64> = (0..5_000).collect();
    let documents =
        [json!({ "a": long, "n": 7 }), json!({ "a": deep, "n": 4_999 }), json!({ "a": many, "n": "7" }), json!({ "n": 70_000 })];
    let entity: EntityRef = store(&engine, &documents).await.into();
    let path: String = vec!["p"; 99].join(".");
    let indexes: String = format!("a.{}", vec!["0"; 40].join("."));
    let filters = [
        Filter::eq("a", long.clone()).unwrap(),
        Filter::contains("a", &long[..3_000]).unwrap(),
        Filter::contains("a", format!("{}x", &long[..3_000])).unwrap(),
        Filter::regex("a", "\\\\$", "").unwrap(),
        Filter::eq("a", deep).unwrap(),
        Filter::eq("a", json!(many)).unwrap(),
        !Filter::eq("a", json!(many)).unwrap(),
        Filter::is_in("n", many.clone()).unwrap(),
        Filter::not_in("n", many.clone()).unwrap(),
        Filter::all_of("a", many[..500].to_vec()).unwrap(),
        Filter::or((0..1_000).map(|n| Filter::eq("n", n * 7).unwrap())),
        Filter::and((0..1_000).map(|n| Filter::ne("n", n * 7).unwrap())),
        Filter::exists(path.as_str()).unwrap(),
        Filter::eq(path.as_str(), Value::Null).unwrap(),
        Filter::eq(indexes.as_str(), 1).unwrap(),
        Filter::size("a", 5_000).unwrap(),
    ];
    for filter in filters {
        let wanted: Vec<_> = (0..documents.len()).filter(|at| filter.matches(&documents[*at])).collect();
        let asked: String = format!("{filter:?}").chars().take(200).collect();
        assert_eq!(found(&engine, &entity, filter).await, wanted, "{asked}");
    }
}

#[tokio::test]
async fn what_core_finishes_stands_for_limits_offsets_cursors_and_fields() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let documents: Vec<_> = (0..3_000).map(|n| json!({ "n": n, "name": format!("name {n}"), "more": { "x": n % 7 } })).collect();
    let entity: EntityRef = store(&engine, &documents).await.into();
    let filter = Filter::regex("name", "[05]$", "").unwrap() & Filter::eq("more.x", 3).unwrap();
    let wanted: Vec<String> =
        (0..documents.len()).rev().filter(|at| filter.matches(&documents[*at])).map(|at| at.to_string()).collect();
    let query = RecordQuery::new().filter(filter).sort(SortKey::descending("n").unwrap()).fields(["more.x".parse().unwrap()]);
    let mut paged = query.clone().limit(17);
    let mut all = Vec::new();
    loop {
        let page = engine.get_records(&entity, &paged).await.unwrap();
        assert!(page.items.iter().all(|record| record.data == json!({ "more": { "x": 3 } })));
        all.extend(page.items.into_iter().map(|record| record.external_id));
        let Some(cursor) = page.next_cursor else { break };
        paged = paged.cursor(cursor);
    }
    assert_eq!(all, wanted);
    let mut skipped = query.clone().limit(10);
    skipped.offset = 25;
    let ids = |page: mastra_core::Page<mastra_core::Record>| page.into_iter().map(|r| r.external_id).collect::<Vec<_>>();
    assert_eq!(ids(engine.get_records(&entity, &skipped).await.unwrap()), wanted[25..35]);
    let streamed: Vec<_> = engine.stream_records(&entity, &skipped).await.unwrap().try_collect().await.unwrap();
    assert_eq!(streamed.into_iter().map(|record| record.external_id).collect::<Vec<_>>(), wanted[25..35]);
    let plan = engine.explain(&entity, &query).await.unwrap();
    assert_eq!(plan.finished_in_core, ["$regex"]);
    let none = engine.get_records(&entity, &query.clone().limit(0)).await.unwrap();
    assert!(none.items.is_empty() && none.next_cursor.is_none());

    // Inside a transaction the same, beside what the transaction did.
    let transaction = engine.begin().await.unwrap();
    assert_eq!(ids(transaction.get_records(&entity, &skipped).await.unwrap()), wanted[25..35]);
    assert_eq!(ids(transaction.get_records(&entity, &query.limit(5)).await.unwrap()), wanted[..5]);
    transaction.commit().await.unwrap();
}

/// A stream that is dropped in the middle gives its connection back.
#[tokio::test]
async fn a_dropped_stream_frees_its_connection() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().max_connections(1).connect().await.unwrap();
    let documents: Vec<_> = (0..5_000).map(|n| json!({ "n": n })).collect();
    let entity: EntityRef = store(&engine, &documents).await.into();
    for _ in 0..3 {
        let mut stream = engine.stream_records(&entity, &RecordQuery::new()).await.unwrap();
        assert_eq!(stream.try_next().await.unwrap().unwrap().external_id, "0");
        drop(stream);
        assert_eq!(engine.get_records(&entity, &RecordQuery::new().limit(3)).await.unwrap().items.len(), 3);
    }
}
