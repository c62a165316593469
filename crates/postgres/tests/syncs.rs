//! What is remembered of syncs: text and JSON, waiting, the ledger's size. The contract is the published suite's.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;
#[path = "support/syncs.rs"]
mod support;

use common::{OwnServer, TestSchema, bouncer::Bouncer};
use futures::future::join_all;
use mastra_core::{
    Engine as _, EngineExt as _, EntityRef, NewRecord, RecordStore as _, UpsertOptions,
    sync::{EnumerationChange, FinishRun, NewQuarantined, QuarantineQuery, RunError, RunQuery, RunState, RunUpdate, Unseen},
};
use mastra_postgres::{Pooler, PostgresEngine};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection, postgres::PgListener};
use std::{sync::Arc, time::Duration};
use support::{LEASE, begin, hold, page, progress, stake, syncs};

/// As good as for ever.
const LONG: Duration = Duration::from_secs(300);

/// Text of every kind, in every column that takes some, and JSON as it was written.
#[tokio::test]
async fn everything_comes_back_as_it_was_written() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let syncs = syncs(&engine);
    let odd = "q'\"\\ é😀\u{1}";
    let run = begin(syncs, odd).await;
    let held = hold(syncs, &run, odd, LEASE).await;
    let id = EntityRef::Id(held.entity.id);
    let ids = ["Z", "a", "é", "😀", odd];
    let records: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(*id, json!({ "name": 1 }))).collect();
    engine.upsert_records(&id, &records, &UpsertOptions::default()).await.unwrap();

    let mut first = page(&run, &held);
    first.cursor = Some(odd.into());
    first.enumeration = EnumerationChange::Begin;
    first.stakes = ids.iter().map(|id| stake(*id, None)).collect();
    first.stakes[0].keys.insert(odd.into(), mastra_core::sync::KeyStake { order: i64::MAX, hash: None, rank: Some(json!("\0")) });
    first.seen = vec!["é".into(), "a".into(), "é".into()];
    let nested = (0..200).fold(json!(null), |inner, _| json!([inner]));
    first.quarantined = [("\u{1}", json!({ "a": "\0", "n": 1e300 })), ("deep", nested.clone())]
        .map(|(key, raw)| NewQuarantined { key: key.into(), external_id: Some(odd.into()), raw, error: odd.into() })
        .into();
    first.ledger.target.cursor = Some("\0".into());
    let written = first.ledger.target.clone();
    syncs.commit_page(&first).await.unwrap();

    let stakes = syncs.list_stakes(held.target, None, 10).await.unwrap();
    let by_code_point = {
        let mut ids = ids;
        ids.sort_unstable();
        ids
    };
    assert_eq!(stakes.iter().map(|stake| &*stake.external_id).collect::<Vec<_>>(), by_code_point);
    let z = stakes.iter().find(|stake| stake.external_id == "Z").unwrap();
    assert_eq!(z.keys, first.stakes[0].keys);
    let views =
        syncs.read_stakes(held.entity.id, Some(held.target), &["b".into(), "Z".into(), "Z".into(), odd.into()]).await.unwrap();
    assert_eq!(views.iter().map(|view| &*view.external_id).collect::<Vec<_>>(), ["b", "Z", odd]);
    assert_eq!((&views[0].record, &views[0].own), (&None, &None));
    assert_eq!(views[1].own.as_ref(), Some(z));
    assert_eq!(views[1].record.unwrap().generation, z.generation);
    assert_eq!(syncs.count_unseen(held.target).await.unwrap(), Unseen { stakes: 5, unseen: 3 });
    let unseen = syncs.list_unseen(held.target, 2).await.unwrap();
    assert_eq!(unseen.iter().map(|stake| &*stake.external_id).collect::<Vec<_>>(), ["Z", odd]);

    let aside = syncs.list_quarantined(&QuarantineQuery::default()).await.unwrap();
    assert_eq!((aside[0].key.as_str(), &aside[0].raw), ("\u{1}", &json!({ "a": "\0", "n": 1e300 })));
    assert_eq!((aside[0].external_id.as_deref(), aside[0].error.as_str()), (Some(odd), odd));
    assert_eq!(aside[1].raw, json!(nested.to_string()), "what is too deep to be read again is given as it is written");
    assert_eq!((&aside[0].entity, &aside[0].sync_id, &aside[0].run_id), (&odd.to_owned(), &"crm".to_owned(), &run));

    let error = RunError { kind: "failed".into(), message: "\0".into() };
    let finish = FinishRun { state: RunState::Failed, output: Some(json!({ "\0": [1e-7] })), error: Some(error.clone()) };
    let told = RunUpdate { lease: None, note: Some(odd.into()), finish: Some(finish) };
    syncs.update_run(&run, 1, &told).await.unwrap();
    let ended = syncs.get_run(&run).await.unwrap();
    assert_eq!((ended.state, ended.error, ended.output), (RunState::Failed, Some(error), Some(json!({ "\0": [1e-7] }))));
    assert_eq!((ended.note.as_deref(), ended.targets), (Some(odd), vec![written]));
    assert_eq!(engine.resolve_entity(&id).await.unwrap().last_sync_id.as_deref(), Some(odd));
}

/// What its process says of a run, told to everybody.
fn note(text: &str) -> RunUpdate {
    RunUpdate { note: Some(text.into()), ..RunUpdate::default() }
}

/// The channel that the engine listens on, and the process of the server that does.
async fn listener(conn: &mut PgConnection, application: &str) -> Option<(String, i32)> {
    let sql = "SELECT substring(query FROM 'LISTEN \"(mastra_sync_[0-9a-f]{16})\"'), pid FROM pg_stat_activity \
               WHERE application_name = $1 AND query LIKE 'LISTEN%'";
    sqlx::query_as(sql).bind(application).fetch_optional(conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_run_is_told_to_those_who_wait_on_one_connection() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().application_name(&schema.name).connect().await.unwrap();
    let engine = Arc::new(engine);
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    let waiting = |revision| {
        let (engine, run) = (Arc::clone(&engine), run.clone());
        tokio::spawn(async move { support::syncs(&engine).wait_for_run(&run, revision, LONG).await.unwrap().revision })
    };
    let waiters: Vec<_> = (0..8).map(|_| waiting(1)).collect();
    let mut conn = schema.connection().await;
    let (channel, process) = loop {
        if let Some(found) = listener(&mut conn, &schema.name).await {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'";
    let listening: i64 = sqlx::query_scalar(sql).bind(&schema.name).fetch_one(&mut conn).await.unwrap();
    assert_eq!(listening, 1, "all who wait share one connection");

    let mut heard = PgListener::connect(&schema.url).await.unwrap();
    heard.listen(&channel).await.unwrap();
    syncs.update_run(&run, 1, &note("a")).await.unwrap();
    for waiter in join_all(waiters).await {
        assert_eq!(waiter.unwrap(), 2);
    }
    assert_eq!(heard.recv().await.unwrap().payload(), "run");
    let held = hold(syncs, &run, "E", LEASE).await;
    let waiter = waiting(2);
    syncs.commit_page(&page(&run, &held)).await.unwrap();
    assert_eq!((waiter.await.unwrap(), heard.recv().await.unwrap().payload()), (3, "run"));

    // The connection breaks, and what is said meanwhile is lost.
    let waiter = waiting(3);
    sqlx::query("SELECT pg_terminate_backend($1)").bind(process).execute(&mut conn).await.unwrap();
    syncs.update_run(&run, 1, &note("b")).await.unwrap();
    assert_eq!(waiter.await.unwrap(), 4);
    let waiter = waiting(4);
    let finish = FinishRun { state: RunState::Cancelled, output: None, error: None };
    syncs.update_run(&run, 1, &RunUpdate { finish: Some(finish), ..RunUpdate::default() }).await.unwrap();
    assert_eq!(waiter.await.unwrap(), 5);
    engine.close().await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    while sqlx::query_scalar::<_, i64>(sql).bind(&schema.name).fetch_one(&mut conn).await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn waiting_ends_with_its_time() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    for within in [Duration::ZERO, Duration::from_millis(20)] {
        assert_eq!(syncs.wait_for_run(&run, 1, within).await.unwrap().revision, 1);
    }
    // A later look that cannot be taken holds nobody up either.
    let mut blocker = schema.connection().await;
    let waiting = syncs.wait_for_run(&run, 1, Duration::from_millis(1_500));
    let blocking = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::raw_sql("BEGIN; LOCK TABLE sync_runs IN ACCESS EXCLUSIVE MODE").execute(&mut blocker).await.unwrap();
    };
    let (waited, ()) = futures::join!(waiting, blocking);
    assert_eq!(waited.unwrap().revision, 1);
    sqlx::raw_sql("ROLLBACK").execute(&mut blocker).await.unwrap();
}

/// The listening task goes with the runtime, and with the engine, without a panic, and a later runtime listens anew.
#[test]
fn a_runtime_can_end_while_somebody_listens() {
    let builders: [fn() -> tokio::runtime::Builder; 2] =
        [tokio::runtime::Builder::new_current_thread, tokio::runtime::Builder::new_multi_thread];
    for builder in builders {
        let runtime = || builder().enable_all().build().unwrap();
        let first = runtime();
        let (schema, engine, run) = first.block_on(async {
            let schema = TestSchema::new().await;
            let engine = schema.engine().await;
            let run = begin(syncs(&engine), "run").await;
            syncs(&engine).wait_for_run(&run, 1, Duration::from_millis(50)).await.unwrap();
            (schema, engine, run)
        });
        drop(first);
        let second = runtime();
        let waited = second.block_on(async {
            let engine = schema.engine().await;
            let syncs = syncs(&engine);
            let changed = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                syncs.update_run(&run, 1, &note("a")).await.unwrap();
            };
            futures::join!(syncs.wait_for_run(&run, 1, LONG), changed).0.unwrap()
        });
        assert_eq!(waited.revision, 2);
        drop(engine);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn syncs_run_behind_a_transaction_pooler() {
    let bouncer = Bouncer::start().await;
    let schema = TestSchema::new().await;
    let clients = (0..12).map(|client| {
        let builder = PostgresEngine::builder(bouncer.url.clone()).schema(schema.name.clone()).pooler(Pooler::Transaction);
        tokio::spawn(async move {
            let engine = builder.max_connections(3).connect().await.unwrap();
            let (id, entity) = (format!("run {client}"), format!("E{client}"));
            let run = begin(syncs(&engine), &id).await;
            let held = hold(syncs(&engine), &run, &entity, LEASE).await;
            for turn in 0..4_u64 {
                let ids: Vec<String> = (0..20).map(|n| format!("{client}/{turn}/{n}")).collect();
                let records: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(id, json!({ "by": client }))).collect();
                let mut page = page(&run, &held);
                page.stakes = ids.iter().map(|id| stake(id, None)).collect();
                page.cursor = Some(format!("{client}/{turn}"));
                page.ledger.target = progress(&held, turn);
                let commit = async |transaction: &mut mastra_core::Transaction| {
                    transaction.upsert_records(&EntityRef::Id(held.entity.id), &records, &UpsertOptions::default()).await?;
                    transaction.syncs().unwrap().commit_page(&page).await
                };
                let syncs = syncs(&engine);
                let before = syncs.get_run(&run).await.unwrap().revision;
                let (waited, committed) = futures::join!(syncs.wait_for_run(&run, before, LONG), engine.transaction(commit));
                committed.unwrap();
                assert_eq!((waited.unwrap().targets[0].counts.read, page.ledger.target.counts.read), (turn, turn));
                let views = syncs.read_stakes(held.entity.id, Some(held.target), &ids).await.unwrap();
                assert!(views.iter().zip(&ids).all(|(view, id)| view.external_id == *id && view.own.is_some()), "{views:?}");
            }
            let listed = syncs(&engine).list_targets(Some("crm")).await.unwrap();
            let mine = listed.iter().find(|target| target.id == held.target).unwrap();
            assert_eq!((mine.stakes, mine.state.cursor.as_deref()), (80, Some(&*format!("{client}/3"))));
            let runs = syncs(&engine).list_runs(&RunQuery { entity: Some(entity), ..RunQuery::default() }).await.unwrap();
            assert_eq!((runs.len(), &runs[0].id), (1, &run));
        })
    });
    for done in join_all(clients).await {
        done.unwrap();
    }
}

/// What decides what is written next is not read from a server that may lag.
#[tokio::test]
async fn syncs_are_read_from_the_server_that_is_written_to() {
    let schema = TestSchema::new().await;
    let engine = schema.builder().reader_url("postgres://nobody@127.0.0.1:1/nowhere").acquire_timeout(Duration::from_millis(300));
    let engine = engine.connect().await.unwrap();
    assert!(engine.resolve_entity(&"E".into()).await.unwrap_err().is_retryable(), "the reader is not there");
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    let held = hold(syncs, &run, "E", LEASE).await;
    syncs.get_run(&run).await.unwrap();
    assert_eq!(syncs.wait_for_run(&run, 0, LONG).await.unwrap().revision, 1);
    assert_eq!(syncs.list_runs(&RunQuery::default()).await.unwrap().len(), 1);
    assert_eq!(syncs.list_targets(None).await.unwrap().len(), 1);
    assert_eq!(syncs.read_stakes(held.entity.id, Some(held.target), &["a".into()]).await.unwrap().len(), 1);
    assert_eq!(syncs.list_stakes(held.target, None, 1).await.unwrap(), []);
    assert_eq!(syncs.list_unseen(held.target, 1).await.unwrap(), []);
    assert_eq!(syncs.count_unseen(held.target).await.unwrap(), Unseen::default());
    assert_eq!(syncs.list_quarantined(&QuarantineQuery::default()).await.unwrap(), []);
}

/// Nothing of a deleted entity stays but the ledger, and nothing of others goes.
#[tokio::test]
async fn an_entity_takes_along_what_syncs_remember_of_it() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    for name in ["gone", "kept"] {
        let held = hold(syncs, &run, name, LEASE).await;
        let mut page = page(&run, &held);
        page.enumeration = EnumerationChange::Begin;
        page.stakes = vec![stake("a", Some(1))];
        page.seen = vec!["a".into()];
        page.quarantined = vec![NewQuarantined { key: "k".into(), external_id: None, raw: json!(1), error: "no".into() }];
        syncs.commit_page(&page).await.unwrap();
    }
    let gone = engine.resolve_entity(&"gone".into()).await.unwrap().id;
    engine.delete_entity_by_id(gone).await.unwrap();
    let mut conn = schema.connection().await;
    for table in ["sync_targets", "sync_stakes", "sync_seen", "sync_quarantine"] {
        let rows: i64 =
            sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&mut conn).await.unwrap();
        assert_eq!(rows, 1, "{table}");
    }
    let run = syncs.get_run(&run).await.unwrap();
    assert_eq!(run.targets.iter().map(|target| &*target.entity).collect::<Vec<_>>(), ["gone", "kept"]);
}

#[tokio::test]
async fn a_large_enumeration_is_forgotten_in_parts() {
    let schema = TestSchema::new().await;
    let engine = schema.engine().await;
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    let (held, other) = (hold(syncs, &run, "E", LEASE).await, hold(syncs, &run, "F", LEASE).await);
    let mut conn = schema.connection().await;
    let sql = "INSERT INTO sync_seen SELECT $1, n::text FROM generate_series(1, $2) AS n";
    for (target, rows) in [(held.target, 250_000_i64), (other.target, 3)] {
        sqlx::query(sql).bind(target.get()).bind(rows).execute(&mut conn).await.unwrap();
    }
    for change in [EnumerationChange::Begin, EnumerationChange::End] {
        let mut page = page(&run, &held);
        page.seen = vec!["x".into()];
        page.enumeration = change.clone();
        syncs.commit_page(&page).await.unwrap();
        let seen: Vec<String> = sqlx::query_scalar("SELECT external_id FROM sync_seen WHERE target_id = $1")
            .bind(held.target.get())
            .fetch_all(&mut conn)
            .await
            .unwrap();
        assert_eq!(seen, if change == EnumerationChange::Begin { vec!["x".to_owned()] } else { Vec::new() });
    }
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM sync_seen").fetch_one(&mut conn).await.unwrap();
    assert_eq!(kept, 3, "another target's");
}

/// What a page writes beside changes does not grow with the records, and touches none of them.
#[tokio::test]
async fn a_page_without_changes_writes_the_ledger_alone() {
    let server = OwnServer::start();
    let schema = TestSchema::on(&server.url(), "mastra").await;
    let engine = schema.engine().await;
    let syncs = syncs(&engine);
    let run = begin(syncs, "run").await;
    let held = hold(syncs, &run, "E", LEASE).await;
    let entity = EntityRef::Id(held.entity.id);
    let ids: Vec<String> = (0..2_000).map(|n| format!("r{n:05}")).collect();
    let records: Vec<NewRecord> = ids.iter().map(|id| NewRecord::new(id, json!({ "name": id }))).collect();
    engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
    let mut first = page(&run, &held);
    first.stakes = ids.iter().map(|id| stake(id, None)).collect();
    first.cursor = Some("1".into());
    syncs.commit_page(&first).await.unwrap();
    let mut conn = schema.connection().await;
    for statement in ["VACUUM", "CHECKPOINT"] {
        sqlx::raw_sql(statement).execute(&mut conn).await.unwrap();
    }
    let mut places = Vec::new();
    for table in ["records", "sync_stakes"] {
        places.push((table, rows_of(&mut conn, table).await));
    }
    let before = wal(&mut conn).await;
    let again = async |pages: u64| {
        for read in 1..=pages {
            engine.upsert_records(&entity, &records, &UpsertOptions::default()).await.unwrap();
            let views = syncs.read_stakes(held.entity.id, Some(held.target), &ids).await.unwrap();
            assert!(views.iter().all(|view| view.own.as_ref().unwrap().generation == view.record.unwrap().generation));
            let mut page = page(&run, &held);
            page.cursor = Some("1".into());
            page.ledger.target = progress(&held, read);
            syncs.commit_page(&page).await.unwrap();
        }
    };
    // After a checkpoint a page of the database that is touched goes to the log whole; the second time it does not.
    again(2).await;
    let middle = wal(&mut conn).await;
    again(10).await;
    let after = wal(&mut conn).await;
    assert!(middle - before < 8 * 8_192, "{} bytes: no page of records or stakes", middle - before);
    assert!(after - middle < 10 * 2_048, "{} bytes for ten pages of 2,000 records", after - middle);
    for (table, places) in places {
        assert!(rows_of(&mut conn, table).await == places, "rows of {table} were touched");
    }
}

async fn wal(conn: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint").fetch_one(conn).await.unwrap()
}

async fn rows_of(conn: &mut PgConnection, table: &str) -> Vec<(String, String, String)> {
    let statement = format!("SELECT ctid::text, xmin::text, xmax::text FROM {table} ORDER BY ctid");
    sqlx::query_as(AssertSqlSafe(statement)).fetch_all(conn).await.unwrap()
}
