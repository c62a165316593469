//! The matrix can fail: mistakes made on purpose are found by its comparison, and by nothing else in it.

use crate::{
    child::End,
    dice::Dice,
    matrix::{Bench, Then},
    moment::{Moment, Phase},
    scenario::Scenario,
    store::Store,
    trapped::Mistake,
};

/// Whether the comparison finds a mistake in a run that is killed at a moment; without the mistake it has to find nothing.
async fn is_found(scenario: Scenario, step: &str, phase: Phase, nth: u32, mistake: Mistake, difference: &str) {
    let mut dice = Dice::new("sabotage");
    let moment = Moment { step: step.to_owned(), phase, nth };
    for store in [Store::sqlite().await, Store::postgres().await] {
        let mut bench = Bench::new(store);
        let undisturbed = bench.undisturbed(scenario).await;
        let without = bench.kill(&undisturbed, scenario, &moment, Then::Again, None, &mut dice).await;
        assert_eq!(without, Ok(End::Killed));
        let with = bench.kill(&undisturbed, scenario, &moment, Then::Again, Some(mistake), &mut dice).await;
        let told = with.expect_err("nothing was found");
        assert!(told.lines().any(|line| line.starts_with(difference)), "{told}");
        assert_eq!(bench.kills(), 2);
        bench.store.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_no_transactions_are_found() {
    let made = "- stake of crm in c15: Held";
    is_found(Scenario::Incremental, "upsert_records", Phase::After, 1, Mistake::NoTransaction, made).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_ahead_of_its_records_is_found() {
    is_found(Scenario::Append, "commit_page", Phase::Before, 3, Mistake::CursorFirst, "- live c16").await;
    is_found(Scenario::Scopes, "commit_page", Phase::Before, 4, Mistake::CursorFirst, "- live b").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_met_and_not_noted_is_found() {
    is_found(Scenario::Full, "commit_page", Phase::Before, 3, Mistake::Unseen, "+ deleted").await;
}
