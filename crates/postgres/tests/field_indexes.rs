//! Building, repairing and dropping field indexes.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;
#[path = "support/store.rs"]
mod store;

use common::TestSchema;
use mastra_core::{Engine, ErrorKind, FieldIndexKind, Filter, Path, RecordQuery, RecordStore, SortKey};
use serde_json::json;
use sqlx::AssertSqlSafe;
use store::{engine_with, store};

const SETTINGS: &[(&str, &str)] = &[("enable_seqscan", "off"), ("enable_sort", "off"), ("jit", "off")];

fn path(text: &str) -> Path {
    text.parse().unwrap()
}

#[tokio::test]
async fn building_twice_gives_the_one_index() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let entity = store(&engine, &[json!({ "a": 1 })]).await.into();
    let first = engine.create_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap();
    let second = engine.create_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap();
    assert_eq!(first, second);
    let multi = engine.create_field_index(&entity, &path("a"), FieldIndexKind::Multi).await.unwrap();
    assert_ne!(first.name, multi.name);
    assert_eq!(engine.list_field_indexes(&entity).await.unwrap(), [multi, first]);
}

#[tokio::test]
async fn many_creators_build_it_once() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let documents: Vec<_> = (0..2_000).map(|n| json!({ "a": n })).collect();
    let entity = store(&engine, &documents).await;
    let mut creators = Vec::new();
    for _ in 0..6 {
        let engine = schema.builder().max_connections(2).connect().await.unwrap();
        creators.push(tokio::spawn(async move {
            engine.create_field_index(&entity.into(), &path("a"), FieldIndexKind::Scalar).await
        }));
    }
    let mut names = std::collections::HashSet::new();
    for creator in creators {
        names.insert(creator.await.unwrap().unwrap().name);
    }
    assert_eq!(names.len(), 1);
    assert_eq!(engine.list_field_indexes(&entity.into()).await.unwrap().len(), 1);
}

/// Postgres builds one index of a table at a time, and each build waits for transactions that it meets: neither a builder nor
/// one who waits to be one may be among these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn builds_and_drops_of_many_indexes_at_once_end() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let entity = store(&engine, &[json!({ "a": 1, "b": [2, 3] })]).await;
    let mut tasks = Vec::new();
    for task in 0..12 {
        let engine = schema.builder().max_connections(2).connect().await.unwrap();
        let kind = if task % 2 == 0 { FieldIndexKind::Scalar } else { FieldIndexKind::Multi };
        let field = path(["a", "b", "c"][task % 3]);
        tasks.push(tokio::spawn(async move {
            for _ in 0..3 {
                engine.create_field_index(&entity.into(), &field, kind).await.unwrap();
                match engine.drop_field_index(&entity.into(), &field, kind).await {
                    Ok(()) => {}
                    // Another task was first.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(engine.list_field_indexes(&entity.into()).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_broken_off_build_left_is_repaired() {
    let schema = TestSchema::new().await;
    let engine = engine_with(&schema, SETTINGS).await;
    let entity = store(&engine, &[json!({ "a": 1 }), json!({ "a": 2 })]).await.into();
    let index = engine.create_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap();
    let mut conn = schema.connection().await;
    // As a build leaves it that was killed: there, and not valid.
    let sql = format!("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{}'::regclass", index.name);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    let query = RecordQuery::new().sort(SortKey::ascending("a").unwrap()).limit(5);
    let fresh = engine_with(&schema, SETTINGS).await;
    assert!(!fresh.explain(&entity, &query).await.unwrap().indexes.contains(&index.name));
    assert_eq!(fresh.get_records(&entity, &query).await.unwrap().items.len(), 2);
    assert_eq!(fresh.create_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap(), index);
    assert!(fresh.explain(&entity, &query).await.unwrap().indexes.contains(&index.name));
}

#[tokio::test]
async fn an_engine_that_does_not_know_of_a_drop_still_answers_rightly() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let entity = store(&engine, &[json!({ "a": 1 }), json!({ "a": [2, 3] }), json!({})]).await.into();
    engine.create_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap();
    engine.create_field_index(&entity, &path("a"), FieldIndexKind::Multi).await.unwrap();
    let query = RecordQuery::new().sort(SortKey::descending("a").unwrap()).limit(5);
    let by_member = RecordQuery::new().filter(Filter::gte("a", 2).unwrap());
    assert_eq!(engine.get_records(&entity, &query).await.unwrap().items.len(), 3);
    let other = schema.engine().await;
    other.drop_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap();
    other.drop_field_index(&entity, &path("a"), FieldIndexKind::Multi).await.unwrap();
    let found = engine.get_records(&entity, &query).await.unwrap();
    let order: Vec<_> = found.items.iter().map(|record| record.external_id.as_str()).collect();
    assert_eq!(order, ["1", "0", "2"]);
    assert_eq!(engine.get_records(&entity, &by_member).await.unwrap().items.len(), 1);
    let error = other.drop_field_index(&entity, &path("a"), FieldIndexKind::Scalar).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(other.list_field_indexes(&entity).await.unwrap().is_empty());
}

#[tokio::test]
async fn any_key_can_be_indexed() {
    let schema = TestSchema::new().await;
    let engine = engine_with(&schema, SETTINGS).await;
    let long = "k".repeat(900);
    let keys = [
        "'",
        "\"",
        "\\",
        "a'b\"c\\",
        "$1",
        "{a,b}",
        "😀",
        "\u{202e}",
        "-1",
        "01",
        " 1",
        "; DROP TABLE records; --",
        "\n",
        long.as_str(),
    ];
    let documents: Vec<_> = keys.iter().enumerate().map(|(n, key)| json!({ *key: { *key: n }, "l": [{ *key: [n] }] })).collect();
    let entity = store(&engine, &documents).await.into();
    for (n, key) in keys.iter().enumerate() {
        let nested = Path::from_segments([*key, *key]).unwrap();
        let index = engine.create_field_index(&entity, &nested, FieldIndexKind::Scalar).await.unwrap();
        assert!(index.name.len() <= 63);
        let sorted = SortKey { path: nested.clone(), direction: Default::default() };
        let query = RecordQuery::new().filter(Filter::eq(nested, n).unwrap()).sort(sorted).limit(2);
        assert!(engine.explain(&entity, &query).await.unwrap().indexes.contains(&index.name), "{key:?}");
        assert_eq!(engine.get_records(&entity, &query).await.unwrap().items[0].external_id, n.to_string());

        let members = Path::from_segments(["l", key]).unwrap();
        engine.create_field_index(&entity, &members, FieldIndexKind::Multi).await.unwrap();
        let query = RecordQuery::new().filter(Filter::eq(members, n).unwrap());
        let found = engine.get_records(&entity, &query).await.unwrap().items;
        assert_eq!(found.iter().map(|record| record.external_id.clone()).collect::<Vec<_>>(), [n.to_string()], "{key:?}");
    }
    assert_eq!(engine.list_field_indexes(&entity).await.unwrap().len(), 2 * keys.len());
}

#[tokio::test]
async fn any_document_can_be_stored_under_an_index() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let entity = store(&engine, &[json!({})]).await.into();
    engine.create_field_index(&entity, &path("v"), FieldIndexKind::Scalar).await.unwrap();
    engine.create_field_index(&entity, &path("v"), FieldIndexKind::Multi).await.unwrap();
    let number = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let values = [
        json!("\u{10ffff}".repeat(1 << 18)),
        json!((0..5_000).collect::<Vec<_>>()),
        json!({ "deep": "x".repeat(10_000) }),
        number("1e300".to_owned()),
        number(format!("0.{}1", "0".repeat(307))),
        number("-1.7976931348623157e308".to_owned()),
    ];
    let records: Vec<_> =
        values.iter().enumerate().map(|(n, v)| mastra_core::NewRecord::new(format!("v{n}"), json!({ "v": v }))).collect();
    engine.upsert_records(&entity, &records, &Default::default()).await.unwrap();
    for (n, value) in values.iter().enumerate() {
        let query = RecordQuery::new().filter(Filter::eq("v", value.clone()).unwrap()).limit(3);
        let found = engine.get_records(&entity, &query).await.unwrap().items;
        assert_eq!(found.iter().map(|record| record.external_id.clone()).collect::<Vec<_>>(), [format!("v{n}")]);
    }
}

#[tokio::test]
async fn a_role_that_may_not_build_is_given_the_sql_that_another_can_run() {
    let schema = TestSchema::new().await;
    let owner = schema.engine().await;
    let entity = store(&owner, &[json!({ "it's": 1 })]).await.into();
    let mut conn = schema.connection().await;
    let role = format!("{}_reader", schema.name);
    let grants = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA {0} TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role}; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {0} TO {role}",
        schema.name
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(&mut conn).await.unwrap();
    let options: sqlx::postgres::PgConnectOptions = schema.url.parse().unwrap();
    let pool = sqlx::PgPool::connect_lazy_with(options.username(&role).password("secret"));
    let reader = mastra_postgres::PostgresEngine::from_pool(pool).schema(schema.name.clone()).connect().await.unwrap();

    let key = Path::from_segments(["it's"]).unwrap();
    for kind in [FieldIndexKind::Scalar, FieldIndexKind::Multi] {
        let error = reader.create_field_index(&entity, &key, kind).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        for statement in error.get("sql").unwrap().split("; ") {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut conn).await.unwrap();
        }
        reader.create_field_index(&entity, &key, kind).await.unwrap();
        let error = reader.drop_field_index(&entity, &key, kind).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.get("sql").unwrap().starts_with("DROP INDEX"));
    }
    reader.close().await.unwrap();
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut conn).await.unwrap();
}

#[tokio::test]
async fn an_absent_entity_has_no_indexes() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let nobody = mastra_core::EntityId::generate().into();
    let created = engine.create_field_index(&nobody, &path("a"), FieldIndexKind::Scalar).await.unwrap_err();
    let listed = engine.list_field_indexes(&nobody).await.unwrap_err();
    let dropped = engine.drop_field_index(&nobody, &path("a"), FieldIndexKind::Scalar).await.unwrap_err();
    for error in [created, listed, dropped] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
