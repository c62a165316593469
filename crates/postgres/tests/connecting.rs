//! Connecting: what is refused, what is created (nothing), and where statements look.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{OwnServer, TestSchema, fresh_name, url};
use mastra_core::{
    Engine as _, EngineExt as _, EntityRef, ErrorKind, Filter, NewEntity, NewRecord, RecordQuery, RecordSelector,
    RecordStore as _, SyncBatch, TextSearch, UpsertOptions,
};
use mastra_postgres::{PostgresEngine, migrate};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, postgres::PgPoolOptions};
use std::time::Duration;

/// One of everything that works with data alone.
async fn exercise(engine: &dyn mastra_core::Engine) {
    let batch = SyncBatch::new("E", "c", [NewRecord::new("1", json!({ "t": "some text", "n": 1 }))]).last_sync_id("x");
    let entity = EntityRef::from(&engine.sync_records(&batch).await.unwrap().entity);
    engine.declare_text_index(&entity, &["t".parse().unwrap()]).await.unwrap();
    let more: Vec<NewRecord> = (0..5_000).map(|n| NewRecord::new(format!("r{n}"), json!({ "n": n, "t": "more text" }))).collect();
    engine.upsert_records(&entity, &more, &UpsertOptions::default()).await.unwrap();
    engine
        .upsert_records(&entity, &[NewRecord::new("1", json!({})).remove_keys(["n"])], &UpsertOptions::default())
        .await
        .unwrap();
    assert_eq!(engine.search_text(&entity, &TextSearch::new("some text")).await.unwrap().total, 1);
    let few = RecordQuery::new().filter(Filter::lt("n", 10).unwrap());
    assert_eq!(engine.get_records(&entity, &few).await.unwrap().items.len(), 10);
    assert_eq!(
        engine.delete_records(&entity, &RecordSelector::Filter(Filter::gte("n", 10).unwrap())).await.unwrap().deleted,
        4_990
    );
    assert_eq!(engine.purge_records(&entity, &Default::default()).await.unwrap().deleted, 4_990);
    engine.ping().await.unwrap();
    let id = engine.resolve_entity(&entity).await.unwrap().id;
    assert_eq!(engine.delete_entity_by_id(id).await.unwrap().records, 11);
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_a_mismatch_that_names_the_command_and_stays_away() {
    let name = fresh_name();
    let error = PostgresEngine::builder(url()).schema(name.clone()).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("mastra engine migrate"), "{error}");
    let mut conn = PgConnection::connect(&url()).await.unwrap();
    let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(&name)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(!there);
    // On request it is made.
    let schema = TestSchema { url: url(), name };
    let engine = schema.builder().auto_migrate(true).connect().await.unwrap();
    exercise(&engine).await;
}

#[tokio::test]
async fn no_server_is_unavailable_and_no_error_tells_the_password() {
    for url in [
        "postgres://user:hush-hush@127.0.0.1:1/db",
        "postgres://user:hush-hush@no.such.host.invalid/db",
        "postgres://user:hush-hush@127.0.0.1:notaport/db",
        "mysql://user:hush-hush@127.0.0.1/db",
    ] {
        let builder = PostgresEngine::builder(url).acquire_timeout(Duration::from_secs(2));
        let shown = format!("{builder:?}");
        let error = builder.connect().await.unwrap_err();
        let expected: &[ErrorKind] = if url.contains("notaport") || url.contains("mysql") {
            &[ErrorKind::InvalidInput]
        } else {
            &[ErrorKind::Unavailable, ErrorKind::Timeout]
        };
        assert!(expected.contains(&error.kind()), "{error:?}");
        assert!(!format!("{error} {error:?} {shown}").contains("hush"), "{error:?}");
    }
    let mut wrong = url();
    wrong.replace_range(wrong.find("://").unwrap() + 3..wrong.find('@').unwrap(), "nobody:hush-hush");
    let error = mastra_postgres::connect(&wrong).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(!format!("{error:?}").contains("hush"));
}

/// A search path full of tables of the same names, and a schema whose name needs quoting.
#[tokio::test]
async fn no_search_path_and_no_schema_name_matters() {
    let server = OwnServer::start();
    for name in ["mastra", "My \"App\"; DROP SCHEMA public; --", "été$1'\\"] {
        let schema = TestSchema::on(&server.url(), name).await;
        let mut conn = schema.connection().await;
        for table in ["entities", "records", "record_texts", "record_staging", "field_indexes", "schema_migrations"] {
            let decoy = format!("CREATE SCHEMA IF NOT EXISTS decoy; CREATE TABLE IF NOT EXISTS decoy.{table} (trap int)");
            sqlx::raw_sql(AssertSqlSafe(decoy)).execute(&mut conn).await.unwrap();
        }
        for path in ["decoy", "pg_catalog", "''", "decoy, public"] {
            sqlx::raw_sql(AssertSqlSafe(format!("ALTER ROLE current_user SET search_path = {path}")))
                .execute(&mut conn)
                .await
                .unwrap();
            let engine = schema.engine().await;
            exercise(&engine).await;
            engine.close().await.unwrap();
        }
        let public: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public')")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert!(public);
    }
}

/// A role with rights on data alone, and a server that logs every statement of it: no DDL among them.
#[tokio::test]
async fn rights_on_data_are_enough_and_no_ddl_is_run() {
    let own = OwnServer::start();
    let schema = TestSchema::on(&own.url(), "mastra").await;
    let mut conn = schema.connection().await;
    sqlx::raw_sql("CREATE ROLE app LOGIN PASSWORD 'app'; ALTER ROLE app SET log_statement = 'all'")
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::raw_sql(AssertSqlSafe(migrate::grants("mastra", "app").unwrap())).execute(&mut conn).await.unwrap();
    let port = own.server.as_ref().unwrap().port();
    let database = own.url().rsplit_once('/').unwrap().1.to_owned();
    let engine = mastra_postgres::connect(&format!("postgres://app:app@127.0.0.1:{port}/{database}")).await.unwrap();
    exercise(&engine).await;
    engine.close().await.unwrap();
    let log = std::fs::read_to_string(own.server.as_ref().unwrap().log()).unwrap();
    assert!(log.contains("INSERT INTO \"mastra\".\"records\""), "the log shows what the engine does");
    for line in log.lines().filter(|line| line.contains("execute") || line.contains("statement:")) {
        let statement = line.split_once(": ").map_or(line, |(_, rest)| rest).to_uppercase();
        if line.contains("ROLE app") || line.contains("TO \"app\"") {
            continue;
        }
        for ddl in ["CREATE ", "ALTER ", "DROP ", "TRUNCATE ", "GRANT ", "COMMENT ON"] {
            assert!(!statement.contains(&format!(": {ddl}")), "{line}");
        }
    }
    let lent = schema.builder().connect().await.unwrap();
    drop(lent);
}

#[tokio::test]
async fn a_pool_of_the_callers_is_used_as_it_is_and_left_open() {
    let schema = TestSchema::new().await;
    let pool = PgPoolOptions::new().max_connections(2).connect(&schema.url).await.unwrap();
    let engine = PostgresEngine::from_pool(pool.clone())
        .schema(schema.name.clone())
        .statement_timeout(Duration::from_millis(300))
        .connect()
        .await
        .unwrap();
    exercise(&engine).await;
    // The timeout is of the engine's transactions alone.
    let mut blocker = schema.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE entities IN ACCESS EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    let error = engine.list_entities(&Default::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    sqlx::query("SELECT pg_sleep(0.5)").execute(&pool).await.unwrap();
    engine.close().await.unwrap();
    let error = engine.list_entities(&Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!pool.is_closed());
}

#[tokio::test]
async fn readers_and_writers_may_go_different_ways() {
    let schema = TestSchema::new().await;
    let reader = PgPoolOptions::new().max_connections(1).connect(&schema.url).await.unwrap();
    let engine = schema.builder().reader_pool(reader.clone()).connect().await.unwrap();
    let held = reader.acquire().await.unwrap();
    // Writing, and reading inside a transaction, need no reader.
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    let read =
        async |transaction: &mut mastra_core::Transaction| transaction.get_records(&entity.id.into(), &RecordQuery::new()).await;
    assert!(engine.transaction(read).await.unwrap().items.is_empty());
    drop(held);
    assert!(engine.get_records(&entity.id.into(), &RecordQuery::new()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_pool_that_is_used_up_is_a_timeout() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().max_connections(1).acquire_timeout(Duration::from_millis(200)).connect().await.unwrap();
    let held = engine.begin().await.unwrap();
    let error = engine.ping().await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Timeout, true));
    drop(held);
    engine.ping().await.unwrap();
}

#[tokio::test]
async fn a_statement_that_runs_too_long_is_a_timeout() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().statement_timeout(Duration::from_millis(200)).connect().await.unwrap();
    let mut blocker = schema.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE entities IN ACCESS EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    let error = engine.resolve_entity(&"E".into()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable(), error.operation()), (ErrorKind::Timeout, true, Some("resolve_entity")));
}

/// The default time to wait is the pool's, half a minute: a port that refuses is told before that time could run out, which the
/// wait of an hour shows.
#[tokio::test]
async fn a_port_that_refuses_is_told_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let builder = mastra_postgres::PostgresEngine::builder(format!("postgres://nobody@127.0.0.1:{port}/nothing"));
    let error = builder.acquire_timeout(std::time::Duration::from_secs(3_600)).connect().await.unwrap_err();
    assert_eq!(error.kind(), mastra_core::ErrorKind::Unavailable);
}
