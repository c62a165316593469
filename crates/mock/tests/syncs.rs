//! What is the mock's own of what is remembered of syncs: faults, a clock that can be set, and stores of one name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test an error is a failure")]

use chrono::TimeDelta;
use mastra_core::{
    Capabilities, Checked, EntityId, EntityRef, ErrorKind, NewRecord, RecordStore as _, Result, UpsertOptions,
    sync::{
        Acquired, EnumerationChange, Hold, LedgerEntry, NewHold, NewRun, PageCommit, PruneRuns, QuarantineQuery, Run, RunCounts,
        RunId, RunQuery, RunStart, RunState, RunTarget, RunUpdate, SyncMode, SyncStore,
    },
    time::now,
};
use mastra_core::{Engine as _, EngineExt as _, Transaction};
use mastra_mock::{Fault, MockEngine};
use serde_json::json;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);

fn new_run(id: &str) -> NewRun {
    NewRun { id: RunId::new(id), sync_id: "s".into(), input_hash: "h".into(), lease: LEASE }
}

fn new_hold(run: &str) -> NewHold {
    NewHold { sync_id: "s".into(), entity: "E".into(), connection_id: "c".into(), run_id: RunId::new(run), lease: LEASE }
}

async fn started(syncs: &dyn SyncStore, id: &str) -> Run {
    match syncs.begin_run(&new_run(id)).await.unwrap() {
        RunStart::Started(run) => run,
        other => panic!("{other:?}"),
    }
}

async fn held(syncs: &dyn SyncStore, run: &str) -> Hold {
    match syncs.acquire(&new_hold(run)).await.unwrap() {
        Acquired::Held(hold) => *hold,
        other @ Acquired::Busy { .. } => panic!("{other:?}"),
    }
}

fn page(run: &Run, hold: &Hold) -> PageCommit {
    let target = RunTarget {
        entity_id: hold.entity.id,
        entity: "E".into(),
        connection_id: "c".into(),
        mode: SyncMode::Full,
        source: None,
        cursor_from: None,
        cursor: None,
        complete: false,
        counts: RunCounts::default(),
        bytes: 0,
        errors: Vec::new(),
    };
    PageCommit {
        target: hold.target,
        fence: hold.fence,
        lease: LEASE,
        cursor: Some("1".into()),
        enumeration: EnumerationChange::Keep,
        seen: Vec::new(),
        stakes: Vec::new(),
        dropped: Vec::new(),
        quarantined: Vec::new(),
        settled: Vec::new(),
        ledger: LedgerEntry { run_id: run.id.clone(), attempt: run.attempt, target },
    }
}

async fn cursor(engine: &Checked<MockEngine>) -> Option<String> {
    engine.list_targets(None).await.unwrap().pop().unwrap().state.cursor
}

#[tokio::test]
async fn every_operation_can_fail() {
    let engine = MockEngine::new().checked();
    let (run, hold) = (started(&engine, "1").await, held(&engine, "1").await);
    engine.inner().faults().set(vec![Fault::on_any().every().fail(ErrorKind::Unavailable)]);
    let calls: [(&str, Result<()>); 16] = [
        ("begin_run", engine.begin_run(&new_run("2")).await.map(drop)),
        ("update_run", engine.update_run(&run.id, 1, &RunUpdate::default()).await),
        ("get_run", engine.get_run(&run.id).await.map(drop)),
        ("list_runs", engine.list_runs(&RunQuery::default()).await.map(drop)),
        ("prune_runs", engine.prune_runs(&PruneRuns { finished_before: now(), dry_run: false }).await.map(drop)),
        ("wait_for_run", engine.wait_for_run(&run.id, 0, LEASE).await.map(drop)),
        ("acquire", engine.acquire(&new_hold("2")).await.map(drop)),
        ("extend_hold", engine.extend_hold(&hold, LEASE).await),
        ("release", engine.release(&hold).await),
        ("list_targets", engine.list_targets(None).await.map(drop)),
        ("read_stakes", engine.read_stakes(EntityId::generate(), None, &[]).await.map(drop)),
        ("list_stakes", engine.list_stakes(hold.target, None, 1).await.map(drop)),
        ("commit_page", engine.commit_page(&page(&run, &hold)).await),
        ("count_unseen", engine.count_unseen(hold.target).await.map(drop)),
        ("list_unseen", engine.list_unseen(hold.target, 1).await.map(drop)),
        ("list_quarantined", engine.list_quarantined(&QuarantineQuery::default()).await.map(drop)),
    ];
    engine.inner().faults().clear();
    for (operation, outcome) in calls {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Some(operation)));
        assert!(engine.inner().faults().calls(operation) > 0, "{operation}");
    }
    assert_eq!(engine.get_run(&run.id).await.unwrap(), run);
    assert_eq!(cursor(&engine).await, None);
}

#[tokio::test]
async fn a_lost_connection_takes_the_page_or_only_the_word_of_it() {
    let engine = MockEngine::new().checked();
    let (run, hold) = (started(&engine, "1").await, held(&engine, "1").await);
    let page = page(&run, &hold);
    engine.inner().faults().add(Fault::on("commit_page").lose_request());
    assert_eq!(engine.commit_page(&page).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(cursor(&engine).await, None);
    engine.inner().faults().set(vec![Fault::on("commit_page").lose_acknowledgement()]);
    assert_eq!(engine.commit_page(&page).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(cursor(&engine).await.as_deref(), Some("1"));

    // In a transaction a page is stored at the commit, and a commit that nobody heard of is one all the same.
    let next = &PageCommit { cursor: Some("2".into()), ..page };
    for (fault, stored) in [("commit_page", "1"), ("commit", "2")] {
        engine.inner().faults().set(vec![Fault::on(fault).lose_acknowledgement()]);
        let entity = &EntityRef::Id(hold.entity.id);
        let outcome = engine
            .transaction(async |tx: &mut Transaction| {
                tx.upsert_records(entity, &[NewRecord::new(stored, json!({}))], &UpsertOptions::default()).await?;
                tx.syncs().unwrap().commit_page(next).await
            })
            .await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable, "{fault}");
        assert_eq!(cursor(&engine).await.as_deref(), Some(stored), "{fault}");
        let records = engine.get_records(entity, &mastra_core::RecordQuery::new()).await.unwrap().items;
        assert_eq!(records.len(), usize::from(stored == "2"), "{fault}");
    }
}

#[tokio::test]
async fn a_call_may_take_its_time_and_a_deadlock_is_run_again() {
    let engine = MockEngine::new().checked();
    let run = started(&engine, "1").await;
    engine.inner().faults().set(vec![Fault::on("get_run").delay(Duration::from_millis(5)), Fault::on("acquire").deadlock()]);
    assert_eq!(engine.get_run(&run.id).await.unwrap(), run);
    held(&engine, "1").await;
    assert_eq!(engine.inner().faults().calls("acquire"), 2);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_ends_leases() {
    let engine = MockEngine::new().checked();
    let (run, hold) = (started(&engine, "1").await, held(&engine, "1").await);
    engine.inner().step_clock(TimeDelta::seconds(59));
    assert_eq!(engine.get_run(&run.id).await.unwrap().state, RunState::Running);
    assert!(matches!(engine.acquire(&new_hold("2")).await.unwrap(), Acquired::Busy { .. }));
    engine.inner().step_clock(TimeDelta::seconds(2));
    assert_eq!(engine.get_run(&run.id).await.unwrap().state, RunState::Lost);
    let again = started(&engine, "1").await;
    assert_eq!(again.attempt, 2);
    assert!(again.started_at >= run.started_at + TimeDelta::seconds(60));
    assert!(held(&engine, "1").await.fence > hold.fence);
    assert_eq!(engine.commit_page(&page(&again, &hold)).await.unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_clock_that_is_set_back_locks_nobody_out() {
    let engine = MockEngine::new().checked();
    engine.inner().step_clock(TimeDelta::days(30));
    let (run, hold) = (started(&engine, "1").await, held(&engine, "1").await);
    engine.inner().step_clock(TimeDelta::days(-30));
    // The leases last for a month from now, longer than any that can be taken: they were written by a wrong clock.
    assert_eq!(engine.get_run(&run.id).await.unwrap().state, RunState::Lost);
    let second = started(&engine, "2").await;
    let taken = held(&engine, "2").await;
    assert!(taken.fence > hold.fence);
    engine.commit_page(&page(&second, &taken)).await.unwrap();
    // A step within the longest lease leaves them as they are.
    engine.inner().step_clock(TimeDelta::minutes(-30));
    assert_eq!(engine.get_run(&second.id).await.unwrap().state, RunState::Running);
    assert!(matches!(engine.acquire(&new_hold("1")).await.unwrap(), Acquired::Busy { .. }));
    engine.commit_page(&page(&second, &taken)).await.unwrap();
}

#[tokio::test]
async fn records_go_by_the_clock_and_never_back() {
    let engine = MockEngine::new().checked();
    let put = async |n: i32| {
        engine.sync_records(&mastra_core::SyncBatch::new("E", "c", [NewRecord::new("a", json!({ "n": n }))])).await.unwrap();
        engine.get_records(&"E".into(), &mastra_core::RecordQuery::new()).await.unwrap().items.pop().unwrap().updated_at
    };
    let first = put(1).await;
    engine.inner().step_clock(TimeDelta::hours(1));
    let second = put(2).await;
    assert!(second >= first + TimeDelta::hours(1), "{first} {second}");
    engine.inner().step_clock(TimeDelta::hours(-2));
    let third = put(3).await;
    assert!(third > second && third < second + TimeDelta::seconds(1), "{second} {third}");
}

#[tokio::test]
async fn stores_of_one_name_share_ledger_clock_and_waiters() {
    let one = mastra_mock::connect("mock://syncs of two handles").await.unwrap();
    let other = mastra_mock::connect("mock://syncs of two handles").await.unwrap();
    let run = started(&one, "1").await;
    assert_eq!(other.get_run(&run.id).await.unwrap(), run);
    let waiting = async { other.wait_for_run(&run.id, run.revision, Duration::from_secs(1 << 30)).await.unwrap() };
    let changing = async {
        tokio::task::yield_now().await;
        one.update_run(&run.id, 1, &RunUpdate { note: Some("heard".into()), ..RunUpdate::default() }).await.unwrap();
    };
    let (seen, ()) = tokio::join!(waiting, changing);
    assert_eq!(seen.note.as_deref(), Some("heard"));
    one.inner().step_clock(TimeDelta::hours(2));
    assert_eq!(other.get_run(&run.id).await.unwrap().state, RunState::Lost);
}

/// With time stopped, nothing but a commit and the end of the wait can wake a waiter.
#[tokio::test(start_paused = true)]
async fn a_waiter_sleeps_until_a_commit_or_the_end() {
    let engine = MockEngine::new().checked();
    let run = started(&engine, "1").await;
    let before = tokio::time::Instant::now();
    let within = Duration::from_secs(3_600);
    assert_eq!(engine.wait_for_run(&run.id, run.revision, within).await.unwrap(), run);
    let waited = tokio::time::Instant::now() - before;
    assert!(waited >= within && waited < within + Duration::from_secs(1), "{waited:?}");

    let before = tokio::time::Instant::now();
    let waiting = async { engine.wait_for_run(&run.id, run.revision, within).await.unwrap() };
    let changing = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        let transaction = engine.begin().await.unwrap();
        transaction.syncs().unwrap().update_run(&run.id, 1, &RunUpdate::default()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        transaction.commit().await.unwrap();
    };
    let (seen, ()) = tokio::join!(waiting, changing);
    assert!(seen.revision > run.revision);
    assert_eq!((tokio::time::Instant::now() - before).as_secs(), 8);
}

#[tokio::test]
async fn without_the_claim_nothing_is_remembered() {
    let mut capabilities = Capabilities::all();
    capabilities.write.sync_store = false;
    let engine = MockEngine::new().with_capabilities(capabilities).checked();
    assert!(engine.syncs().is_none());
    assert_eq!(engine.begin_run(&new_run("1")).await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(engine.begin().await.unwrap().syncs().is_none());
}
