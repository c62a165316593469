//! Kills from outside at any time, and a process that sleeps through its lease.

use crate::{
    case::LEASE,
    child::Started,
    dice::Dice,
    matrix::{Bench, compare, soak, then},
    moment::{Deed, Moment, Phase},
    scenario::{Scenario, Stage},
    shape::{Shape, ledger},
    store::Store,
};
use mastra_core::sync::RunTarget;
use rustix::process::Signal;
use std::{sync::Arc, time::Duration};

/// Runs that are killed at any time, in the middle of a statement too; only those count that were under way.
async fn at_any_time(mut bench: Bench, mut dice: Dice) -> usize {
    let wanted = if soak() { 150 } else { 9 };
    let mut landed = 0;
    let mut tried = 0;
    while landed < wanted {
        assert!(tried < wanted * 4 + 200, "only {landed} of {tried} kills met a run under way");
        for scenario in Scenario::ALL {
            let undisturbed = bench.undisturbed(scenario).await;
            for _ in 0..if soak() { 8 } else { 1 } {
                tried += 1;
                let (case, before) = bench.case(scenario).await;
                let errand = bench.errand(&case, None);
                let child = errand.start().await;
                let longest = if scenario == Scenario::Slow { 300 } else { 90 };
                let pause = Duration::from_micros(dice.below(longest * 1_000) as u64);
                tokio::time::sleep(pause).await;
                child.signal(Signal::KILL);
                landed += usize::from(!child.end().await);
                let then = then(scenario, dice.below(4));
                let told = bench.make_up(&undisturbed, &errand, &before, then, &mut dice).await;
                told.unwrap_or_else(|told| {
                    panic!("{}: {scenario:?}, killed after {pause:?}, then {then:?}: {told}", bench.store.name)
                });
            }
        }
    }
    bench.store.end().await;
    landed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_killed_at_any_time_is_made_up_for() {
    let mut dice = Dice::new("kills at any time");
    let sqlite = tokio::spawn(at_any_time(Bench::new(Store::sqlite().await), dice.split()));
    let postgres = tokio::spawn(at_any_time(Bench::new(Store::postgres().await), dice.split()));
    println!("{} kills landed at any time", sqlite.await.unwrap() + postgres.await.unwrap());
}

/// Steps with no transaction open: another run gets through while the first one sleeps.
const OUTSIDE: [(&str, Phase); 6] = [
    ("begin", Phase::Before),
    ("commit", Phase::After),
    ("list_unseen", Phase::After),
    ("count_unseen", Phase::After),
    ("release", Phase::Before),
    ("acquire", Phase::After),
];

/// Steps within a transaction: another run may have to wait until the first one wakes.
const INSIDE: [(&str, Phase); 5] = [
    ("begin", Phase::After),
    ("read_stakes", Phase::After),
    ("upsert_records", Phase::After),
    ("commit_page", Phase::After),
    ("commit", Phase::Before),
];

/// A run stops at a moment for longer than its lease, another one takes over, and the first one wakes. `false` where the other one was not
/// through by then.
async fn sleeps(bench: &mut Bench, moment: &Moment, inside: bool, same_id: bool) -> bool {
    let scenario = Scenario::Full;
    let undisturbed = bench.undisturbed(scenario).await;
    let (mut case, before) = bench.case(scenario).await;
    // A sign of life on its way when the process stops holds a lock in SQLite for as long as it stands still: there are few of them.
    case.lease = LEASE * 4;
    let mut errand = bench.errand(&case, None);
    errand.moment = Some((moment.clone(), Deed::Stop));
    let what = format!("{}: asleep {moment}, then another run, {}", bench.store.name, if same_id { "of its id" } else { "" });
    let mut child: Started = errand.start().await;
    assert!(child.says(&format!("at {moment}")).await, "{what}: it never came there");
    let engine = Arc::clone(&bench.store.engine);
    let number = usize::from(!same_id);
    let mut another = tokio::spawn({
        let (case, engine) = (case.clone(), Arc::clone(&engine));
        async move { case.run(&engine, Stage::Now, case.run_id(number)).await }
    });
    // Asleep inside of a transaction it may hold what the other one needs.
    let patience = if inside { case.lease * 3 } else { Duration::from_secs(20) };
    let through = tokio::time::timeout(patience, &mut another).await;
    let mut stands = None;
    if let Ok(done) = &through {
        done.as_ref().unwrap().as_ref().unwrap_or_else(|error| panic!("{what}: {error} {error:?}"));
        stands = Some((Shape::of(&case, engine.as_ref(), &before).await, said(&case, engine.as_ref()).await));
    }
    child.signal(Signal::CONT);
    child.end().await;
    if through.is_err() {
        another.await.unwrap().unwrap_or_else(|error| panic!("{what}: {error} {error:?}"));
    }
    let counts = ledger(&case, engine.as_ref(), number + 1).await;
    let shape = Shape::of(&case, engine.as_ref(), &before).await;
    if let Some((stood, told)) = stands {
        let differences = shape.differences(&stood);
        assert!(differences.is_empty(), "{what}: the sleeper wrote\n{}", differences.join("\n"));
        assert_eq!(told, said(&case, engine.as_ref()).await, "{what}: the sleeper wrote into the ledger");
    }
    let then = if same_id { crate::matrix::Then::UnderItsId } else { crate::matrix::Then::Again };
    compare(&undisturbed, then, shape, counts).unwrap_or_else(|told| panic!("{what}: {told}"));
    through.is_ok()
}

/// What the ledger says that the first run did.
async fn said(case: &crate::case::Case, engine: &dyn mastra_core::Engine) -> Vec<RunTarget> {
    engine.syncs().unwrap().get_run(&case.run_id(0)).await.unwrap().targets
}

async fn sleepers(mut bench: Bench, mut dice: Dice) -> usize {
    let rounds = if soak() { 4 } else { 1 };
    let mut through = 0;
    for (steps, inside) in [(OUTSIDE.as_slice(), false), (INSIDE.as_slice(), true)] {
        for (step, phase) in steps {
            for round in 0..rounds {
                let often = matches!(*step, "begin" | "commit" | "commit_page");
                let nth = if often { 2 + dice.below(6) as u32 } else { 1 };
                let moment = Moment { step: (*step).to_owned(), phase: *phase, nth };
                through += usize::from(sleeps(&mut bench, &moment, inside, (round + dice.below(2)) % 2 == 1).await);
            }
        }
    }
    assert!(through >= rounds * OUTSIDE.len() / 2, "only {through} runs got through beside a sleeper");
    bench.store.end().await;
    through
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sleeps_through_its_lease_writes_nothing_more() {
    let mut dice = Dice::new("sleepers");
    let sqlite = tokio::spawn(sleepers(Bench::new(Store::sqlite().await), dice.split()));
    let postgres = tokio::spawn(sleepers(Bench::new(Store::postgres().await), dice.split()));
    println!("{} runs took over from a sleeper that woke", sqlite.await.unwrap() + postgres.await.unwrap());
}
