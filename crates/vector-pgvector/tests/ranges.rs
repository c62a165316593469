//! Ranges on the named fields are served by an index, and mean what they mean without one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

mod common;

use common::TestSchema;
use mastra_core::{
    Filter,
    vector::{
        Exactness, IndexSpec, NewPoint, PointCountQuery, PointSelector, PointUpdate, Scope, ScrollQuery, VectorOperations as _,
        VectorQuery, VectorStore as _,
    },
};
use serde_json::{Value, json};

const POINTS: u32 = 20_000;

fn filter(json: Value) -> Filter {
    Filter::from_json(&json).unwrap()
}

/// Few have a list, or nothing, where the others have a number.
fn metadata(n: u32) -> Value {
    let at = format!("2026-{:02}-{:02}T{:02}:00:00Z", n % 12 + 1, n % 28 + 1, n % 24);
    match n % 1_000 {
        1 => json!({"n": [n, -5], "at": [at], "deep": [{"x": n}]}),
        2 => json!({"n": "text", "at": null, "deep": {"x": [n]}}),
        3 => json!({}),
        _ => json!({"n": n, "at": at, "deep": {"x": f64::from(n) / 2.0}}),
    }
}

/// How often tables of points were scanned as a whole, and indexes on expressions.
async fn scans(schema: &TestSchema) -> (i64, i64) {
    let mut conn = schema.connection().await;
    let sequential =
        "SELECT coalesce(sum(seq_scan), 0)::bigint FROM pg_stat_user_tables WHERE schemaname = $1 AND relname LIKE 'vectors\\_%'";
    let indexes = "SELECT coalesce(sum(s.idx_scan), 0)::bigint FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid) \
                   JOIN pg_class c ON c.oid = s.indexrelid JOIN pg_am a ON a.oid = c.relam \
                   WHERE s.schemaname = $1 AND a.amname = 'btree' AND i.indexprs IS NOT NULL";
    let mut counted = Vec::new();
    for statement in [sequential, indexes] {
        counted.push(sqlx::query_scalar::<_, i64>(statement).bind(&schema.name).fetch_one(&mut conn).await.unwrap());
    }
    (counted[0], counted[1])
}

#[tokio::test]
async fn narrow_ranges_are_served_by_an_index() {
    let schema = TestSchema::new().await;
    let store = schema.store().await;
    let spec = ["n", "at", "deep.x"].into_iter().fold(IndexSpec::new("docs", 3), |spec, path| spec.field(path.parse().unwrap()));
    store.create_index(&spec).await.unwrap();
    let docs = Scope::index("docs");
    let points: Vec<NewPoint> =
        (0..POINTS).map(|n| NewPoint::new(format!("p{n:05}"), [1.0, n as f32, 1.0]).metadata(metadata(n))).collect();
    for batch in points.chunks(2_000) {
        store.upsert(&docs, batch, &Default::default()).await.unwrap();
    }
    common::run(&mut schema.connection().await, "ANALYZE").await;
    let ranges = [
        json!({"n": {"$gte": 7_000, "$lt": 7_040}}),
        json!({"n": {"$gt": 19_960.5}}),
        json!({"at": {"$gte": "2026-03-03T02:00:00Z", "$lte": "2026-03-03T02:00:00Z"}}),
        json!({"deep.x": {"$gt": 4_000, "$lt": 4_010}}),
        json!({"n": {"$lt": 30}, "deep.x": {"$gt": 3}}),
        json!({"n": {"$lt": -4}}),
    ];
    for json in ranges {
        let narrow = filter(json.clone());
        let expected: Vec<&str> =
            (0..POINTS).filter(|n| narrow.matches(&metadata(*n))).map(|n| points[n as usize].id.as_deref().unwrap()).collect();
        assert!((10..200).contains(&expected.len()), "{json}: {}", expected.len());
        let before = scans(&schema).await;
        // What a session counts is seen once it ends.
        let store = schema.store().await;
        let query = VectorQuery::vector([1.0, 1.0, 1.0]).filter(narrow.clone()).top_k(300);
        let answer = store.query(&docs, &query).await.unwrap();
        let mut found: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!((found, answer.exactness), (expected.clone(), Exactness::Exact), "{json}");
        let counted = store.count(&docs, &PointCountQuery::new().filter(narrow.clone())).await.unwrap();
        assert_eq!(counted.value, expected.len() as u64, "{json}");
        let page = store.scroll(&docs, &ScrollQuery::new().filter(narrow.clone()).limit(300)).await.unwrap();
        assert_eq!(page.items.iter().map(|point| point.id.as_str()).collect::<Vec<_>>(), expected, "{json}");
        let mark = PointUpdate::new().merge(json!({"mark": true}));
        let changed = store.update(&docs, &PointSelector::Filter(narrow.clone()), &mark).await.unwrap();
        assert_eq!(changed, expected.len() as u64, "{json}");
        store.close().await.unwrap();
        let after = scans(&schema).await;
        assert!(after.1 - before.1 >= 4, "{json}: the index is used by all four: {before:?} {after:?}");
        assert_eq!(after.0, before.0, "{json}: the table is not scanned");
    }
}
