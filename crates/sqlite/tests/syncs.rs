//! What is remembered of syncs, in a file: kept, fenced, and found from every connection.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod common;
#[path = "common/syncs.rs"]
mod syncs;

use common::{file, memory};
use mastra_core::sync::{
    Acquired, EnumerationChange, FinishRun, NewQuarantined, QuarantineQuery, RunId, RunQuery, RunStart, RunState, RunUpdate,
    SyncStore, Unseen,
};
use mastra_core::{
    Checked, CountQuery, Engine as _, EngineExt as _, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordStore as _,
    SyncBatch, UpsertOptions,
};
use mastra_sqlite::SqliteEngine;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use std::sync::Arc;
use std::time::Duration;
use syncs::{LEASE, SHORT, begin, held, hold, page, run, stake, take_over};

fn records(ids: std::ops::Range<usize>, batch: usize) -> Vec<NewRecord> {
    ids.map(|id| NewRecord::new(format!("r{id}"), json!({ "batch": batch }))).collect()
}

fn contacts() -> EntityRef {
    EntityRef::named("Contacts").in_connection("crm")
}

async fn reopened(directory: &tempfile::TempDir) -> Checked<SqliteEngine> {
    SqliteEngine::builder(directory.path().join("mastra.db")).connect().await.unwrap()
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_kept_everything() {
    let (directory, engine) = file().await;
    let store = engine.syncs().unwrap();
    let mine = begin(store, "1", LEASE).await;
    engine.upsert_records(&contacts(), &records(0..3, 1), &UpsertOptions::default()).await.unwrap();
    let mut first = page(&mine, "1");
    first.cursor = Some("c1".into());
    first.enumeration = EnumerationChange::Begin;
    first.seen = vec!["r0".into(), "r1".into(), "r0".into()];
    first.stakes = (0..3).map(|id| stake(format!("r{id}"), "content")).collect();
    let odd = json!({ "text": "a\u{0}b", "huge": 1e300 });
    let item = |key: &str, raw: Value| NewQuarantined { key: key.into(), external_id: None, raw, error: "no id".into() };
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    first.quarantined = vec![item("odd", odd.clone()), item("deep", deep.clone())];
    store.commit_page(&first).await.unwrap();
    let mut second = page(&mine, "1");
    second.enumeration = EnumerationChange::Advance(Some("p2".into()));
    second.quarantined = vec![item("odd", odd.clone())];
    store.commit_page(&second).await.unwrap();
    let finish = FinishRun { state: RunState::Failed, output: Some(json!({ "n": 1.5 })), error: None };
    store.update_run(&RunId::new("1"), 1, &RunUpdate { finish: Some(finish), ..RunUpdate::default() }).await.unwrap();
    let (run, targets) = (store.get_run(&RunId::new("1")).await.unwrap(), store.list_targets(None).await.unwrap());
    engine.close().await.unwrap();

    let engine = reopened(&directory).await;
    let store = engine.syncs().unwrap();
    assert_eq!((run.state, run.revision, run.targets.len()), (RunState::Failed, 4, 1));
    assert_eq!(store.get_run(&run.id).await.unwrap(), run);
    assert_eq!(store.list_runs(&RunQuery { entity: Some("Contacts".into()), ..RunQuery::default() }).await.unwrap(), [run]);
    assert_eq!(store.list_targets(Some("contacts")).await.unwrap(), targets);
    let [target] = targets.as_slice() else { panic!("{targets:?}") };
    assert_eq!((target.stakes, target.state.quarantined, target.state.cursor.as_deref()), (3, 2, Some("c1")));
    assert_eq!(target.state.enumeration.as_ref().unwrap().cursor.as_deref(), Some("p2"));
    assert_eq!(target.entity.last_sync_id.as_deref(), Some("c1"));
    assert_eq!(store.count_unseen(target.id).await.unwrap(), Unseen { stakes: 3, unseen: 1 });
    assert_eq!(store.list_unseen(target.id, 9).await.unwrap()[0].external_id, "r2");
    let ids = ["r2".to_owned(), "r9".to_owned(), "r2".to_owned()];
    let views = store.read_stakes(target.entity.id, Some(target.id), &ids).await.unwrap();
    assert_eq!(views.iter().map(|view| view.external_id.as_str()).collect::<Vec<_>>(), ["r2", "r9"]);
    let (own, mark) = (views[0].own.as_ref().unwrap(), views[0].record.unwrap());
    assert_eq!((own.generation, own.keys["email"].order, mark.deleted), (mark.generation, 1, false));
    assert_eq!((views[1].record, &views[1].own), (None, &None));

    let set_aside = store.list_quarantined(&QuarantineQuery::default()).await.unwrap();
    let [deeper, odder] = set_aside.as_slice() else { panic!("{set_aside:?}") };
    assert_eq!((odder.attempts, &odder.raw, odder.error.as_str()), (2, &odd, "no id"));
    assert_eq!((deeper.attempts, &deeper.raw), (1, &Value::String(deep.to_string())), "too deep to be read back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_connections_that_want_a_target_one_gets_it() {
    let (directory, first) = file().await;
    let engines = [Arc::new(first), Arc::new(reopened(&directory).await)];
    let tasks: Vec<_> = (0..16)
        .map(|id| {
            let engine = Arc::clone(&engines[id % 2]);
            tokio::spawn(async move { engine.syncs().unwrap().acquire(&hold(&id.to_string(), LEASE)).await.unwrap() })
        })
        .collect();
    let mut acquired = Vec::new();
    for task in tasks {
        acquired.push(task.await.unwrap());
    }
    let holders: Vec<_> = acquired.iter().filter(|acquired| matches!(acquired, Acquired::Held(_))).collect();
    let [Acquired::Held(winner)] = holders.as_slice() else { panic!("{acquired:?}") };
    let [target] = engines[0].list_targets(None).await.unwrap().try_into().unwrap();
    let (holder, until) = target.holder.unwrap();
    assert_eq!((winner.fence, winner.target), (1, target.id));
    for other in acquired.into_iter().filter(|acquired| !matches!(acquired, Acquired::Held(_))) {
        assert_eq!(other, Acquired::Busy { run_id: holder.clone(), until });
    }
    assert_eq!(engines[1].list_entities(&Default::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_run_that_many_connections_begin_is_begun_once() {
    let (directory, first) = file().await;
    let engines = [Arc::new(first), Arc::new(reopened(&directory).await)];
    let tasks: Vec<_> = (0..8)
        .map(|id| {
            let engine = Arc::clone(&engines[id % 2]);
            tokio::spawn(async move { engine.begin_run(&run("job-7", LEASE)).await.unwrap() })
        })
        .collect();
    let mut started = 0;
    for task in tasks {
        match task.await.unwrap() {
            RunStart::Started(run) => {
                assert_eq!((run.attempt, run.revision), (1, 1));
                started += 1;
            }
            other => assert!(matches!(other, RunStart::Busy(_)), "{other:?}"),
        }
    }
    assert_eq!(started, 1);
}

#[tokio::test]
async fn a_page_behind_a_takeover_writes_nothing_of_its_transaction() {
    let (directory, engine) = file().await;
    let other = reopened(&directory).await;
    let late = begin(engine.syncs().unwrap(), "late", SHORT).await;
    other.begin_run(&run("next", LEASE)).await.unwrap();
    let next = take_over(other.syncs().unwrap(), "next").await;
    assert_eq!((next.target, next.fence), (late.target, late.fence + 1));
    let before = other.list_targets(None).await.unwrap();

    let mut written = page(&late, "late");
    written.cursor = Some("late".into());
    written.stakes = vec![stake("r0", "late")];
    let done: mastra_core::Result<()> = engine
        .transaction(async |tx| {
            tx.upsert_records(&contacts(), &records(0..3, 1), &UpsertOptions::default()).await?;
            tx.syncs().unwrap().commit_page(&written).await
        })
        .await;
    let refused = done.unwrap_err();
    assert_eq!((refused.kind(), refused.is_retryable()), (ErrorKind::Conflict, false), "{refused}");
    assert_eq!(engine.extend_hold(&late, LEASE).await.unwrap_err().kind(), ErrorKind::Conflict);
    engine.release(&late).await.unwrap();
    for engine in [&engine, &other] {
        assert_eq!(engine.count_records(&contacts(), &CountQuery::default()).await.unwrap().value, 0);
        assert_eq!(engine.list_targets(None).await.unwrap(), before);
        assert_eq!(engine.get_run(&RunId::new("late")).await.unwrap().targets, []);
    }
    other.commit_page(&page(&next, "next")).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_ended_goes_on_where_nobody_took_it() {
    let (_directory, engine) = file().await;
    let mine = begin(engine.syncs().unwrap(), "1", SHORT).await;
    while engine.get_run(&RunId::new("1")).await.unwrap().state != RunState::Lost {
        tokio::task::yield_now().await;
    }
    engine.commit_page(&page(&mine, "1")).await.unwrap();
    let acquired = engine.acquire(&hold("2", LEASE)).await.unwrap();
    assert!(matches!(&acquired, Acquired::Busy { run_id, .. } if run_id.as_str() == "1"), "{acquired:?}");
}

#[tokio::test]
async fn a_page_that_fails_leaves_nothing_and_the_transaction_whole() {
    let engine = memory().await;
    let mine = begin(engine.syncs().unwrap(), "1", LEASE).await;
    let open = engine.begin().await.unwrap();
    open.upsert_records(&contacts(), &records(0..1, 1), &UpsertOptions::default()).await.unwrap();
    let mut bad = page(&mine, "1");
    bad.cursor = Some("c1".into());
    bad.seen = vec!["r0".into()];
    bad.stakes = vec![stake("r0", "there"), stake("r1", "not there")];
    let store = open.syncs().unwrap();
    assert_eq!(store.commit_page(&bad).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.get_run(&RunId::new("1")).await.unwrap().targets, []);
    assert_eq!(store.list_targets(None).await.unwrap()[0].state.cursor, None);
    bad.stakes.pop();
    store.commit_page(&bad).await.unwrap();
    assert_eq!(store.list_stakes(mine.target, None, 9).await.unwrap().len(), 1, "a transaction sees its own page");
    assert_eq!(engine.list_stakes(mine.target, None, 9).await.unwrap(), [], "others do not");
    open.commit().await.unwrap();
    let target = engine.list_targets(None).await.unwrap().remove(0);
    assert_eq!((target.stakes, target.entity.last_sync_id.as_deref()), (1, Some("c1")));
    assert_eq!(engine.get_records(&contacts(), &RecordQuery::new()).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_writer_is_waited_for_and_reading_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mastra.db");
    let patient = Duration::from_millis(150);
    let engine = SqliteEngine::builder(&path).connect().await.unwrap();
    let other = SqliteEngine::builder(&path).busy_timeout(patient).connect().await.unwrap();
    let mine = begin(engine.syncs().unwrap(), "1", LEASE).await;
    let open = engine.begin().await.unwrap();
    open.syncs().unwrap().commit_page(&page(&mine, "1")).await.unwrap();
    let busy = [
        other.begin_run(&run("2", LEASE)).await.unwrap_err(),
        other.acquire(&hold("2", LEASE)).await.unwrap_err(),
        other.commit_page(&page(&mine, "1")).await.unwrap_err(),
    ];
    for busy in busy {
        assert_eq!((busy.kind(), busy.is_retryable()), (ErrorKind::Timeout, true), "{busy}");
    }
    assert_eq!(other.get_run(&RunId::new("1")).await.unwrap().revision, 1);
    open.commit().await.unwrap();
    assert_eq!(other.get_run(&RunId::new("1")).await.unwrap().revision, 2);
    let acquired = other.acquire(&hold("2", LEASE)).await.unwrap();
    assert!(matches!(acquired, Acquired::Busy { .. }), "{acquired:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_another_connection_wakes_who_waits() {
    let (directory, engine) = file().await;
    let other = reopened(&directory).await;
    begin(engine.syncs().unwrap(), "1", LEASE).await;
    let id = RunId::new("1");
    let waiting = {
        let id = id.clone();
        tokio::spawn(async move { other.wait_for_run(&id, 1, Duration::MAX).await.unwrap() })
    };
    let note = RunUpdate { note: Some("half of it".into()), ..RunUpdate::default() };
    engine.update_run(&id, 1, &note).await.unwrap();
    let run = waiting.await.unwrap();
    assert_eq!((run.revision, run.note.as_deref()), (2, Some("half of it")));
    let same = engine.wait_for_run(&id, 2, Duration::from_millis(30)).await.unwrap();
    assert_eq!(same, run, "nothing changed, and the time is over");
    assert_eq!(engine.wait_for_run(&id, 0, Duration::MAX).await.unwrap(), run);
}

#[tokio::test]
async fn deleting_an_entity_by_any_client_removes_what_syncs_know_of_it() {
    for older in [false, true] {
        let (directory, engine) = file().await;
        let store = engine.syncs().unwrap();
        let other = EntityRef::from(&engine.create_entity(&NewEntity::new("Other", "crm")).await.unwrap());
        let mine = begin(store, "1", LEASE).await;
        engine.sync_records(&SyncBatch::new("Contacts", "crm", records(0..3, 1))).await.unwrap();
        let mut first = page(&mine, "1");
        first.seen = vec!["r0".into()];
        first.stakes = vec![stake("r0", "content")];
        first.quarantined = vec![NewQuarantined { key: "k".into(), external_id: None, raw: json!(1), error: "no id".into() }];
        store.commit_page(&first).await.unwrap();
        if older {
            // What the client of the version before runs, which does not know the tables.
            let path = directory.path().join("mastra.db");
            let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
            let mut connection = options.connect().await.unwrap();
            let steps = [
                "DELETE FROM records WHERE entity = (SELECT key FROM entities WHERE name = 'Contacts')",
                "DELETE FROM entities WHERE name = 'Contacts'",
            ];
            for sql in steps {
                sqlx::query(sql).execute(&mut connection).await.unwrap();
            }
            connection.close().await.unwrap();
        } else {
            engine.delete_entity_by_id(mine.entity.id).await.unwrap();
        }
        assert_eq!(store.list_targets(None).await.unwrap(), []);
        assert_eq!(store.list_stakes(mine.target, None, 9).await.unwrap(), []);
        assert_eq!(store.list_quarantined(&QuarantineQuery::default()).await.unwrap(), []);
        assert_eq!(store.get_run(&RunId::new("1")).await.unwrap().targets.len(), 1, "the ledger stays");
        assert_eq!(store.commit_page(&first).await.unwrap_err().kind(), ErrorKind::Conflict);
        let again = held(store.acquire(&hold("1", LEASE)).await);
        assert!(again.target > mine.target, "a target's id is never used twice");
        assert_eq!(store.count_unseen(again.target).await.unwrap(), Unseen::default());
        assert!(engine.resolve_entity(&other).await.is_ok());
    }
}
