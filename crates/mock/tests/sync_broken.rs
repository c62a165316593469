//! A store that remembers one thing of syncs wrongly is caught by the suite, whichever it is.

use mastra_conformance::{
    Case, TestEngine,
    engine::syncs::broken::{BrokenSyncs, SyncMistake},
    engine_cases,
};
use mastra_mock::MockEngine;

/// The cases about syncs, on the store itself and in transactions, those that make much work last.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = engine_cases().into_iter().filter(|case| case.name.starts_with("syncs")).collect();
    cases.sort_by_key(|case| ["largest", "at_once", "raw_items", "deleted_under"].iter().any(|long| case.name.contains(long)));
    cases
}

/// The first case that fails, with its message.
async fn caught(cases: &[Case], mistake: SyncMistake) -> Option<String> {
    for case in cases {
        let fresh = || TestEngine::new(BrokenSyncs::new(MockEngine::new().checked(), mistake));
        if let Err(failure) = case.run(&|| Box::pin(async { Ok(fresh()) })).await {
            return Some(format!("{case}: {}", failure.message().chars().take(160).collect::<String>()));
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_caught() {
    let cases = cases();
    let mut unseen = Vec::new();
    for mistake in SyncMistake::ALL {
        match caught(&cases, *mistake).await {
            Some(message) => println!("{mistake:?} is caught by {message}"),
            None => unseen.push(mistake),
        }
    }
    assert!(unseen.is_empty(), "nobody saw {unseen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_mistake_is_none() {
    assert_eq!(caught(&cases(), SyncMistake::None).await, None);
}
