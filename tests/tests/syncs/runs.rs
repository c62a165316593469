//! Runs beside one another, runs that end before their time, and what the ledger says of them.

use crate::{
    rig::{LEASE, Rig, mode, on_every_engine},
    scripted::{Scripted, numbered},
};
use mastra_core::{
    NewRecord,
    sync::{NewHold, RunId, RunState, SyncMode},
};
use mastra_sync::{Failure, Mastra, RunEvent, RunOptions, SyncErrorKind, WhenBusy, define};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

on_every_engine!(
    a_second_run_is_refused_or_waits,
    a_dead_runs_target_is_taken_over,
    a_late_writer_is_fenced_off,
    a_cancelled_run_stops_at_a_pages_edge,
    a_repeated_run_returns_its_result,
    two_entities_in_one_run,
    a_run_reads_an_entity_in_full_once,
    many_runs_of_one_sync_end_as_one,
);

/// A sync that writes one page, then waits until it is told to go on, then another.
fn halting(go_on: &Arc<Notify>, reached: &Arc<Notify>) -> mastra_sync::Defined<Value, Value> {
    let (go_on, reached) = (Arc::clone(go_on), Arc::clone(reached));
    define("crm").execute(move |ctx| {
        let (go_on, reached) = (Arc::clone(&go_on), Arc::clone(&reached));
        async move {
            let mut contacts = ctx.records("Contacts").connection("crm").open().await?;
            contacts.put([NewRecord::new("first", json!({}))]).await?;
            reached.notify_one();
            go_on.notified().await;
            contacts.put([NewRecord::new("second", json!({}))]).await?;
            contacts.complete().await?;
            Ok::<_, Failure>(Value::Null)
        }
    })
}

async fn a_second_run_is_refused_or_waits(rig: &Rig) {
    let (go_on, reached) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mastra = Mastra::builder().engine(Arc::clone(&rig.engine)).sync(halting(&go_on, &reached)).build().unwrap();
    let first = tokio::spawn({
        let mastra = mastra.clone();
        async move { mastra.sync("crm", Value::Null).lease(LEASE).await }
    });
    reached.notified().await;
    let source = Scripted::of(numbered(0..3), 1);
    let busy = rig.run("crm", &source, &mode(SyncMode::Incremental), RunOptions::default()).await.unwrap_err();
    assert_eq!(busy.kind(), SyncErrorKind::Busy, "{busy}");
    // Another sync of the same entity is not in its way.
    rig.load("shop", &Scripted::of(numbered(5..6), 1), &mode(SyncMode::Incremental)).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let observer = move |event: &RunEvent| {
        if matches!(event, RunEvent::Waiting { .. }) {
            seen.lock().unwrap().push(event.clone());
            go_on.notify_one();
        }
    };
    let options = RunOptions {
        when_busy: WhenBusy::Wait(Duration::from_secs(300)),
        observer: Some(Arc::new(observer)),
        ..RunOptions::default()
    };
    rig.run("crm", &source, &mode(SyncMode::Incremental), options).await.unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(events.lock().unwrap().len(), 1);
    assert_eq!(rig.contacts().await.len(), 6);
}

/// Takes the target as a run that is gone left it.
async fn died_holding(rig: &Rig, lease: Duration) -> mastra_core::sync::Hold {
    let hold = NewHold {
        sync_id: "crm".into(),
        entity: "Contacts".into(),
        connection_id: "crm".into(),
        run_id: RunId::new("dead"),
        lease,
    };
    match rig.engine.syncs().unwrap().acquire(&hold).await.unwrap() {
        mastra_core::sync::Acquired::Held(hold) => *hold,
        busy => panic!("{busy:?}"),
    }
}

async fn a_dead_runs_target_is_taken_over(rig: &Rig) {
    died_holding(rig, Duration::from_millis(700)).await;
    let source = Scripted::of(numbered(0..3), 1);
    let busy = rig.run("crm", &source, &mode(SyncMode::Full), RunOptions::default()).await.unwrap_err();
    assert_eq!(busy.kind(), SyncErrorKind::Busy);
    let options = RunOptions { when_busy: WhenBusy::Wait(Duration::from_secs(300)), ..RunOptions::default() };
    rig.run("crm", &source, &mode(SyncMode::Full), options).await.unwrap();
    assert_eq!(rig.contacts().await.len(), 3);
}

/// A run that slept through its lease finds its target taken, and writes nothing more.
async fn a_late_writer_is_fenced_off(rig: &Rig) {
    let (go_on, reached) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let mastra = Mastra::builder().engine(Arc::clone(&rig.engine)).sync(halting(&go_on, &reached)).build().unwrap();
    let first = tokio::spawn({
        let mastra = mastra.clone();
        // Its first sign of life would come long after the lease has ended.
        async move { mastra.sync("crm", Value::Null).lease(Duration::from_secs(60)).await }
    });
    reached.notified().await;
    // As if the clock had jumped: somebody else holds it now.
    let targets = rig.engine.syncs().unwrap().list_targets(Some("crm")).await.unwrap();
    let entity = targets[0].entity.clone();
    let held = mastra_core::sync::Hold { target: targets[0].id, fence: 1, entity, state: targets[0].state.clone() };
    rig.engine.syncs().unwrap().release(&held).await.unwrap();
    died_holding(rig, LEASE).await;
    go_on.notify_one();
    let error = first.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::Lost, "{error}");
    assert_eq!(rig.contacts().await.into_keys().collect::<Vec<_>>(), ["first"], "nothing of the second page");
}

async fn a_cancelled_run_stops_at_a_pages_edge(rig: &Rig) {
    let options = RunOptions::default();
    let token = options.cancellation.clone();
    let source = Scripted::new().page(numbered(0..10)).say(move || {
        token.cancel();
        Ok(mastra_sync::source::Page::new([]))
    });
    let source = source.page(numbered(10..20));
    let how = mode(SyncMode::Full);
    let error = rig.run("crm", &source, &how, options).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::Cancelled, "{error}");
    assert_eq!(rig.contacts().await.len(), 10);
    let runs = Mastra::builder().engine(Arc::clone(&rig.engine)).build().unwrap().runs().unwrap();
    let run = runs.list(&Default::default()).await.unwrap().remove(0);
    assert_eq!((run.state, run.targets[0].counts.created, run.targets[0].complete), (RunState::Cancelled, 10, false));
    // The next one needs not wait, and goes on behind the page that was stored.
    rig.load("crm", &source, &how).await;
    assert!(source.asked()[1].is_some());
    assert_eq!(rig.contacts().await.len(), 20);
}

async fn a_repeated_run_returns_its_result(rig: &Rig) {
    let source = Scripted::of(numbered(0..3), 1);
    let how = mode(SyncMode::Incremental);
    let options = || RunOptions { run_id: Some(RunId::new("job-7")), ..RunOptions::default() };
    let failing = source.clone().fails();
    rig.run("crm", &failing, &how, options()).await.unwrap_err();
    let first = rig.run("crm", &source, &how, options()).await.unwrap();
    assert_eq!((first.recorded, first.run.attempt), (false, 2), "a run without a result is run again");
    let again = rig.run("crm", &source, &how, options()).await.unwrap();
    assert!(again.recorded);
    assert_eq!((again.output, source.asked().len()), (first.output, 2));
}

async fn two_entities_in_one_run(rig: &Rig) {
    let sync = define("both").execute(|ctx| async move {
        let mut contacts = ctx.records("Contacts").connection("crm").open().await?;
        let mut deals = ctx.records("Deals").connection("crm").mode(SyncMode::Full).open().await?;
        for at in 0..3 {
            let (one, two) = futures::join!(
                contacts.put([NewRecord::new(format!("c{at}"), json!({}))]),
                deals.put([NewRecord::new(format!("d{at}"), json!({}))]),
            );
            one.and(two)?;
        }
        let twice = ctx.records("Deals").connection("crm").open().await;
        assert!(twice.is_err(), "a run has one writer an entity");
        contacts.complete().await?;
        deals.complete().await?;
        // And again once the first is through: counts go on.
        let mut more = ctx.records("Contacts").connection("crm").open().await?;
        more.put([NewRecord::new("c9", json!({}))]).await?;
        more.complete().await?;
        Ok::<_, Failure>(Value::Null)
    });
    let mastra = Mastra::builder().engine(Arc::clone(&rig.engine)).sync(sync).build().unwrap();
    let done = mastra.sync("both", Value::Null).await.unwrap();
    let counts: Vec<_> = done.run.targets.iter().map(|target| (target.entity.as_str(), target.counts.created)).collect();
    assert_eq!(counts, [("Contacts", 4), ("Deals", 3)]);
    let stored = rig.engine.syncs().unwrap().get_run(&done.run.id).await.unwrap();
    assert_eq!(stored.targets, done.run.targets);
}

/// Of two full readings in one run the second would delete what the first wrote.
async fn a_run_reads_an_entity_in_full_once(rig: &Rig) {
    let sync = define("crm").execute(|ctx| async move {
        let contacts = || ctx.records("Contacts").connection("crm");
        contacts().mode(SyncMode::Full).load(&Scripted::of(numbered(0..3), 10)).await?;
        contacts().mode(SyncMode::Full).load(&Scripted::of(numbered(3..6), 10)).await?;
        Ok::<_, Failure>(Value::Null)
    });
    let mastra = Mastra::builder().engine(Arc::clone(&rig.engine)).sync(sync).build().unwrap();
    let error = mastra.sync("crm", Value::Null).await.unwrap_err();
    assert!(error.to_string().contains("in full mode once"), "{error}");
    assert_eq!(rig.contacts().await.len(), 3);
    // Nothing is held any longer.
    rig.load("crm", &Scripted::of(numbered(0..6), 10), &mode(SyncMode::Full)).await;
    assert_eq!(rig.contacts().await.len(), 6);
}

/// Many start at once; each record is there once, and the runs that got through say so.
async fn many_runs_of_one_sync_end_as_one(rig: &Rig) {
    let source = Scripted::of(numbered(0..40), 10);
    let how = mode(SyncMode::Full);
    let runs = (0..6).map(|_| {
        let options = RunOptions { when_busy: WhenBusy::Wait(Duration::from_secs(300)), ..RunOptions::default() };
        rig.run("crm", &source, &how, options)
    });
    let done = futures::future::join_all(runs).await;
    let created: u64 = done.iter().map(|run| run.as_ref().unwrap().run.targets[0].counts.created).sum();
    assert_eq!((created, rig.contacts().await.len()), (40, 40));
}
