//! How runs begin, end and are remembered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use futures::StreamExt as _;
use mastra_core::{
    Engine, ErrorKind, RecordStore as _,
    sync::{NewRun, RunId, RunQuery, RunState},
};
use mastra_mock::{Fault, MockEngine};
use mastra_sync::{Mastra, RunEvent, SyncDefinition, SyncErrorKind, WhenBusy, define};
use serde_json::{Value, json};
use std::{
    future::{IntoFuture as _, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

const AGES: Duration = Duration::from_secs(3_600);

type Engines = Arc<mastra_core::Checked<MockEngine>>;

fn engine() -> Engines {
    Arc::new(MockEngine::new().checked())
}

fn registry(engine: &Engines, sync: impl SyncDefinition) -> Mastra {
    Mastra::builder().engine(Arc::clone(engine) as Arc<dyn Engine>).sync(sync).build().unwrap()
}

async fn run(engine: &Engines, id: &str) -> mastra_core::sync::Run {
    engine.syncs().unwrap().get_run(&RunId::new(id)).await.unwrap()
}

#[tokio::test]
async fn a_repeated_id_returns_the_recorded_result_and_runs_nothing() {
    let times = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&times);
    let sync = define("counts").execute(move |_| {
        let counted = Arc::clone(&counted);
        async move { Ok(json!({ "time": counted.fetch_add(1, Ordering::SeqCst) })) }
    });
    let mastra = registry(&engine(), sync);
    let first = mastra.sync("counts", json!(1)).run_id("job-7").await.unwrap();
    let again = mastra.sync("counts", json!(1)).run_id("job-7").await.unwrap();
    assert_eq!((first.recorded, again.recorded), (false, true));
    assert_eq!(first.output, again.output);
    assert_eq!(first.run, again.run);
    assert_eq!(times.load(Ordering::SeqCst), 1);
    let other_input = mastra.sync("counts", json!(2)).run_id("job-7").await.unwrap_err();
    assert_eq!(other_input.kind(), SyncErrorKind::Engine);
    assert_eq!(mastra_core::Error::from(other_input).kind(), ErrorKind::Conflict);
    assert_ne!(
        mastra.sync("counts", json!(1)).await.unwrap().run.id,
        first.run.id,
        "without an id each call is a run of its own"
    );
}

#[tokio::test]
async fn a_failed_run_is_tried_again_under_its_id() {
    let sync = define("flaky").output::<u32>().execute(|ctx| async move {
        match ctx.attempt() {
            1 => Err(mastra_core::Error::unavailable("the source is away").into()),
            attempt => Ok(attempt),
        }
    });
    let engine = engine();
    let mastra = registry(&engine, sync);
    let error = mastra.sync("flaky", json!(null)).run_id("r").await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (SyncErrorKind::Failed, true));
    let failed = run(&engine, "r").await;
    assert_eq!((failed.state, failed.error.unwrap().kind.as_str()), (RunState::Failed, "failed"));
    let done = mastra.sync("flaky", json!(null)).run_id("r").await.unwrap();
    assert_eq!((done.output, done.run.attempt, done.run.state), (json!(2), 2, RunState::Succeeded));
    assert_eq!(done.run.error, None);
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_ledger_knows_it() {
    let sync = define("panics").execute(|ctx| async move {
        assert!(ctx.dry_run(), "something secret");
        Ok(Value::Null)
    });
    let engine = engine();
    let mastra = registry(&engine, sync);
    let error = mastra.sync("panics", json!(null)).run_id("r").await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::Failed);
    let failed = run(&engine, "r").await;
    assert_eq!(failed.state, RunState::Failed);
    let message = failed.error.unwrap().message;
    assert!(message.contains("panicked") && !message.contains("secret"), "{message}");
}

#[tokio::test]
async fn who_is_told_to_stop_and_does_has_its_reason_kept_apart() {
    let sync = || {
        define("waits").execute(|ctx| async move {
            ctx.cancelled().await;
            ctx.check()?;
            Ok(Value::Null)
        })
    };
    let engine = engine();
    let mastra = registry(&engine, sync());
    let error = mastra.sync("waits", json!(null)).run_id("late").timeout(Duration::from_millis(5)).grace(AGES).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::TimedOut);
    assert_eq!(run(&engine, "late").await.state, RunState::TimedOut);

    let token = CancellationToken::new();
    let call = mastra.sync("waits", json!(null)).run_id("stopped").cancellation(token.clone()).grace(AGES).into_future();
    let task = tokio::spawn(call);
    while engine.syncs().unwrap().get_run(&RunId::new("stopped")).await.is_err() {
        tokio::task::yield_now().await;
    }
    token.cancel();
    assert_eq!(task.await.unwrap().unwrap_err().kind(), SyncErrorKind::Cancelled);
    assert_eq!(run(&engine, "stopped").await.state, RunState::Cancelled);

    let before = mastra.sync("waits", json!(null)).run_id("never").cancellation(token).await.unwrap_err();
    assert_eq!(before.kind(), SyncErrorKind::Cancelled);
    assert_eq!(mastra.runs().unwrap().list(&RunQuery::default()).await.unwrap().len(), 2, "it was never begun");
}

#[tokio::test]
async fn who_does_not_stop_in_time_is_dropped() {
    let engine = engine();
    let mastra = registry(&engine, define("hangs").execute(|_| pending()));
    let short = Duration::from_millis(5);
    let error = mastra.sync("hangs", json!(null)).run_id("r").timeout(short).grace(short).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::TimedOut);
    assert_eq!(run(&engine, "r").await.state, RunState::TimedOut);
}

#[tokio::test]
async fn an_output_of_one_who_saw_that_it_was_to_stop_is_no_result() {
    let looks = define("looks").execute(|ctx| async move {
        while !ctx.is_cancelled() {
            tokio::task::yield_now().await;
        }
        Ok(json!("half of it"))
    });
    let engine = engine();
    let mastra = registry(&engine, looks);
    let call = || mastra.sync("looks", json!(null)).timeout(Duration::from_millis(5)).grace(AGES);
    assert_eq!(call().run_id("r").await.unwrap_err().kind(), SyncErrorKind::TimedOut);

    // Who never looked did everything, late as it was.
    let late = registry(
        &engine,
        define("late").execute(|_| async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(json!("all of it"))
        }),
    );
    let done = late.sync("late", json!(null)).timeout(Duration::from_millis(5)).grace(AGES).await.unwrap();
    assert_eq!((done.output, done.run.state), (json!("all of it"), RunState::Succeeded));
}

#[tokio::test]
async fn stopping_a_run_stops_nothing_else_of_its_caller() {
    let mastra = registry(&engine(), define("hangs").execute(|_| pending()));
    let token = CancellationToken::new();
    let short = Duration::from_millis(5);
    let call = mastra.sync("hangs", json!(null)).cancellation(token.clone()).timeout(short).grace(short);
    assert_eq!(call.await.unwrap_err().kind(), SyncErrorKind::TimedOut);
    assert!(!token.is_cancelled());
}

#[tokio::test]
async fn a_caller_that_gives_up_ends_the_run_as_cancelled() {
    let engine = engine();
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let sync = define("hangs").execute(move |_| {
        tell.notify_one();
        pending()
    });
    let mastra = registry(&engine, sync);
    let mut call = mastra.sync("hangs", json!(null)).run_id("r").into_future();
    tokio::select! {
        _ = &mut call => unreachable!("it never ends"),
        () = begun.notified() => {}
    }
    drop(call);
    let last =
        mastra.runs().unwrap().watch(RunId::new("r")).filter_map(async |run| run.ok()).collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.state, RunState::Cancelled);
    let again = mastra.sync("hangs", json!(null)).run_id("r").timeout(Duration::ZERO).grace(Duration::ZERO).await.unwrap_err();
    assert_eq!(again.kind(), SyncErrorKind::TimedOut, "it could be begun again");
}

#[tokio::test]
async fn a_run_that_is_under_way_is_busy_or_is_waited_for() {
    let engine = engine();
    let (let_go, wait) = oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let sync = define("slow").execute(move |_| {
        let wait = wait.lock().unwrap().take().expect("it runs once");
        tell.notify_one();
        async move {
            wait.await?;
            Ok(json!("done"))
        }
    });
    let mastra = registry(&engine, sync);
    let first = tokio::spawn(mastra.sync("slow", json!(null)).run_id("r").into_future());
    begun.notified().await;
    let busy = mastra.sync("slow", json!(null)).run_id("r").await.unwrap_err();
    assert_eq!((busy.kind(), busy.is_retryable()), (SyncErrorKind::Busy, true));
    let second =
        tokio::spawn(mastra.sync("slow", json!(null)).run_id("r").when_busy(WhenBusy::Wait(Duration::MAX)).into_future());
    tokio::task::yield_now().await;
    let_go.send(()).unwrap();
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!((first.recorded, second.recorded, second.output), (false, true, json!("done")));
}

#[tokio::test]
async fn a_dead_process_leaves_a_run_that_is_begun_again() {
    let engine = engine();
    let mastra = registry(&engine, define("a").output::<u32>().execute(|ctx| async move { Ok(ctx.attempt()) }));
    // What a process that dies leaves behind: a run that nobody ends. Its hash is that of the input null.
    let probe = mastra.sync("a", json!(null)).await.unwrap().run;
    let left =
        NewRun { id: RunId::new("r"), sync_id: "a".into(), input_hash: probe.input_hash, lease: Duration::from_millis(20) };
    engine.syncs().unwrap().begin_run(&left).await.unwrap();
    let watched: Vec<_> = mastra.runs().unwrap().watch(RunId::new("r")).map(|run| run.unwrap().state).collect().await;
    assert_eq!(watched.last(), Some(&RunState::Lost), "a watcher does not wait for the dead");
    let done = mastra.sync("a", json!(null)).run_id("r").when_busy(WhenBusy::Wait(AGES)).await.unwrap();
    assert_eq!((done.output, done.recorded), (json!(2), false));
}

#[tokio::test]
async fn a_run_that_another_took_over_stops_and_ends_nothing() {
    let engine = engine();
    let (begun, taken) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&taken));
    let sync = define("hung").execute(move |ctx| {
        let (tell, wait) = (Arc::clone(&tell), Arc::clone(&wait));
        async move {
            if ctx.attempt() == 1 {
                tell.notify_one();
                wait.notified().await;
                ctx.note("awake again");
                ctx.cancelled().await;
                return Ok(json!("of the past"));
            }
            Ok(json!("taken over"))
        }
    });
    let mastra = registry(&engine, sync);
    let lease = Duration::from_secs(60);
    let old = tokio::spawn(mastra.sync("hung", json!(null)).run_id("r").lease(lease).grace(AGES).into_future());
    begun.notified().await;
    // To the store it has been silent for long: another process begins the run again.
    engine.inner().step_clock(chrono::TimeDelta::minutes(5));
    let new = mastra.sync("hung", json!(null)).run_id("r").lease(lease).await.unwrap();
    taken.notify_one();
    assert_eq!((new.output, new.run.attempt), (json!("taken over"), 2));
    assert_eq!(old.await.unwrap().unwrap_err().kind(), SyncErrorKind::Lost);
    let kept = run(&engine, "r").await;
    assert_eq!((kept.state, kept.output), (RunState::Succeeded, Some(json!("taken over"))));
}

#[tokio::test]
async fn signs_of_life_keep_a_long_run_its_own() {
    let engine = engine();
    let sync = define("long").execute(|_| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Ok(Value::Null)
    });
    let mastra = registry(&engine, sync);
    let done = mastra.sync("long", json!(null)).run_id("r").lease(Duration::from_millis(90)).await.unwrap();
    assert!(done.run.heartbeat_at > done.run.started_at);
    assert!(done.run.revision >= 3, "it gave signs of life: revision {}", done.run.revision);
}

#[tokio::test]
async fn notes_reach_the_ledger_and_the_observer() {
    let engine = engine();
    let sync = define("talks").execute(|ctx| async move {
        ctx.note("first");
        ctx.note("x".repeat(600));
        Ok(Value::Null)
    });
    let mastra = registry(&engine, sync);
    let events: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&events);
    let observer = move |event: &RunEvent| seen.lock().unwrap().push(serde_json::to_value(event).unwrap());
    let done = mastra.sync("talks", json!(null)).run_id("r").observer(observer).await.unwrap();
    assert_eq!(done.run.note.map(|note| note.len()), Some(500), "the last note is kept, cut");
    let events = events.lock().unwrap();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "note", "note", "finished"]);
    assert_eq!(
        (&events[0]["syncId"], &events[1]["note"], &events[3]["state"]),
        (&json!("talks"), &json!("first"), &json!("succeeded"))
    );
}

#[tokio::test]
async fn notes_of_a_run_under_way_are_seen_by_who_watches() {
    let engine = engine();
    let (let_go, wait) = oneshot::channel::<()>();
    let wait = Mutex::new(Some(wait));
    let sync = define("talks").execute(move |ctx| {
        let wait = wait.lock().unwrap().take().expect("it runs once");
        async move {
            ctx.note("reading");
            wait.await?;
            Ok(Value::Null)
        }
    });
    let mastra = registry(&engine, sync);
    let task = tokio::spawn(mastra.sync("talks", json!(null)).run_id("r").lease(Duration::from_secs(30)).into_future());
    while engine.syncs().unwrap().get_run(&RunId::new("r")).await.is_err() {
        tokio::task::yield_now().await;
    }
    let mut watch = mastra.runs().unwrap().watch(RunId::new("r"));
    let mut let_go = Some(let_go);
    let mut states = Vec::new();
    while let Some(run) = watch.next().await {
        let run = run.unwrap();
        if run.note.as_deref() == Some("reading")
            && let Some(let_go) = let_go.take()
        {
            let_go.send(()).unwrap();
        }
        states.push(run.state);
    }
    assert_eq!(states.first(), Some(&RunState::Running));
    assert_eq!(states.last(), Some(&RunState::Succeeded));
    task.await.unwrap().unwrap();
    let unknown = mastra.runs().unwrap().watch(RunId::new("none")).collect::<Vec<_>>().await;
    assert!(matches!(unknown.as_slice(), [Err(error)] if error.is_not_found()));
}

#[tokio::test]
async fn an_end_that_cannot_be_written_is_written_again() {
    let engine = engine();
    let mastra = registry(&engine, define("a").execute(|_| async { Ok(json!(1)) }));
    engine.inner().faults().add(Fault::on("update_run").fail(ErrorKind::Unavailable));
    assert_eq!(mastra.sync("a", json!(null)).run_id("refused").await.unwrap().run.state, RunState::Succeeded);
    engine.inner().faults().add(Fault::on("update_run").lose_acknowledgement());
    assert_eq!(mastra.sync("a", json!(null)).run_id("unheard").await.unwrap().run.state, RunState::Succeeded);

    engine.inner().faults().add(Fault::on("update_run").every().fail(ErrorKind::Unavailable));
    let error = mastra.sync("a", json!(null)).run_id("away").await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (SyncErrorKind::Engine, true));
    engine.inner().faults().clear();
    engine.inner().step_clock(chrono::TimeDelta::minutes(5));
    let done = mastra.sync("a", json!(null)).run_id("away").await.unwrap();
    assert_eq!((done.run.attempt, done.recorded), (2, false), "run again under its id, it comes to its result");
}

#[tokio::test]
async fn an_engine_that_is_away_begins_nothing() {
    let engine = engine();
    let mastra = registry(&engine, define("a").execute(|_| async { Ok(json!(1)) }));
    engine.inner().faults().add(Fault::on("begin_run").fail(ErrorKind::Unavailable));
    let error = mastra.sync("a", json!(null)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (SyncErrorKind::Engine, true));
    assert_eq!(mastra_core::Error::from(error).kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn finished_runs_are_pruned_but_for_the_newest() {
    use mastra_core::sync::PruneRuns;
    let engine = engine();
    let mastra = registry(&engine, define("a").execute(|_| async { Ok(json!(1)) }));
    for _ in 0..3 {
        mastra.sync("a", json!(null)).await.unwrap();
    }
    let runs = mastra.runs().unwrap();
    let all = PruneRuns { finished_before: mastra_core::time::now() + chrono::TimeDelta::days(1), dry_run: false };
    assert_eq!(runs.prune(&PruneRuns { dry_run: true, ..all }).await.unwrap(), 2);
    assert_eq!(runs.prune(&all).await.unwrap(), 2);
    assert_eq!(runs.list(&RunQuery { sync_id: Some("a".into()), ..RunQuery::default() }).await.unwrap().len(), 1);
}
