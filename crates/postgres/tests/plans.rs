//! The plans that production gets: with bound values, on a kept connection, after many executions.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "support/store.rs"]
mod store;

use common::TestSchema;
use mastra_core::{Checked, Engine, EntityId, FieldIndexKind, Filter, Path, RecordQuery, RecordStore, SortKey, filter::Members};
use mastra_postgres::PostgresEngine;
use serde_json::{Value, json};
use sqlx::PgConnection;
use std::time::Duration;
use store::store;

const RECORDS: usize = 8_000;
const STAGES: [&str; 4] = ["lead", "open", "won", "lost"];

/// Contacts as an application has them, with a few that are not as the others.
fn data() -> Vec<Value> {
    (0..RECORDS)
        .map(|n| {
            let amount = match n % 1_000 {
                0 => json!([n, n + 1]),
                1 => json!(n.to_string()),
                2 => Value::Null,
                _ => json!((n * 7_919) % 10_000),
            };
            let mut contact = json!({
                "email": format!("user{n}@example.org"), "stage": STAGES[n % 4], "amount": amount,
                "company": { "name": format!("company {}", n % 700), "size": (n * 31) % 5_000 },
                "lines": [{ "sku": format!("sku-{}", n % 900) }, { "sku": format!("sku-{}", (n * 3) % 900) }],
                "tags": [format!("tag-{}", n % 400), format!("tag-{}", (n * 7) % 400)],
            });
            if n % 100 == 3 {
                contact.as_object_mut().unwrap().remove("amount");
            }
            contact
        })
        .collect()
}

struct Contacts {
    engine: Checked<PostgresEngine>,
    entity: EntityId,
    conn: PgConnection,
    schema: TestSchema,
}

impl Contacts {
    async fn new() -> Self {
        let schema = TestSchema::new().await;
        // One connection, so that what it remembers of a statement is what the tenth execution meets.
        let engine = schema.builder().max_connections(2).connect().await.unwrap();
        let entity = store(&engine, &data()).await;
        let conn = schema.connection().await;
        Self { engine, entity, conn, schema }
    }

    async fn index(&self, path: &str, kind: FieldIndexKind) -> String {
        self.engine.create_field_index(&self.entity.into(), &path.parse::<Path>().unwrap(), kind).await.unwrap().name
    }

    async fn indexes(&self, query: &RecordQuery) -> Vec<String> {
        self.engine.explain(&self.entity.into(), query).await.unwrap().indexes
    }

    /// Runs the query many times; how often each index was read for it.
    async fn run(&mut self, query: &RecordQuery, times: usize) -> Vec<(String, i64)> {
        let before = self.reads().await;
        for _ in 0..times {
            let page = self.engine.get_records(&self.entity.into(), query).await.unwrap();
            assert!(!page.items.is_empty(), "{query:?}");
        }
        // A session reports what it read when it ends.
        self.engine.close().await.unwrap();
        self.engine = self.schema.builder().max_connections(2).connect().await.unwrap();
        for _ in 0..50 {
            let after = self.reads().await;
            let read: Vec<_> =
                after.iter().zip(&before).map(|((name, after), (_, before))| (name.clone(), after - before)).collect();
            if read.iter().any(|(_, reads)| *reads > 0) {
                return read;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no index was read");
    }

    async fn reads(&mut self) -> Vec<(String, i64)> {
        let sql = "SELECT indexrelname::text, idx_scan FROM pg_stat_user_indexes WHERE schemaname = $1 ORDER BY 1";
        sqlx::query_as(sql).bind(&self.schema.name).fetch_all(&mut self.conn).await.unwrap()
    }
}

fn equal(path: &str, value: impl Into<Value>) -> RecordQuery {
    RecordQuery::new().filter(Filter::eq(path, value).unwrap()).limit(50)
}

#[tokio::test]
async fn filters_and_ranges_and_sorts_are_served_by_a_scalar_index() {
    let contacts = Contacts::new().await;
    let email = contacts.index("email", FieldIndexKind::Scalar).await;
    let amount = contacts.index("amount", FieldIndexKind::Scalar).await;
    let size = contacts.index("company.size", FieldIndexKind::Scalar).await;
    let won = Filter::eq("stage", "won").unwrap();
    let sorted = |key: SortKey| RecordQuery::new().sort(key).limit(50);
    let some = Filter::is_in("email", ["user77@example.org", "user78@example.org"]).unwrap();
    let cases = [
        (&email, equal("email", "user77@example.org")),
        (&email, equal("email", "nobody")),
        (&email, RecordQuery::new().filter(some)),
        (&email, RecordQuery::new().filter(Filter::gt("email", "user999").unwrap()).limit(50)),
        (&amount, RecordQuery::new().filter(Filter::lt("amount", 5).unwrap())),
        (&amount, sorted(SortKey::ascending("amount").unwrap())),
        (&amount, sorted(SortKey::descending("amount").unwrap())),
        (&amount, sorted(SortKey::descending("amount").unwrap()).filter(won.clone())),
        (&amount, sorted(SortKey::descending("amount").unwrap()).filter(won.clone() & Filter::gt("amount", 500).unwrap())),
        (&amount, sorted(SortKey::ascending("amount").unwrap()).filter(Filter::gte("amount", 9_000).unwrap())),
        (&amount, sorted(SortKey::ascending("amount").unwrap()).sort(SortKey::descending("email").unwrap())),
        (&size, RecordQuery::new().filter(Filter::gt("company.size", 4_990).unwrap()).limit(50)),
        (&size, sorted(SortKey::descending("company.size").unwrap())),
    ];
    for (index, query) in cases {
        assert!(contacts.indexes(&query).await.contains(index), "{query:?}");
    }
}

#[tokio::test]
async fn later_pages_start_in_the_index_where_the_one_before_ended() {
    let contacts = Contacts::new().await;
    let amount = contacts.index("amount", FieldIndexKind::Scalar).await;
    for key in [SortKey::ascending("amount").unwrap(), SortKey::descending("amount").unwrap()] {
        let mut query = RecordQuery::new().sort(key).limit(700);
        for _ in 0..3 {
            let page = contacts.engine.get_records(&contacts.entity.into(), &query).await.unwrap();
            query = query.cursor(page.next_cursor.unwrap());
            let plan = contacts.engine.explain(&contacts.entity.into(), &query).await.unwrap();
            assert!(plan.indexes.contains(&amount), "{plan:?}");
            let condition = plan.plan.iter().find(|line| line.contains("Index Cond: ") && line.contains("ROW(")).unwrap();
            assert!(!condition.is_empty());
        }
    }
}

#[tokio::test]
async fn members_are_served_by_a_multi_index() {
    let contacts = Contacts::new().await;
    let tags = contacts.index("tags", FieldIndexKind::Multi).await;
    let sku = contacts.index("lines.sku", FieldIndexKind::Multi).await;
    let all = Filter::all_of("tags", ["tag-3", "tag-21"]).unwrap();
    let cases = [
        (&tags, equal("tags", "tag-3").limit(500)),
        (&tags, RecordQuery::new().filter(Filter::is_in("tags", ["tag-3", "tag-4"]).unwrap())),
        (&tags, RecordQuery::new().filter(all)),
        (&sku, equal("lines.sku", "sku-17").limit(500)),
    ];
    for (index, query) in cases {
        assert!(contacts.indexes(&query).await.contains(index), "{query:?}");
        let found = contacts.engine.get_records(&contacts.entity.into(), &query).await.unwrap();
        let matcher = query.filter.matcher();
        let wanted = data().iter().filter(|contact| matcher.matches(contact)).count();
        assert!(wanted > 0 && wanted < RECORDS / 10, "{wanted} for {:?}", matcher.filter());
        assert_eq!(found.items.len(), wanted, "{:?}", matcher.filter());
    }
}

#[tokio::test]
async fn equality_is_served_by_a_gin_index_over_whole_documents() {
    let mut contacts = Contacts::new().await;
    let sql = "CREATE INDEX by_data ON records USING gin (data jsonb_path_ops); ANALYZE records";
    sqlx::raw_sql(sql).execute(&mut contacts.conn).await.unwrap();
    let line = Filter::elem_match("lines", Members::Objects, Filter::eq("sku", "sku-17").unwrap()).unwrap();
    for query in [
        equal("email", "user77@example.org"),
        equal("tags", "tag-3"),
        equal("company.name", "company 17"),
        RecordQuery::new().filter(line),
        equal("email", "user77@example.org")
            .filter(Filter::eq("email", "user77@example.org").unwrap() & Filter::ne("stage", "won").unwrap()),
    ] {
        assert!(contacts.indexes(&query).await.contains(&"by_data".to_owned()), "{query:?}");
    }
}

#[tokio::test]
async fn the_index_is_still_read_after_the_tenth_execution() {
    let mut contacts = Contacts::new().await;
    let amount = contacts.index("amount", FieldIndexKind::Scalar).await;
    let email = contacts.index("email", FieldIndexKind::Scalar).await;
    let tags = contacts.index("tags", FieldIndexKind::Multi).await;
    let won = Filter::eq("stage", "won").unwrap() & Filter::gt("amount", 500).unwrap();
    let cases = [
        (amount.clone(), RecordQuery::new().sort(SortKey::descending("amount").unwrap()).filter(won).limit(50)),
        (amount.clone(), RecordQuery::new().sort(SortKey::ascending("amount").unwrap()).limit(50)),
        (amount, RecordQuery::new().sort(SortKey::descending("amount").unwrap()).limit(50)),
        (email, equal("email", "user77@example.org")),
        (tags, equal("tags", "tag-3")),
    ];
    for (index, query) in cases {
        let reads = contacts.run(&query, 12).await;
        let read = reads.iter().find(|(name, _)| *name == index).unwrap().1;
        assert!(read >= 12, "{query:?} read {reads:?}");
    }
}
