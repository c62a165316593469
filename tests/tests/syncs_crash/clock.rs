//! Clocks that step while a run is under way: somebody gets in in the end, and who lost its lease writes nothing more.

use crate::{
    case::Case,
    dice::Dice,
    matrix::{Bench, Then, compare},
    moment::{Moment, Phase},
    scenario::{Scenario, Stage},
    script::{Row, Script},
    shape::{Shape, ledger},
    store::Store,
};
use chrono::TimeDelta;
use futures::StreamExt as _;
use mastra_core::Engine;
use mastra_sync::{
    Completed, RunOptions, SyncError, SyncErrorKind,
    source::{Pages, Position, Source},
    write::RecordsBuilder,
};
use serde_json::Value;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, task::JoinHandle};

/// A source that does something before each page.
#[derive(Clone)]
struct Minding {
    script: Script,
    before: Arc<dyn Fn() + Send + Sync>,
    /// Before the page of this number it says so, and waits.
    halt: Option<(usize, Arc<Notify>, Arc<Notify>)>,
}

impl fmt::Debug for Minding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minding").finish_non_exhaustive()
    }
}

impl Source for Minding {
    fn kind(&self) -> &'static str {
        "minding"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let pages = self.script.pages(from).enumerate();
        pages
            .then(async |(at, page)| {
                (self.before)();
                if let Some((number, reached, go_on)) = &self.halt
                    && at == *number
                {
                    reached.notify_one();
                    go_on.notified().await;
                }
                page
            })
            .boxed()
    }
}

/// A run that waits before its third page, until it is told to go on. Its first sign of life would come long after the test.
struct Waiting {
    run: JoinHandle<Result<Completed<Value>, SyncError>>,
    go_on: Arc<Notify>,
}

async fn waiting(case: &Case, engine: &Arc<dyn Engine>) -> Waiting {
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let halt = Some((2, Arc::clone(&reached), Arc::clone(&go_on)));
    let source = Minding { script: case.scenario.source(Stage::Now), before: Arc::new(|| {}), halt };
    let options =
        RunOptions { run_id: Some(case.run_id(0)), lease: Duration::from_secs(600), ..case.scenario.options(Stage::Now) };
    let (case, engine) = (case.clone(), Arc::clone(engine));
    let run = tokio::spawn(async move {
        let scenario = case.scenario;
        case.load(&engine, "crm", source, options, move |records| scenario.told(Stage::Now, records)).await
    });
    reached.notified().await;
    Waiting { run, go_on }
}

/// What a clock tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hour {
    /// As it stepped, when another run begins.
    Wrong,
    /// As it was, when the first one wakes.
    Right,
    /// So late that no lease is left, and that what was queued is due.
    Late,
}

/// Another run takes over from one that waits; the first wakes, is told so, and has written nothing.
async fn taken_over(bench: &mut Bench, what: &str, step: impl AsyncFn(&Store, Hour)) {
    for scenario in [Scenario::Incremental, Scenario::Full, Scenario::Parents] {
        let what = format!("{}: {scenario:?}, {what}", bench.store.name);
        let undisturbed = bench.undisturbed(scenario).await;
        let (case, before) = bench.case(scenario).await;
        let engine = Arc::clone(&bench.store.engine);
        let first = waiting(&case, &engine).await;
        step(&bench.store, Hour::Wrong).await;
        let done = case.run(&engine, Stage::Now, case.run_id(1)).await;
        done.unwrap_or_else(|error| panic!("{what}: {error} {error:?}"));
        step(&bench.store, Hour::Right).await;
        first.go_on.notify_one();
        let lost = first.run.await.unwrap().expect_err("it lost its lease");
        assert_eq!(lost.kind(), SyncErrorKind::Lost, "{what}: {lost}");
        step(&bench.store, Hour::Late).await;
        let counts = ledger(&case, engine.as_ref(), 2).await;
        let shape = Shape::of(&case, engine.as_ref(), &before).await;
        compare(&undisturbed, Then::Again, shape, counts).unwrap_or_else(|told| panic!("{what}: {told}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_steps_lets_another_run_in() {
    for hours in [2, -2, 24 * 400, -24 * 400] {
        let (store, mock) = Store::mock();
        let mut bench = Bench::new(store);
        taken_over(&mut bench, &format!("the clock steps by {hours} hours"), async |_, hour| {
            mock.inner().step_clock(TimeDelta::hours(match hour {
                Hour::Wrong => hours,
                Hour::Right => -hours,
                Hour::Late => hours.abs() + 1,
            }));
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_a_little_keeps_the_holder() {
    let (store, mock) = Store::mock();
    let mut bench = Bench::new(store);
    let undisturbed = bench.undisturbed(Scenario::Full).await;
    let (case, before) = bench.case(Scenario::Full).await;
    let engine = Arc::clone(&bench.store.engine);
    let first = waiting(&case, &engine).await;
    mock.inner().step_clock(TimeDelta::minutes(-10));
    let options = RunOptions { run_id: Some(case.run_id(1)), ..RunOptions::default() };
    let busy = case.load(&engine, "crm", Script::default(), options, |records| Scenario::Full.told(Stage::Now, records)).await;
    assert_eq!(busy.unwrap_err().kind(), SyncErrorKind::Busy);
    first.go_on.notify_one();
    first.run.await.unwrap().unwrap();
    mock.inner().step_clock(TimeDelta::minutes(10));
    let counts = ledger(&case, engine.as_ref(), 1).await;
    let shape = Shape::of(&case, engine.as_ref(), &before).await;
    compare(&undisturbed, Then::Again, shape, counts).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_from_another_time_let_another_run_in() {
    // As a clock that was set back leaves them, and one that was set forward.
    for seconds in [2 * 3_600, 400 * 24 * 3_600, -3_600] {
        for store in [Store::sqlite().await, Store::postgres().await] {
            let mut bench = Bench::new(store);
            let what = format!("leases end in {seconds} s");
            taken_over(&mut bench, &what, async |store, hour| match hour {
                Hour::Wrong => store.set_leases(seconds).await,
                Hour::Right => {}
                // The first run's entry says so still: nobody ends it for another.
                Hour::Late => store.set_leases(-1).await,
            })
            .await;
            bench.store.end().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_held_until_far_away_is_free() {
    let mut dice = Dice::new("far leases");
    for store in [Store::sqlite().await, Store::postgres().await] {
        let mut bench = Bench::new(store);
        for scenario in [Scenario::Full, Scenario::Scopes] {
            let undisturbed = bench.undisturbed(scenario).await;
            let (case, before) = bench.case(scenario).await;
            let moment = Moment { step: "commit_page".into(), phase: Phase::After, nth: 3 };
            let errand = bench.errand(&case, Some(moment));
            assert_eq!(errand.send().await, crate::child::End::Killed);
            bench.store.set_leases(30 * 24 * 3_600).await;
            bench.make_up(&undisturbed, &errand, &before, Then::UnderItsId, &mut dice).await.unwrap();
        }
        bench.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_at_every_page_changes_nothing() {
    let (store, mock) = Store::mock();
    let mut bench = Bench::new(store);
    for scenario in
        [Scenario::Incremental, Scenario::Full, Scenario::Append, Scenario::Parents, Scenario::Scopes, Scenario::Merging]
    {
        let mut dice = Dice::new("a jumping clock");
        let undisturbed = bench.undisturbed(scenario).await;
        let (case, before) = bench.case(scenario).await;
        let engine = Arc::clone(&bench.store.engine);
        let jumps: Vec<i64> = (0..64).map(|_| dice.below(400) as i64 - 200).collect();
        let (clock, at) = (Arc::clone(&mock), AtomicUsize::new(0));
        let all = jumps.clone();
        let before_each = move || {
            let at = at.fetch_add(1, Ordering::Relaxed);
            clock.inner().step_clock(TimeDelta::minutes(all[at % all.len()]));
        };
        let source = Minding { script: scenario.source(Stage::Now), before: Arc::new(before_each), halt: None };
        let options = RunOptions { run_id: Some(case.run_id(0)), ..scenario.options(Stage::Now) };
        case.load(&engine, "crm", source, options, move |records| scenario.told(Stage::Now, records)).await.unwrap();
        // What was queued in what is now the future is due then.
        mock.inner().step_clock(TimeDelta::hours(64 * 4));
        let counts = ledger(&case, engine.as_ref(), 1).await;
        let shape = Shape::of(&case, engine.as_ref(), &before).await;
        compare(&undisturbed, Then::Again, shape, counts).unwrap_or_else(|told| panic!("{scenario:?}, {jumps:?}: {told}"));
    }
}

/// An item without an id that was set aside behind a step back of the clock still counts for the reading that it belongs to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_hides_nothing_that_could_not_be_read() {
    let (store, mock) = Store::mock();
    let mut bench = Bench::new(store);
    let (case, _) = bench.case(Scenario::Full).await;
    let engine = Arc::clone(&bench.store.engine);
    let told = |records: RecordsBuilder| Scenario::Full.told(Stage::Now, records);
    let mut sheets = Scenario::Full.source(Stage::Now).sheets;
    sheets[2].rows.push(Row::Unread(None));
    let script = Script { sheets, ..Script::default() };
    mock.inner().step_clock(TimeDelta::hours(2));
    // Before its second page the clock is set right, and before its fourth the run ends.
    let (clock, pages, stop) = (Arc::clone(&mock), AtomicUsize::new(0), RunOptions::default().cancellation);
    let token = stop.clone();
    let before = move || match pages.fetch_add(1, Ordering::Relaxed) {
        1 => clock.inner().step_clock(TimeDelta::hours(-2)),
        3 => token.cancel(),
        _ => {}
    };
    let source = Minding { script: script.clone(), before: Arc::new(before), halt: None };
    let options = RunOptions { run_id: Some(case.run_id(0)), cancellation: stop, ..RunOptions::default() };
    let stopped = case.load(&engine, "crm", source, options, told).await.unwrap_err();
    assert_eq!(stopped.kind(), SyncErrorKind::Cancelled, "{stopped}");
    let options = RunOptions { run_id: Some(case.run_id(1)), ..RunOptions::default() };
    let refused = case.load(&engine, "crm", script, options, told).await.unwrap_err();
    assert_eq!(refused.kind(), SyncErrorKind::Refused, "{refused}");
}
