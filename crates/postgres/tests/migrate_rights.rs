//! Who may migrate, who may use a schema, and that using one runs no DDL.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod migrations;
#[path = "support/syncs.rs"]
mod support;

use common::OwnServer;
use mastra_core::migrate::{Migrator as _, silent};
use mastra_core::sync::{EnumerationChange, FinishRun, NewQuarantined, PruneRuns, RunState, RunUpdate, SyncStore};
use mastra_core::{
    CountQuery, Engine as _, EngineExt as _, EntityQuery, EntityUpdate, ErrorKind, NewEntity, NewRecord, Path, PurgeOptions,
    RecordQuery, RecordSelector, RecordStore, SyncBatch, TextSearch, UpsertOptions,
};
use mastra_postgres::PostgresEngine;
use mastra_postgres::migrate::{PostgresMigrator, grants};
use migrations::{Scratch, additive, series, with};
use serde_json::json;
use std::time::Duration;

/// The URL of a role on a server's URL.
fn as_role(url: &str, role: &str) -> String {
    let (_, host) = url.split_once('@').unwrap();
    format!("postgres://{role}:secret@{host}")
}

/// A server with a migrated schema, of which `app` may use the data.
async fn server_with_app() -> (OwnServer, Scratch, String) {
    let server = OwnServer::start();
    let scratch = Scratch::on(&server.url(), "mastra");
    scratch.migrator().await.apply(&silent).await.unwrap();
    scratch.run("CREATE ROLE app LOGIN PASSWORD 'secret'").await.unwrap();
    scratch.run(&grants("mastra", "app").unwrap()).await.unwrap();
    let url = as_role(&server.url(), "app");
    (server, scratch, url)
}

/// Every operation of a store, once.
async fn tour(store: &dyn RecordStore) {
    let entity = store.create_entity(&NewEntity::new("Tour", "c")).await.unwrap();
    let by_id = entity.id.into();
    store.declare_text_index(&by_id, &["name".parse::<Path>().unwrap()]).await.unwrap();
    let records: Vec<_> =
        (0..10).map(|n| NewRecord::new(format!("r{n}"), json!({ "name": format!("name {n}"), "n": n }))).collect();
    let report = store.upsert_records(&by_id, &records, &UpsertOptions::default()).await.unwrap();
    assert_eq!(report.created.len(), 10);
    let report = store.upsert_records(&by_id, &records, &UpsertOptions::default()).await.unwrap();
    assert_eq!(report.unchanged.len(), 10);
    let batch = SyncBatch::new("Tour", "c", [NewRecord::new("r0", json!({ "n": 100 })), NewRecord::new("s", json!({}))]);
    store.sync_records(&batch.last_sync_id("page-2")).await.unwrap();
    assert_eq!(store.get_records(&by_id, &RecordQuery::default()).await.unwrap().items.len(), 11);
    assert_eq!(store.count_records(&by_id, &CountQuery::default()).await.unwrap().value, 11);
    assert_eq!(store.search_text(&by_id, &TextSearch::new("name")).await.unwrap().total, 10);
    let found = store.get_records_by_external_ids(&by_id, &["r1".into(), "none".into()]).await.unwrap();
    store.get_record(found[0].id).await.unwrap();
    store.explain(&by_id, &RecordQuery::default()).await.unwrap();
    store.update_entity(&by_id, &EntityUpdate::default()).await.unwrap();
    assert!(!store.list_entities(&EntityQuery::default()).await.unwrap().items.is_empty());
    remember(store.syncs().unwrap()).await;
    let deleted = store.delete_records(&by_id, &RecordSelector::ExternalIds(vec!["r2".into()])).await.unwrap();
    assert_eq!(deleted.deleted, 1);
    assert_eq!(store.purge_records(&by_id, &PurgeOptions::default()).await.unwrap().deleted, 1);
    assert_eq!(store.delete_entity_by_id(entity.id).await.unwrap().records, 10);
}

/// A run of a sync that writes into the entity of the tour.
async fn remember(syncs: &dyn SyncStore) {
    let run = support::begin(syncs, &uuid::Uuid::now_v7().to_string()).await;
    let held = support::hold(syncs, &run, "Tour", support::LEASE).await;
    let mut page = support::page(&run, &held);
    page.cursor = Some("page-3".into());
    page.enumeration = EnumerationChange::Begin;
    page.stakes = ["r0", "r1"].map(|id| support::stake(id, None)).into();
    page.seen = vec!["r0".into()];
    page.quarantined = vec![NewQuarantined { key: "k".into(), external_id: None, raw: json!(1), error: "no".into() }];
    syncs.commit_page(&page).await.unwrap();
    assert_eq!(syncs.list_unseen(held.target, 10).await.unwrap().len(), 1);
    page.enumeration = EnumerationChange::End;
    page.dropped = vec!["r1".into()];
    page.settled = vec!["k".into()];
    syncs.commit_page(&page).await.unwrap();
    syncs.extend_hold(&held, support::LEASE).await.unwrap();
    syncs.release(&held).await.unwrap();
    let finish = FinishRun { state: RunState::Succeeded, output: None, error: None };
    syncs.update_run(&run, 1, &RunUpdate { finish: Some(finish), ..RunUpdate::default() }).await.unwrap();
    let prune = PruneRuns { finished_before: mastra_core::time::now() + Duration::from_secs(3_600), dry_run: false };
    syncs.prune_runs(&prune).await.unwrap();
    assert_eq!(syncs.get_run(&run).await.unwrap().state, RunState::Succeeded, "the newest stays");
}

/// Enough records that they are loaded in bulk.
async fn bulk(store: &dyn RecordStore) {
    let records = (0..20_000).map(|n| NewRecord::new(format!("bulk-{n}"), json!({ "n": n })));
    let report = store.sync_records(&SyncBatch::new("Bulk", "c", records)).await.unwrap();
    assert_eq!(report.records.created.len(), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_rights_on_data_runs_everything_but_migrations() {
    let (_server, scratch, url) = server_with_app().await;
    let engine = PostgresEngine::builder(url.clone()).connect().await.unwrap();
    tour(&engine).await;
    bulk(&engine).await;
    let transaction = engine.begin().await.unwrap();
    tour(&transaction).await;
    transaction.commit().await.unwrap();

    // Index administration and migrations are not its own, and the refusals carry what to run.
    let entity = engine.create_entity(&NewEntity::new("E", "c")).await.unwrap();
    let path: Path = "name".parse().unwrap();
    let refused = engine.create_field_index(&entity.id.into(), &path, mastra_core::FieldIndexKind::Scalar).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    assert!(format!("{refused}").contains("CREATE INDEX"), "it says what a privileged role can run: {refused}");

    let migrator = PostgresMigrator::connect(&url, "mastra").await.unwrap();
    migrator.check().await.unwrap();
    assert!(migrator.apply(&silent).await.unwrap().is_empty(), "nothing is pending, so nothing is refused");
    let next = with(&series(), additive("ALTER TABLE records ADD COLUMN note text;"));
    let migrator = migrator.with_migrations(next.clone()).unwrap();
    let refused = migrator.apply(&silent).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    let sql = refused.get("sql").unwrap().to_owned();
    assert!(refused.to_string().contains("mastra engine migrate --sql"), "{refused}");
    assert_eq!(migrator.plan().await.unwrap().pending().len(), 1, "nothing was changed");

    // Either way is a cure: the script, run by the owner, or the grant.
    let script = migrator.sql().await.unwrap();
    scratch.run(&sql).await.unwrap();
    let refused = migrator.apply(&silent).await.map(drop);
    assert!(refused.is_ok(), "{refused:?} though {sql:?} was run");
    scratch
        .run(
            "ALTER TABLE mastra.records DROP COLUMN note; \
             DELETE FROM mastra.schema_migrations WHERE version = (SELECT max(version) FROM mastra.schema_migrations)",
        )
        .await
        .unwrap();
    scratch.run(&script).await.unwrap();
    migrator.check().await.unwrap();
    tour(&engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bookkeeping_is_not_the_applications_to_write() {
    let (_server, _scratch, url) = server_with_app().await;
    let app = Scratch::on(&url, "mastra");
    for write in ["DELETE FROM", "UPDATE"] {
        let set = if write == "UPDATE" { "SET version = 9" } else { "" };
        let refused = app.run(&format!("{write} mastra.schema_migrations {set}")).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("42501"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_is_told_what_to_run_until_it_can() {
    let server = OwnServer::start();
    let owner = Scratch::on(&server.url(), "mastra");
    owner.run("CREATE ROLE app LOGIN PASSWORD 'secret'; CREATE ROLE other").await.unwrap();
    let url = as_role(&server.url(), "app");

    // No schema yet: one that the role owns.
    let migrator = PostgresMigrator::connect(&url, "mastra").await.unwrap();
    let refused = migrator.apply(&silent).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    owner.run(refused.get("sql").unwrap()).await.unwrap();
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), series().len(), "without the right to create schemas");
    tour(&PostgresEngine::builder(url.clone()).connect().await.unwrap()).await;

    // A schema of another role, empty.
    owner.run("CREATE SCHEMA theirs AUTHORIZATION other").await.unwrap();
    let migrator = PostgresMigrator::connect(&url, "theirs").await.unwrap();
    let refused = migrator.apply(&silent).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    owner.run(refused.get("sql").unwrap()).await.unwrap();
    assert_eq!(migrator.apply(&silent).await.unwrap().len(), series().len());

    // A schema that it may not even look into: the script is the whole, and the owner can run it, once.
    owner.run("CREATE SCHEMA hidden AUTHORIZATION other").await.unwrap();
    let hidden = Scratch::on(&server.url(), "hidden");
    let migrator = PostgresMigrator::connect(&url, "hidden").await.unwrap();
    let script = migrator.sql().await.unwrap();
    owner.run(&script).await.unwrap();
    hidden.migrator().await.check().await.unwrap();
    assert_eq!(migrator.plan().await.unwrap_err().kind(), ErrorKind::PermissionDenied);
    let refused = PostgresEngine::builder(url).schema("hidden").connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "{refused}");
    assert!(owner.run(&script).await.is_err());
    hidden.migrator().await.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_connection_runs_no_ddl() {
    let (_server, scratch, url) = server_with_app().await;
    scratch
        .run(
            "CREATE TABLE public.ddl (tag text);
             CREATE FUNCTION public.count_ddl() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
                 $$ BEGIN INSERT INTO public.ddl VALUES (tg_tag); END $$;
             CREATE EVENT TRIGGER count_ddl ON ddl_command_start EXECUTE FUNCTION public.count_ddl()",
        )
        .await
        .unwrap();
    let ddl = async || {
        let mut conn = scratch.connection().await;
        sqlx::query_scalar::<_, String>("SELECT tag FROM public.ddl ORDER BY 1").fetch_all(&mut conn).await.unwrap()
    };
    // The count counts: a migration shows in it.
    let next = with(&series(), additive("CREATE TABLE one (a int);"));
    scratch.migrator().await.with_migrations(next.clone()).unwrap().apply(&silent).await.unwrap();
    assert_eq!(ddl().await, ["CREATE TABLE"]);

    for url in [url, scratch.url.clone()] {
        let engine = PostgresEngine::builder(url.clone()).connect().await.unwrap();
        engine.ping().await.unwrap();
        tour(&engine).await;
        engine.transaction(async |_| Ok(())).await.unwrap();
        let migrator = PostgresMigrator::connect(&url, "mastra").await.unwrap().with_migrations(next.clone()).unwrap();
        migrator.plan().await.unwrap();
        migrator.check().await.unwrap();
        migrator.sql().await.unwrap();
        migrator.apply(&silent).await.unwrap();
    }
    // Where nothing is pending, migrating itself runs none either.
    let engine = PostgresEngine::builder(scratch.url.clone()).auto_migrate(true).connect().await.unwrap();
    bulk(&engine).await;
    assert_eq!(ddl().await, ["CREATE TABLE"]);
}
