//! Several processes open one new file, and processes die while they migrate it.
//!
//! A test runs itself as its child processes: the variable below, where it is set, names the file that the child is to open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod migrations;

use mastra_core::migrate::MigrationKind::{Additive, Breaking};
use mastra_core::migrate::{Migration, Migrator as _, silent};
use mastra_core::{NewRecord, RecordQuery, RecordStore as _, SyncBatch};
use mastra_sqlite::SqliteEngine;
use mastra_sqlite::migrate::SqliteMigrator;
use migrations::{open, series, tables, with};
use serde_json::json;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHILD: &str = "MASTRA_TEST_MIGRATE_CHILD";

/// Statements that take a while.
fn slowly(before: &str, after: &str) -> String {
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) SELECT i FROM n";
    format!("{before};\nCREATE TABLE slow AS {rows};\nDROP TABLE slow;\n{after};")
}

/// This version's migrations and three more.
fn later() -> Vec<Migration> {
    let two = with(&series(), Additive, &slowly("CREATE TABLE one (a)", "CREATE TABLE two (a)"));
    let three = with(&two, Additive, &slowly("ALTER TABLE one ADD COLUMN b", "INSERT INTO two VALUES (1)"));
    with(&three, Breaking, &slowly("ALTER TABLE one RENAME TO eins", "INSERT INTO two VALUES (2)"))
}

fn spawn(test: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child printed behind `result=`.
fn result(child: Child) -> usize {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = text.lines().find_map(|line| line.split_once("result=")).unwrap_or_else(|| panic!("{text}")).1;
    count.trim().parse().unwrap()
}

async fn migrate_as_child() -> bool {
    let Some(path) = std::env::var_os(CHILD) else { return false };
    let migrator = SqliteMigrator::open(path).unwrap().with_migrations(later()).unwrap();
    println!("result={}", migrator.apply(&silent).await.unwrap().len());
    true
}

/// The file is what an undisturbed run leaves.
async fn assert_migrated(path: &Path) {
    SqliteMigrator::open(path).unwrap().with_migrations(later()).unwrap().check().await.unwrap();
    let found = tables(path).await;
    assert!(found.contains(&"eins".to_owned()) && !found.contains(&"slow".to_owned()), "{found:?}");
    let mut conn = open(path).await;
    let two: Vec<i64> = sqlx::query_scalar("SELECT a FROM two ORDER BY a").fetch_all(&mut conn).await.unwrap();
    assert_eq!(two, [1, 2]);
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM schema_migrations").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, later().len() as i64);
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut conn).await.unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_apply_each_migration_once() {
    if migrate_as_child().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let children: Vec<_> = (0..8).map(|_| spawn("eight_processes_apply_each_migration_once", &path)).collect();
    let counts: Vec<usize> = children.into_iter().map(result).collect();
    assert_eq!(counts.iter().sum::<usize>(), later().len(), "{counts:?}");
    assert_migrated(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_open_a_new_file_and_write_at_once() {
    if let Some(path) = std::env::var_os(CHILD) {
        let engine = SqliteEngine::builder(path).connect().await.unwrap();
        let record = NewRecord::new(format!("of-{}", std::process::id()), json!({}));
        engine.sync_records(&SyncBatch::new("E", "c", [record])).await.unwrap();
        println!("result=1");
        return;
    }
    for round in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let children: Vec<_> = (0..8).map(|_| spawn("eight_processes_open_a_new_file_and_write_at_once", &path)).collect();
        children.into_iter().for_each(|child| assert_eq!(result(child), 1, "round {round}"));
        let engine = SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap();
        let entity = engine.list_entities(&Default::default()).await.unwrap().items.remove(0);
        assert_eq!(engine.get_records(&entity.id.into(), &RecordQuery::default()).await.unwrap().items.len(), 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_it_migrates_changes_nothing_about_the_end() {
    if migrate_as_child().await {
        return;
    }
    let test = "a_process_killed_while_it_migrates_changes_nothing_about_the_end";
    let folder = tempfile::tempdir().unwrap();
    // How long an undisturbed run takes here, so that the kills spread over it.
    let begun = std::time::Instant::now();
    result(spawn(test, &folder.path().join("undisturbed.db")));
    let whole = begun.elapsed();
    let mut landed = 0;
    for kill in 0..15 {
        let path = folder.path().join(format!("{kill}.db"));
        let mut victim = spawn(test, &path);
        tokio::time::sleep(Duration::max(whole * kill / 14, Duration::from_millis(5))).await;
        victim.kill().unwrap();
        let status = victim.wait().unwrap();
        let assessment = SqliteMigrator::open(&path).unwrap().with_migrations(later()).unwrap().plan().await.unwrap();
        landed += usize::from(!status.success() && !assessment.is_up_to_date() && path.exists());
        result(spawn(test, &path));
        assert_migrated(&path).await;
    }
    assert!(landed >= 3, "only {landed} of the kills fell inside");
}
