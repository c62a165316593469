//! Migrating a file: what is there before, during and after.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod migrations;

use mastra_core::migrate::MigrationKind::Additive;
use mastra_core::migrate::{Assessment, Migrator as _, Step, silent};
use mastra_core::{ErrorKind, NewEntity, RecordStore as _};
use mastra_sqlite::SqliteEngine;
use mastra_sqlite::migrate::{APPLICATION_ID, MigrateOptions, SqliteMigrator};
use migrations::{open, run, series, tables, with};
use std::sync::Mutex;
use std::time::Duration;

#[tokio::test]
async fn a_fresh_file_is_planned_applied_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let migrator = SqliteMigrator::open(&path).unwrap();
    let Assessment::Behind { schema: 0, pending, .. } = migrator.plan().await.unwrap() else { panic!("nothing is there yet") };
    assert_eq!(pending.len(), series().len());
    assert_eq!(migrator.check().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
    assert!(!path.exists(), "planning creates nothing");

    let steps = Mutex::new(Vec::new());
    assert_eq!(migrator.apply(&|step| steps.lock().unwrap().push(step)).await.unwrap().len(), series().len());
    let steps = steps.into_inner().unwrap();
    assert!(matches!(steps.first(), Some(Step::Applying { version: 1, statements, .. }) if *statements > 3), "{steps:?}");
    assert!(matches!(steps.last(), Some(Step::Done { .. })), "{steps:?}");
    migrator.check().await.unwrap();
    assert!(migrator.apply(&|step| panic!("{step:?}")).await.unwrap().is_empty(), "a second time nothing happens");
    assert!(migrator.sql().await.unwrap().contains("Nothing is pending"));

    let mut conn = open(&path).await;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut conn).await.unwrap();
    assert_eq!(id, APPLICATION_ID);
    let engine = SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap();
    engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
}

#[tokio::test]
async fn the_engine_migrates_a_file_when_it_opens_it_unless_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let error = SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("mastra engine migrate"), "{error}");
    SqliteEngine::builder(&path).connect().await.unwrap();
    SqliteMigrator::open(&path).unwrap().check().await.unwrap();
    SqliteEngine::builder(&path).read_only().connect().await.unwrap();
}

#[tokio::test]
async fn an_empty_file_is_anybodys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(&path, b"").unwrap();
    SqliteMigrator::open(&path).unwrap().apply(&silent).await.unwrap();
    SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap();
}

#[tokio::test]
async fn files_of_other_applications_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [
        ("tables", "CREATE TABLE records (mine)"),
        ("history", "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY)"),
        ("header", "PRAGMA application_id = 252006673"),
    ] {
        let path = folder.path().join(name);
        run(&path, script).await.unwrap();
        let before = std::fs::read(&path).unwrap();
        let migrator = SqliteMigrator::open(&path).unwrap();
        for error in [
            migrator.plan().await.unwrap_err(),
            migrator.check().await.unwrap_err(),
            migrator.apply(&silent).await.unwrap_err(),
            migrator.sql().await.unwrap_err(),
            SqliteEngine::builder(&path).connect().await.unwrap_err(),
            SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap_err(),
            SqliteEngine::builder(&path).read_only().connect().await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
    }
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 3, "no log was left beside them");
}

#[tokio::test]
async fn what_is_no_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "These are my notes.\n".repeat(200);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteMigrator::open(&path).unwrap().apply(&silent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(SqliteEngine::builder(&path).connect().await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    assert_eq!(SqliteMigrator::open(":memory:").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(SqliteMigrator::open("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(SqliteMigrator::open(folder.path().join("absent/a.db")).unwrap().apply(&silent).await.is_err());
}

#[tokio::test]
async fn a_failing_migration_leaves_the_state_before_it_and_names_the_statement() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let broken =
        with(&series(), Additive, "CREATE TABLE one (a);\n\nCREATE TABLE two (a);\nINSERT INTO absent VALUES ('hunter2');");
    let error = SqliteMigrator::open(&path).unwrap().with_migrations(broken).unwrap().apply(&silent).await.unwrap_err();
    assert_eq!((error.get("statement"), error.get("line")), (Some("3"), Some("5")), "{error}");
    assert_eq!(error.get("sql"), Some("INSERT INTO absent VALUES ('hunter2')"));
    let found = tables(&path).await;
    assert!(found.contains(&"records".to_owned()) && !found.contains(&"one".to_owned()), "{found:?}");
    let mended = with(&series(), Additive, "CREATE TABLE one (a);");
    let migrator = SqliteMigrator::open(&path).unwrap().with_migrations(mended).unwrap();
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), 1);

    // Where the very first one fails, the file stays anybody's.
    let path = folder.path().join("b.db");
    let broken = with(&[], Additive, "CREATE TABLE one (a);\nINSERT INTO absent VALUES (1);");
    SqliteMigrator::open(&path).unwrap().with_migrations(broken).unwrap().apply(&silent).await.unwrap_err();
    assert!(tables(&path).await.is_empty());
    let mut conn = open(&path).await;
    assert_eq!(sqlx::query_scalar::<_, i32>("PRAGMA application_id").fetch_one(&mut conn).await.unwrap(), 0);
}

#[tokio::test]
async fn an_edited_or_missing_migration_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let two = with(&series(), Additive, "CREATE TABLE one (a);");
    let three = with(&two, Additive, "CREATE TABLE two (a);");
    let migrator = SqliteMigrator::open(&path).unwrap().with_migrations(three).unwrap();
    migrator.apply(&silent).await.unwrap();
    let hole = two.last().unwrap().version();
    run(&path, &format!("DELETE FROM schema_migrations WHERE version = {hole}")).await.unwrap();
    assert!(matches!(migrator.plan().await.unwrap(), Assessment::Missing { version, .. } if version == hole));
    assert_eq!(migrator.apply(&silent).await.unwrap_err().kind(), ErrorKind::SchemaMismatch);

    run(&path, "UPDATE schema_migrations SET checksum = 'edited' WHERE version = 1").await.unwrap();
    assert!(matches!(migrator.plan().await.unwrap(), Assessment::Edited { version: 1, .. }));
    for error in [
        migrator.check().await.unwrap_err(),
        migrator.apply(&silent).await.unwrap_err(),
        migrator.sql().await.unwrap_err(),
        SqliteEngine::builder(&path).connect().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
    }
}

#[tokio::test]
async fn the_script_does_the_same_and_refuses_to_run_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (by_script, by_migrator) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let later = with(&series(), Additive, "CREATE TABLE one (a);\nCREATE TRIGGER t AFTER INSERT ON one BEGIN SELECT 1; END;");
    let migrator = |path| SqliteMigrator::open(path).unwrap().with_migrations(later.clone()).unwrap();
    let script = migrator(&by_script).sql().await.unwrap();
    // A command of the shell, not of SQL: stop at the first error, as this call does anyway.
    let script = script.replace(".bail on\n", "");
    run(&by_script, &script).await.unwrap();
    migrator(&by_script).check().await.unwrap();
    assert!(run(&by_script, &script).await.is_err());
    migrator(&by_script).check().await.unwrap();
    migrator(&by_migrator).apply(&silent).await.unwrap();
    assert_eq!(tables(&by_script).await, tables(&by_migrator).await);
    SqliteEngine::builder(&by_script).connect().await.unwrap();
}

#[tokio::test]
async fn a_writer_is_waited_for_told_and_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    SqliteMigrator::open(&path).unwrap().apply(&silent).await.unwrap();
    let mut writer = open(&path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writer).await.unwrap();
    let later = with(&series(), Additive, "CREATE TABLE one (a);");
    let migrator = SqliteMigrator::open(&path).unwrap().with_migrations(later).unwrap();
    let migrator = migrator.options(MigrateOptions::default().timeout(Duration::from_secs(1)));
    let waited = Mutex::new(0);
    let count = |step| {
        if matches!(step, Step::Waiting { .. }) {
            *waited.lock().unwrap() += 1;
        }
    };
    let error = migrator.apply(&count).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.is_retryable());
    assert!(*waited.lock().unwrap() >= 1);
    sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), 1);
}
