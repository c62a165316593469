//! Several processes migrate one schema, and processes die while they do.
//!
//! A test runs itself as its child processes: the variable below, where it is set, says what the child is to do.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod migrations;

use common::{OwnServer, fresh_name};
use mastra_core::migrate::{Migration, Migrator as _, silent};
use mastra_core::{NewEntity, RecordStore as _};
use migrations::{Scratch, additive, breaking, series, with};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHILD: &str = "MASTRA_TEST_MIGRATE_CHILD";

const SCHEMA: &str = "mastra";

/// A server of the test's own: `CREATE INDEX CONCURRENTLY` waits for every transaction of its database, other tests' too.
fn scratch() -> (OwnServer, Scratch) {
    let server = OwnServer::start();
    let scratch = Scratch::on(&server.url(), SCHEMA);
    (server, scratch)
}

/// This version's migrations and three more; one of them outside a transaction.
fn later(schema: &str) -> Vec<Migration> {
    let sleep = migrations::sleep(schema, 0.2);
    let two = with(&series(), additive(format!("CREATE TABLE one (a int);\n{sleep}\nCREATE TABLE two (a int);")));
    let index = "CREATE INDEX CONCURRENTLY records_later_idx ON records (created_at);";
    let index = format!("DROP INDEX CONCURRENTLY IF EXISTS records_later_idx;\n{sleep}\n{index}");
    let three = with(&two, additive(index).alone());
    with(&three, breaking(format!("{sleep}\nALTER TABLE one RENAME TO eins;")))
}

/// In a child process: migrates on the server that the variable names, prints how many migrations it applied.
async fn child() -> bool {
    let Ok(url) = std::env::var(CHILD) else { return false };
    // The schema is the parent's to drop.
    let scratch = std::mem::ManuallyDrop::new(Scratch::on(&url, SCHEMA));
    let applied = scratch.migrator().await.with_migrations(later(&scratch.name)).unwrap().apply(&silent).await.unwrap();
    println!("applied={}", applied.len());
    true
}

fn spawn(test: &str, scratch: &Scratch) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, &scratch.url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// How many migrations a child applied.
fn applied(child: Child) -> usize {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = text.lines().find_map(|line| line.split_once("applied=")).unwrap_or_else(|| panic!("{text}")).1;
    count.trim().parse().unwrap()
}

/// The schema is what an undisturbed run leaves.
async fn assert_migrated(scratch: &Scratch) {
    let migrator = scratch.migrator().await.with_migrations(later(&scratch.name)).unwrap();
    migrator.check().await.unwrap();
    let mut conn = scratch.connection().await;
    let relations = scratch.relations().await;
    assert!(["eins", "two", "records"].iter().all(|name| relations.contains(&(*name).to_owned())), "{relations:?}");
    let rows: (i64, i64) =
        sqlx::query_as("SELECT count(*), max(version)::bigint FROM schema_migrations").fetch_one(&mut conn).await.unwrap();
    assert_eq!(rows, (later(&scratch.name).len() as i64, later(&scratch.name).len() as i64));
    let valid: bool = sqlx::query_scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'records_later_idx'::regclass")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_succeed_and_apply_each_migration_once() {
    if child().await {
        return;
    }
    let (_server, scratch) = scratch();
    let children: Vec<_> = (0..8).map(|_| spawn("eight_processes_succeed_and_apply_each_migration_once", &scratch)).collect();
    let counts: Vec<usize> = children.into_iter().map(applied).collect();
    assert_eq!(counts.iter().sum::<usize>(), later(&scratch.name).len(), "{counts:?}");
    assert_migrated(&scratch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_it_migrates_changes_nothing_about_the_end() {
    if child().await {
        return;
    }
    let mut landed = 0;
    let (_server, scratch) = scratch();
    for kill in 0..9 {
        let mut victim = spawn("a_process_killed_while_it_migrates_changes_nothing_about_the_end", &scratch);
        // From before it connects to behind its end.
        tokio::time::sleep(Duration::from_millis(40 + 120 * kill)).await;
        victim.kill().unwrap();
        let status = victim.wait().unwrap();
        let assessment = scratch.migrator().await.with_migrations(later(&scratch.name)).unwrap().plan().await.unwrap();
        landed += usize::from(!status.success() && !assessment.is_up_to_date());
        assert!(assessment.admit().is_ok() || !assessment.pending().is_empty(), "{assessment:?}");

        let rest = spawn("a_process_killed_while_it_migrates_changes_nothing_about_the_end", &scratch);
        applied(rest);
        assert_migrated(&scratch).await;
        scratch.drop_schema().await;
    }
    assert!(landed >= 3, "only {landed} of the kills fell inside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_inside_each_migration_leaves_the_state_before_it() {
    if child().await {
        return;
    }
    let (_server, scratch) = scratch();
    for (round, pending) in (1..=3).rev().enumerate() {
        let mut victim = spawn("a_kill_inside_each_migration_leaves_the_state_before_it", &scratch);
        let version = series().len() + round;
        scratch.wait_for_version(version).await;
        scratch.wait_for_sleep().await;
        victim.kill().unwrap();
        victim.wait().unwrap();
        let assessment = scratch.migrator().await.with_migrations(later(&scratch.name)).unwrap().plan().await.unwrap();
        assert_eq!(assessment.pending().len(), pending, "{assessment:?}");
        if round == 0 {
            assert!(!scratch.relations().await.contains(&"one".to_owned()));
        }
        // One step on, undisturbed.
        let upto = later(&scratch.name)[..=version].to_vec();
        let migrator = scratch.migrator().await.with_migrations(upto).unwrap();
        assert_eq!(migrator.apply(&silent).await.unwrap().len(), 1);
    }
    assert_migrated(&scratch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_migrate_themselves_at_once_all_connect() {
    let scratch = Scratch::new(&fresh_name()).await;
    let connecting = (0..8).map(|_| {
        let builder = mastra_postgres::PostgresEngine::builder(scratch.url.clone()).schema(scratch.name.clone());
        tokio::spawn(builder.max_connections(1).auto_migrate(true).connect())
    });
    for engine in futures::future::join_all(connecting).await {
        engine.unwrap().unwrap().list_entities(&mastra_core::EntityQuery::default()).await.unwrap();
    }
    scratch.engine().await.unwrap().create_entity(&NewEntity::new("E", "c")).await.unwrap();
}
