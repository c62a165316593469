//! Sorting and paging against core's order: every page, both ways, whatever plan it comes by.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "support/generate.rs"]
mod generate;
#[path = "support/store.rs"]
mod store;

use common::TestSchema;
use futures::TryStreamExt as _;
use generate::Random;
use mastra_core::{
    Engine, EntityId, FieldIndexKind, Filter, Path, Position, Record, RecordId, RecordQuery, RecordStore, SortKey,
};
use serde_json::{Value, json};
use store::{engine_with, store};

const DOCUMENTS: usize = 250;
const QUERIES: usize = 120;

/// The records in order of id, which is the order in which they tie.
async fn all(engine: &impl RecordStore, entity: EntityId) -> Vec<Record> {
    engine.get_records(&entity.into(), &RecordQuery::new()).await.unwrap().items
}

fn expected(records: &[Record], query: &RecordQuery) -> Vec<RecordId> {
    let matcher = query.filter.clone().matcher();
    let mut found: Vec<_> = records
        .iter()
        .filter(|record| matcher.matches(&record.data))
        .map(|record| Position::of(&query.sort, &record.data, record.id))
        .collect();
    found.sort_by(|left, right| left.compare(right, &query.sort));
    found.into_iter().map(|position| position.id).collect()
}

/// Reads all pages of a query, each behind the cursor of the one before.
async fn pages(engine: &impl RecordStore, entity: EntityId, query: &RecordQuery, limit: u64) -> Vec<RecordId> {
    let mut query = query.clone().limit(limit);
    let mut found = Vec::new();
    loop {
        let page = engine.get_records(&entity.into(), &query).await.unwrap_or_else(|error| panic!("{error:?} for {query:?}"));
        assert!(page.items.len() as u64 <= limit);
        found.extend(page.items.iter().map(|record| record.id));
        match page.next_cursor {
            Some(cursor) => {
                assert_eq!(page.items.len() as u64, limit, "more rows follow a full page only");
                query = query.cursor(cursor);
            }
            None => return found,
        }
    }
}

async fn differential(engine: &impl Engine, entity: EntityId, documents: &[Value], random: &mut Random) {
    let records = all(engine, entity).await;
    for _ in 0..QUERIES {
        let mut query = RecordQuery::new();
        query.sort = generate::sort_keys(random, documents);
        if random.one_in(2) {
            let operator = *random.pick(&["$exists", "$gte", "$lte", "$ne", "$or", "$not", "$regex", "$eq"][..]);
            query.filter = generate::filter(random, operator, documents).0;
            // A condition on the field that is sorted by can share its index.
            if let (Filter::Field { predicate, .. }, true) = (&query.filter, random.one_in(2)) {
                query.filter = Filter::Field { path: query.sort[0].path.clone(), predicate: predicate.clone() };
            }
        }
        let wanted = expected(&records, &query);
        // Few enough pages, of every size.
        let limit = 1 + (wanted.len() / 8 + random.below(wanted.len() + 1)) as u64;
        assert_eq!(pages(engine, entity, &query, limit).await, wanted, "{query:?} by {limit}");

        let offset = random.below(wanted.len() + 2);
        let page = query.clone().limit(limit);
        let mut page = RecordQuery { offset: offset as u64, ..page };
        let found: Vec<_> =
            engine.get_records(&entity.into(), &page).await.unwrap().into_iter().map(|record| record.id).collect();
        let end = wanted.len().min(offset + limit as usize);
        assert_eq!(found, wanted.get(offset..end).unwrap_or_default(), "{page:?}");

        page.limit = random.one_in(2).then_some(limit);
        let stream = engine.stream_records(&entity.into(), &page).await.unwrap();
        let found: Vec<_> = stream.map_ok(|record| record.id).try_collect().await.unwrap();
        let end = page.limit.map_or(wanted.len(), |_| end);
        assert_eq!(found, wanted.get(offset..end).unwrap_or_default(), "{page:?}");
    }
}

#[tokio::test]
async fn every_order_agrees_with_cores() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let mut random = Random::new(generate::seed("every_order_agrees_with_cores"));
    let documents = generate::documents(&mut random, DOCUMENTS);
    let entity = store(&engine, &documents).await;
    differential(&engine, entity, &documents, &mut random).await;
}

#[tokio::test]
async fn every_order_agrees_with_cores_through_field_indexes() {
    let schema = TestSchema::new().await;
    let engine =
        engine_with(&schema, &[("enable_seqscan", "off"), ("enable_sort", "off"), ("jit", "off"), ("enable_bitmapscan", "off")])
            .await;
    let mut random = Random::new(generate::seed("every_order_agrees_with_cores_through_field_indexes"));
    let documents = generate::documents(&mut random, DOCUMENTS);
    let entity = store(&engine, &documents).await;
    for path in ["a", "b", "c", "0", "1", "a.a", "a.b", "b.a", "a.0", "a.1", "a.a.b"] {
        let path: Path = path.parse().unwrap();
        engine.create_field_index(&entity.into(), &path, FieldIndexKind::Scalar).await.unwrap();
    }
    differential(&engine, entity, &documents, &mut random).await;
}

/// Values that an index can hold in part only.
#[tokio::test]
async fn long_strings_and_numbers_keep_their_order_through_an_index() {
    let schema = TestSchema::new().await;
    let engine = engine_with(&schema, &[("enable_seqscan", "off"), ("enable_sort", "off"), ("jit", "off")]).await;
    let prefix = "é".repeat(300);
    let mut documents: Vec<Value> = ["b", "", "a", "ab", "B", "\u{ffff}", "\u{10000}"]
        .iter()
        .flat_map(|tail| [json!({ "v": format!("{prefix}{tail}") }), json!({ "v": tail })])
        .collect();
    for length in [254, 255, 256, 257] {
        documents.push(json!({ "v": "x".repeat(length) }));
        documents.push(json!({ "v": format!("{}y", "x".repeat(length - 1)) }));
    }
    let numbers = ["1e299", "1e300", "1e301", "2e301", "-1e301", "-1e300", "1", "1e-300", "2e-302", "1e-302", "-1e-302", "0"];
    documents.extend(numbers.iter().map(|text| json!({ "v": serde_json::from_str::<Value>(text).unwrap() })));
    documents.extend([
        json!({}),
        json!({ "v": null }),
        json!({ "v": [1] }),
        json!({ "v": {} }),
        json!({ "v": true }),
        json!({ "v": false }),
    ]);
    let entity = store(&engine, &documents).await;
    engine.create_field_index(&entity.into(), &"v".parse().unwrap(), FieldIndexKind::Scalar).await.unwrap();
    let records = all(&engine, entity).await;
    for key in [SortKey::ascending("v").unwrap(), SortKey::descending("v").unwrap()] {
        for limit in [1, 2, 3, 7, 100] {
            let query = RecordQuery::new().sort(key.clone());
            assert_eq!(pages(&engine, entity, &query, limit).await, expected(&records, &query), "{key:?} by {limit}");
        }
    }
    for document in &documents {
        let value = document.get("v").cloned().unwrap_or_default();
        for operator in ["$eq", "$gt", "$gte", "$lt", "$lte"] {
            let Ok(filter) = Filter::from_json(&json!({ "v": { operator: value } })) else { continue };
            let query = RecordQuery::new().filter(filter).sort(SortKey::descending("v").unwrap());
            assert_eq!(pages(&engine, entity, &query, 5).await, expected(&records, &query), "{query:?}");
        }
    }
}
