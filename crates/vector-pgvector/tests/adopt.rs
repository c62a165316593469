//! Serving tables that were there before.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{TestSchema, run};
use mastra_core::{
    ErrorKind, Filter,
    vector::{
        Exactness, IndexKind, IndexSpec, Metric, NewPoint, PointCountQuery, PointSelector, PointUpdate, Scope, ScrollQuery,
        VectorOperations as _, VectorQuery, VectorStore as _,
    },
};
use mastra_pgvector::{Adoption, Columns};
use serde_json::json;

/// A table as @mastra/pg makes it, with two rows. An index of this crate is made first, so that the extension is there.
async fn theirs(schema: &TestSchema) {
    let store = schema.store().await;
    store.create_index(&IndexSpec::new("for the extension", 2)).await.unwrap();
    let mut conn = schema.connection().await;
    run(
        &mut conn,
        "CREATE TABLE documents (id SERIAL PRIMARY KEY, vector_id TEXT UNIQUE NOT NULL, embedding vector(2), \
         metadata JSONB DEFAULT '{}'::jsonb); \
         INSERT INTO documents (vector_id, embedding, metadata) VALUES ('a', '[1,0]', '{\"lang\":\"en\"}'), ('b', '[0,1]', NULL); \
         CREATE INDEX ON documents USING hnsw (embedding vector_cosine_ops) WITH (m = 8)",
    )
    .await;
}

fn columns() -> Columns {
    Columns::new("vector_id", "embedding", "metadata")
}

#[tokio::test]
async fn a_table_of_another_writer_is_read_and_written() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let store = schema.store().await;
    store.inner().adopt("documents", &columns(), &Adoption::new(Metric::Cosine).schema(&schema.name)).await.unwrap();
    let scope = Scope::index("documents");
    let spec = store.get_index("documents").await.unwrap();
    assert_eq!((spec.dimension, spec.metric), (2, Metric::Cosine));
    assert_eq!(spec.kind, IndexKind::Hnsw { m: 8, ef_construction: 64 }, "its own graph is found");

    let answer = store.query(&scope, &VectorQuery::vector([0.9, 0.1])).await.unwrap();
    assert_eq!(answer.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(answer.hits.last().unwrap().metadata, Some(json!({})), "NULL reads as an empty object");
    let missing = Filter::from_json(&json!({"lang": {"$exists": false}})).unwrap();
    assert_eq!(store.count(&scope, &PointCountQuery::new().filter(missing)).await.unwrap().value, 1);

    let points = [NewPoint::new("b", [0.5, 0.5]).metadata(json!({"lang": "de"})), NewPoint::new("c", [0.2, 0.8])];
    store.upsert(&scope, &points, &Default::default()).await.unwrap();
    let change = PointUpdate::new().merge(json!({"seen": true}));
    assert_eq!(store.update(&scope, &PointSelector::id("a"), &change).await.unwrap(), 1);
    assert_eq!(store.delete(&scope, &PointSelector::id("c")).await.unwrap(), 1);
    let page = store.scroll(&scope, &ScrollQuery::new()).await.unwrap();
    let metadata: Vec<_> = page.items.iter().map(|point| (point.id.as_str(), point.metadata.clone().unwrap())).collect();
    assert_eq!(metadata, [("a", json!({"lang": "en", "seen": true})), ("b", json!({"lang": "de"}))]);

    let with_text = [NewPoint::new("d", [1.0, 1.0]).text("words")];
    assert_eq!(store.upsert(&scope, &with_text, &Default::default()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let tenant = scope.clone().in_namespace("tenant");
    assert_eq!(store.upsert(&tenant, &points, &Default::default()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(store.delete_all(&tenant).await.unwrap(), 0);

    store.delete_index("documents").await.unwrap();
    let mut conn = schema.connection().await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, 2, "the table stays");
}

#[tokio::test]
async fn an_index_that_measures_otherwise_is_not_used() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let store = schema.store().await;
    let adoption = Adoption::new(Metric::Euclidean).schema(&schema.name).name("by distance");
    store.inner().adopt("documents", &columns(), &adoption).await.unwrap();
    assert_eq!(store.get_index("by distance").await.unwrap().kind, IndexKind::Flat);
    let answer = store.query(&Scope::index("by distance"), &VectorQuery::vector([1.0, 0.0])).await.unwrap();
    assert_eq!(answer.exactness, Exactness::Exact);
    assert_eq!(answer.hits.first().unwrap().score, 1.0);
}

#[tokio::test]
async fn namespaces_and_texts_are_columns() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let mut conn = schema.connection().await;
    run(
        &mut conn,
        "CREATE TABLE \"odd \"\"name\" (\"the id\" varchar(40) NOT NULL, v halfvec(2) NOT NULL, m jsonb NOT NULL, tenant text NOT NULL, \
         body text, UNIQUE (\"the id\", tenant))",
    )
    .await;
    let store = schema.store().await;
    let columns = Columns::new("the id", "v", "m").namespace("tenant").text("body");
    store.inner().adopt("odd \"name", &columns, &Adoption::new(Metric::Dot).schema(&schema.name)).await.unwrap();
    let scope = Scope::index("odd \"name").in_namespace("t1");
    let points = [NewPoint::new("a", [1.0, 0.0]).text("one two"), NewPoint::new("b", [0.0, 1.0]).text("two three")];
    store.upsert(&scope, &points, &Default::default()).await.unwrap();
    store.upsert(&Scope::index("odd \"name").in_namespace("t2"), &points, &Default::default()).await.unwrap();
    assert_eq!(store.list_namespaces("odd \"name").await.unwrap().len(), 2);
    let answer = store.query(&scope, &VectorQuery::text("two thr*")).await.unwrap();
    assert_eq!(answer.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["b"]);
    assert_eq!(store.delete_namespace("odd \"name", "t1").await.unwrap(), 2);
    assert_eq!(store.describe_index("odd \"name").await.unwrap().count, 2);
}

#[tokio::test]
async fn a_table_that_cannot_be_served_is_refused() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let mut conn = schema.connection().await;
    run(
        &mut conn,
        "CREATE TABLE loose (id text, v vector(2), m jsonb); CREATE TABLE boundless (id text PRIMARY KEY, v vector, m jsonb); \
         CREATE TABLE counted (id bigint PRIMARY KEY, v vector(2), m jsonb); \
         CREATE TABLE open (id text NOT NULL, v vector(2), m jsonb, tenant text, UNIQUE (id, tenant))",
    )
    .await;
    let store = schema.store().await;
    let adoption = Adoption::new(Metric::Cosine).schema(&schema.name);
    let plain = Columns::new("id", "v", "m");
    let refused = async |table: &str, columns: &Columns| store.inner().adopt(table, columns, &adoption).await.unwrap_err().kind();
    assert_eq!(refused("nowhere", &plain).await, ErrorKind::NotFound);
    assert_eq!(refused("loose", &plain).await, ErrorKind::InvalidInput, "no key");
    assert_eq!(refused("boundless", &plain).await, ErrorKind::InvalidInput, "no dimension");
    assert_eq!(refused("counted", &plain).await, ErrorKind::InvalidInput, "an id that is no text");
    assert_eq!(refused("open", &plain.clone().namespace("tenant")).await, ErrorKind::InvalidInput, "a tenant may be NULL");
    assert_eq!(refused("documents", &Columns::new("vector_id", "embedding", "absent")).await, ErrorKind::InvalidInput);
    store.inner().adopt("documents", &columns(), &adoption).await.unwrap();
    assert_eq!(refused("documents", &columns()).await, ErrorKind::AlreadyExists);
    let long = adoption.clone().name("x".repeat(2_000));
    let error = store.inner().adopt("documents", &columns(), &long).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "a name that no call takes: {error}");
    run(
        &mut conn,
        "CREATE TABLE late (id text NOT NULL, v vector(2), m jsonb, UNIQUE (id) DEFERRABLE); \
         CREATE TABLE two_keys (id text NOT NULL, v vector(2), m jsonb, UNIQUE (id) DEFERRABLE); CREATE UNIQUE INDEX ON two_keys (id)",
    )
    .await;
    for table in ["late", "two_keys"] {
        let error = store.inner().adopt(table, &plain, &adoption).await.unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("DEFERRABLE"), "{error}");
        // What is advised helps.
        run(&mut conn, error.get("sql").unwrap()).await;
        store.inner().adopt(table, &plain, &adoption).await.unwrap();
    }
    store.upsert(&Scope::index("late"), &[NewPoint::new("a", [1.0, 0.0])], &Default::default()).await.unwrap();
    store.upsert(&Scope::index("two_keys"), &[NewPoint::new("a", [1.0, 0.0])], &Default::default()).await.unwrap();
}

#[tokio::test]
async fn merges_replace_what_is_no_object() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let mut conn = schema.connection().await;
    run(
        &mut conn,
        "INSERT INTO documents (vector_id, embedding, metadata) VALUES ('list', '[1,1]', '[1, 2]'), ('word', '[1,1]', '\"x\"'), \
         ('none', '[1,1]', 'null')",
    )
    .await;
    let store = schema.store().await;
    store.inner().adopt("documents", &columns(), &Adoption::new(Metric::Cosine).schema(&schema.name)).await.unwrap();
    let scope = Scope::index("documents");
    let ids = ["a", "b", "list", "word", "none"].map(str::to_owned);
    let change = PointUpdate::new().merge(json!({"seen": true}));
    assert_eq!(store.update(&scope, &PointSelector::ids(ids.clone()), &change).await.unwrap(), 5);
    let metadata: Vec<_> = store.get(&scope, &ids, mastra_core::vector::Include::ALL).await.unwrap();
    let metadata: Vec<_> = metadata.into_iter().map(|point| point.metadata.unwrap()).collect();
    let seen = json!({"seen": true});
    assert_eq!(metadata, [json!({"lang": "en", "seen": true}), seen.clone(), seen.clone(), seen.clone(), seen]);
}

#[tokio::test]
async fn what_the_table_refuses_is_told() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let mut conn = schema.connection().await;
    run(
        &mut conn,
        "CREATE TABLE narrow (id varchar(5) PRIMARY KEY, v vector(2), m jsonb CHECK (m <> '{\"bad\": 1}')); \
         CREATE TABLE demanding (id text PRIMARY KEY, v vector(2), m jsonb, owner text NOT NULL)",
    )
    .await;
    let store = schema.store().await;
    let adoption = Adoption::new(Metric::Cosine).schema(&schema.name);
    for table in ["narrow", "demanding"] {
        store.inner().adopt(table, &Columns::new("id", "v", "m"), &adoption).await.unwrap();
    }
    let refused =
        async |table: &str, point: NewPoint| store.upsert(&Scope::index(table), &[point], &Default::default()).await.unwrap_err();
    let error = refused("narrow", NewPoint::new("a long id", [1.0, 0.0])).await;
    assert!(error.kind() == ErrorKind::InvalidInput && error.message().contains("longer than its column"), "{error}");
    assert!(!format!("{error:?}").contains("a long id"), "{error:?}");
    let error = refused("narrow", NewPoint::new("a", [1.0, 0.0]).metadata(json!({"bad": 1}))).await;
    assert!(error.kind() == ErrorKind::InvalidInput && error.get("constraint") == Some("narrow_m_check"), "{error}");
    let error = refused("demanding", NewPoint::new("a", [1.0, 0.0])).await;
    assert!(error.kind() == ErrorKind::SchemaMismatch && error.get("column") == Some("owner"), "{error}");
    assert!(error.message().contains("default"), "{error}");
    run(&mut conn, "ALTER TABLE demanding ALTER owner SET DEFAULT 'me'").await;
    store.upsert(&Scope::index("demanding"), &[NewPoint::new("a", [1.0, 0.0])], &Default::default()).await.unwrap();
}

#[tokio::test]
async fn rows_without_a_vector_are_no_points() {
    let schema = TestSchema::new().await;
    theirs(&schema).await;
    let mut conn = schema.connection().await;
    run(&mut conn, "INSERT INTO documents (vector_id, embedding) VALUES ('later', NULL), ('later still', NULL)").await;
    let store = schema.store().await;
    store.inner().adopt("documents", &columns(), &Adoption::new(Metric::Cosine).schema(&schema.name)).await.unwrap();
    let scope = Scope::index("documents");
    for exact in [false, true] {
        let answer = store.query(&scope, &VectorQuery::vector([1.0, 0.0]).exact(exact)).await.unwrap();
        assert_eq!(answer.hits.iter().map(|hit| hit.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
    let everything = ScrollQuery::new().limit(usize::MAX).include(mastra_core::vector::Include::ALL);
    assert_eq!(store.scroll(&scope, &everything).await.unwrap().items.len(), 2);
    assert_eq!(store.count(&scope, &PointCountQuery::new()).await.unwrap().value, 2);
    assert_eq!(store.describe_index("documents").await.unwrap().count, 2);
    // Written, such a row is a point.
    store.upsert(&scope, &[NewPoint::new("later", [0.5, 0.5])], &Default::default()).await.unwrap();
    assert_eq!(store.list_namespaces("documents").await.unwrap().first().map(|namespace| namespace.count), Some(3));
    store.truncate_index("documents").await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&mut conn).await.unwrap();
    assert_eq!(left, 1);
}
