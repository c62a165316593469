//! Migrating a schema: what is there before, during and after.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod migrations;

use common::{OwnServer, TestSchema, bouncer::Bouncer, fresh_name, url};
use mastra_core::migrate::{Assessment, Migrator as _, Step, silent};
use mastra_core::{ErrorKind, NewEntity, RecordStore as _};
use mastra_postgres::migrate::{MigrateOptions, PostgresMigrator};
use migrations::{Scratch, additive, breaking, series, with};
use std::sync::Mutex;
use std::time::Duration;

#[tokio::test]
async fn a_fresh_schema_is_planned_applied_and_checked() {
    let scratch = Scratch::new(&fresh_name()).await;
    let migrator = scratch.migrator().await;
    let Assessment::Behind { schema: 0, pending, .. } = migrator.plan().await.unwrap() else { panic!("nothing is there yet") };
    assert_eq!(pending.len(), mastra_postgres::migrate::migrations().len());
    assert!(!scratch.exists().await, "planning creates nothing");
    assert_eq!(migrator.check().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);

    let steps = Mutex::new(Vec::new());
    let applied = migrator.apply(&|step| steps.lock().unwrap().push(step)).await.unwrap();
    assert_eq!(
        applied.iter().map(|row| row.version).collect::<Vec<_>>(),
        pending.iter().map(|row| row.version).collect::<Vec<_>>()
    );
    let steps = steps.into_inner().unwrap();
    assert!(matches!(steps.first(), Some(Step::Applying { version: 1, statements, .. }) if *statements > 3), "{steps:?}");
    assert!(matches!(steps.last(), Some(Step::Done { .. })), "{steps:?}");

    assert!(migrator.plan().await.unwrap().is_up_to_date());
    migrator.check().await.unwrap();
    assert!(migrator.apply(&|step| panic!("{step:?}")).await.unwrap().is_empty(), "a second time nothing happens");
    assert!(migrator.sql().await.unwrap().contains("Nothing is pending"));
}

#[tokio::test]
async fn hostile_schema_names_are_names() {
    for name in [r#"we"ird"#, "it's; DROP SCHEMA public", "$mastra$ $$", "Gemüse 🥕\n", r"back\slash", "select"] {
        let name = format!("{name}{}", &fresh_name()[5..20]);
        let scratch = Scratch::new(&name).await;
        let migrator = scratch.migrator().await;
        let script = migrator.sql().await.unwrap();
        migrator.apply(&silent).await.unwrap();
        let engine = scratch.engine().await.unwrap();
        engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
        scratch.drop_schema().await;
        // The script does the same.
        scratch.run(&script).await.unwrap();
        migrator.check().await.unwrap();
        scratch.engine().await.unwrap().create_entity(&NewEntity::new("E", "c")).await.unwrap();
        // And refuses to run twice, whatever has happened before it.
        assert!(scratch.run(&script).await.is_err());
        migrator.check().await.unwrap();
    }
}

#[tokio::test]
async fn a_search_path_of_the_role_does_not_matter() {
    let scratch = Scratch::new(&fresh_name()).await;
    let decoy = Scratch::new(&fresh_name()).await;
    decoy.run(&format!("CREATE SCHEMA {}", decoy.quoted())).await.unwrap();
    let options = format!("{}{}options=-c%20search_path%3D{}", url(), if url().contains('?') { "&" } else { "?" }, decoy.name);
    let migrator = PostgresMigrator::connect(&options, &scratch.name).await.unwrap();
    migrator.apply(&silent).await.unwrap();
    assert_eq!(decoy.relations().await, Vec::<String>::new());
    assert!(scratch.relations().await.contains(&"records".to_owned()));
}

#[tokio::test]
async fn a_failing_migration_leaves_the_state_before_it_and_names_the_statement() {
    let scratch = Scratch::new(&fresh_name()).await;
    let broken = with(&series(), additive("CREATE TABLE one (a int);\n\nCREATE TABLE two (b int);\nSELECT a FROM absent;"));
    let migrator = scratch.migrator().await.with_migrations(broken).unwrap();
    let error = migrator.apply(&silent).await.unwrap_err();
    assert_eq!(error.get("statement"), Some("3"), "{error}");
    assert_eq!(error.get("line"), Some("5"), "{error}");
    assert_eq!(error.get("sql"), Some("SELECT a FROM absent"), "{error}");
    assert_eq!(error.get("sqlstate"), Some("42P01"), "{error}");
    assert!(!error.is_retryable());
    // What was before it is there, nothing of it is, and the next try with a mended one goes on from there.
    let relations = scratch.relations().await;
    assert!(relations.contains(&"records".to_owned()) && !relations.contains(&"one".to_owned()), "{relations:?}");
    assert_eq!(migrator.plan().await.unwrap().pending().len(), 1);
    let mended = with(&series(), additive("CREATE TABLE one (a int);"));
    let migrator = scratch.migrator().await.with_migrations(mended).unwrap();
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_server_says_of_rows_stays_out_of_the_error() {
    let scratch = Scratch::new(&fresh_name()).await;
    let sql =
        "CREATE TABLE one (a text);\nINSERT INTO one VALUES ('hunter2');\nALTER TABLE one ALTER COLUMN a TYPE int USING a::int;";
    let migrator = scratch.migrator().await.with_migrations(with(&series(), additive(sql))).unwrap();
    let error = migrator.apply(&silent).await.unwrap_err();
    assert_eq!(error.get("statement"), Some("3"));
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn tables_that_no_migration_made_are_not_overwritten() {
    let scratch = Scratch::new(&fresh_name()).await;
    let quoted = scratch.quoted();
    scratch.run(&format!("CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.records (mine int)")).await.unwrap();
    let error = scratch.migrator().await.apply(&silent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert_eq!(scratch.relations().await, ["records"]);
}

#[tokio::test]
async fn an_edited_migration_is_detected() {
    let schema = TestSchema::new().await;
    let mut conn = schema.connection().await;
    sqlx::query("UPDATE schema_migrations SET checksum = 'edited'").execute(&mut conn).await.unwrap();
    let migrator = PostgresMigrator::connect(&schema.url, &schema.name).await.unwrap();
    assert!(matches!(migrator.plan().await.unwrap(), Assessment::Edited { version: 1, .. }));
    for error in [
        migrator.check().await.unwrap_err(),
        migrator.apply(&silent).await.unwrap_err(),
        migrator.sql().await.unwrap_err(),
        schema.builder().connect().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    }
}

#[tokio::test]
async fn a_hole_in_the_history_is_detected() {
    let scratch = Scratch::new(&fresh_name()).await;
    let two = with(&series(), additive("CREATE TABLE one (a int);"));
    let three = with(&two, additive("CREATE TABLE two (a int);"));
    let migrator = scratch.migrator().await.with_migrations(three).unwrap();
    migrator.apply(&silent).await.unwrap();
    let hole = two.last().unwrap().version();
    scratch.run(&format!("DELETE FROM {}.schema_migrations WHERE version = {hole}", scratch.quoted())).await.unwrap();
    assert!(matches!(migrator.plan().await.unwrap(), Assessment::Missing { version, .. } if version == hole));
    assert_eq!(migrator.apply(&silent).await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
}

#[tokio::test]
async fn a_schema_without_migrations_is_refused_with_the_command() {
    let scratch = Scratch::new(&fresh_name()).await;
    let error = scratch.engine().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("mastra engine migrate"), "{error}");
    assert!(!scratch.exists().await, "connecting creates nothing");

    let stale = scratch.migrator().await.with_migrations(with(&series(), breaking("CREATE TABLE one (a int);"))).unwrap();
    scratch.migrator().await.apply(&silent).await.unwrap();
    assert_eq!(stale.check().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
}

#[tokio::test]
async fn a_long_reader_is_waited_for_without_blocking_others_and_then_given_up() {
    let scratch = Scratch::new(&fresh_name()).await;
    scratch.migrator().await.apply(&silent).await.unwrap();
    let mut reader = scratch.connection().await;
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM records").execute(&mut reader).await.unwrap();

    let options = MigrateOptions::default().timeout(Duration::from_secs(2)).lock_timeout(Duration::from_millis(200));
    let next = with(&series(), additive("CREATE TABLE one (a int);\nALTER TABLE records ADD COLUMN a int;"));
    let migrator = scratch.migrator().await.options(options).with_migrations(next).unwrap();
    let blocked = Mutex::new(0);
    let error = migrator
        .apply(&|step| {
            if matches!(step, Step::Blocked { .. }) {
                *blocked.lock().unwrap() += 1;
            }
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.is_retryable());
    assert_eq!(error.get("sql"), Some("ALTER TABLE records ADD COLUMN a int"));
    assert!(*blocked.lock().unwrap() >= 2, "it was undone and tried again");
    assert!(!scratch.relations().await.contains(&"one".to_owned()));

    // The reader goes while the migrator tries: it gets through.
    let (applied, ()) = tokio::join!(migrator.apply(&silent), async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        sqlx::raw_sql("COMMIT").execute(&mut reader).await.unwrap();
    });
    assert_eq!(applied.unwrap().len(), 1);
}

#[tokio::test]
async fn the_turn_is_waited_for_told_and_given_up() {
    let scratch = Scratch::new(&fresh_name()).await;
    let slow = with(&series(), additive(scratch.sleep(1.5)));
    let first = scratch.migrator().await.with_migrations(slow.clone()).unwrap();
    let options = MigrateOptions::default().timeout(Duration::from_millis(300));
    let impatient = scratch.migrator().await.with_migrations(slow).unwrap().options(options);
    let waited = Mutex::new(0);
    let (applied, refused) = tokio::join!(first.apply(&silent), async {
        scratch.wait_for_sleep().await;
        impatient
            .apply(&|step| {
                if matches!(step, Step::Waiting { .. }) {
                    *waited.lock().unwrap() += 1;
                }
            })
            .await
    });
    assert_eq!(applied.unwrap().len(), series().len() + 1);
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Timeout);
    assert!(*waited.lock().unwrap() >= 1);
    assert!(impatient.apply(&silent).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let scratch = Scratch::new(&fresh_name()).await;
    let slow = with(&series(), additive(format!("CREATE TABLE one (a int);\n{}\nCREATE TABLE two (a int);", scratch.sleep(2.0))));
    let migrator = scratch.migrator().await.with_migrations(slow).unwrap();
    tokio::select! {
        applied = migrator.apply(&silent) => panic!("{applied:?}"),
        () = scratch.wait_for_sleep() => {}
    }
    // The same value goes on, on a connection of its own, as soon as the server noticed.
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), 1);
    let relations = scratch.relations().await;
    assert!(relations.contains(&"one".to_owned()) && relations.contains(&"two".to_owned()));
}

#[tokio::test]
async fn arguments_that_lead_nowhere_are_errors_without_secrets() {
    for (url, kind) in [
        ("mysql://u:hunter2@h/db", ErrorKind::InvalidInput),
        ("postgres://u:hunter2@127.0.0.1:1/db", ErrorKind::Unavailable),
        ("postgres://u:hunter2@127.0.0.1:1/db?pooler=transaction", ErrorKind::InvalidInput),
        ("postgres://u:hunter2@127.0.0.1:1/db?sslmode=maybe", ErrorKind::InvalidInput),
    ] {
        let error = PostgresMigrator::connect(url, "mastra").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(!format!("{error:?}{error}").contains("hunter2"));
    }
    for schema in ["", "pg_x", "information_schema", "a\0b", &"x".repeat(64)] {
        assert_eq!(PostgresMigrator::connect(&url(), schema).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let migrator = PostgresMigrator::connect(&url(), "mastra").await.unwrap();
    assert!(!format!("{migrator:?}").contains("://"));
}

#[tokio::test]
async fn a_connection_pooler_is_refused() {
    // One that refuses what it does not know at the start of a connection, and one that drops it.
    for settings in ["", "ignore_startup_parameters = options,extra_float_digits", "pool_mode = session"] {
        let bouncer = Bouncer::start_with(settings).await;
        let error = PostgresMigrator::connect(&bouncer.url, "mastra").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{settings}: {error}");
        assert!(error.to_string().contains("pooler"), "{error}");
    }
    // Looking whether the schema fits is for every connection.
    let schema = TestSchema::new().await;
    let bouncer = Bouncer::start().await;
    let url = format!("{}&pooler=transaction&schema={}", bouncer.url, schema.name);
    mastra_postgres::connect(&url).await.unwrap();
    let refused = schema.builder().schema(fresh_name()).connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch);
    let refused = mastra_postgres::PostgresEngine::builder(url).auto_migrate(true).connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
}

#[tokio::test]
async fn psql_runs_the_script_of_statements_outside_a_transaction() {
    let server = OwnServer::start();
    let scratch = Scratch::on(&server.url(), "by psql");
    let index = "DROP INDEX CONCURRENTLY IF EXISTS records_later_idx;\nCREATE INDEX CONCURRENTLY records_later_idx ON records (created_at);";
    let two = with(&series(), additive(index).alone());
    let three = with(&two, additive("CREATE TABLE one (a int);"));
    let migrator = scratch.migrator().await.with_migrations(three).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("up.sql");
    std::fs::write(&file, migrator.sql().await.unwrap()).unwrap();
    let psql = || {
        let binaries = server.server.as_ref().unwrap().binaries();
        let mut psql = std::process::Command::new(binaries.folder().join("psql"));
        psql.envs(binaries.libraries().map(|folder| ("LD_LIBRARY_PATH", folder)));
        psql.args(["-X", "-q", "-f"]).arg(&file).arg(server.url()).output().unwrap()
    };
    let output = psql();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    migrator.check().await.unwrap();
    assert!(scratch.relations().await.contains(&"one".to_owned()));
    // A second time it stops at the first step.
    assert!(!psql().status.success());
    migrator.check().await.unwrap();
}
