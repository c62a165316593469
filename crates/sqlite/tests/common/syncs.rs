//! What a sync says of itself, filled in.

use mastra_core::Result;
use mastra_core::sync::{
    Acquired, EnumerationChange, Hold, KeyStake, LedgerEntry, NewHold, NewRun, PageCommit, RunCounts, RunId, RunStart, RunTarget,
    StakeWrite, SyncMode, SyncStore,
};
use std::time::Duration;

/// Longer than any test.
pub(crate) const LEASE: Duration = Duration::from_secs(600);

/// Over before anybody looks.
pub(crate) const SHORT: Duration = Duration::from_millis(1);

pub(crate) fn run(id: &str, lease: Duration) -> NewRun {
    NewRun { id: RunId::new(id), sync_id: "contacts".into(), input_hash: "none".into(), lease }
}

pub(crate) fn hold(run: &str, lease: Duration) -> NewHold {
    NewHold { sync_id: "contacts".into(), entity: "Contacts".into(), connection_id: "crm".into(), run_id: RunId::new(run), lease }
}

/// Begins a run and takes its target, which nobody has.
pub(crate) async fn begin(store: &dyn SyncStore, id: &str, lease: Duration) -> Box<Hold> {
    let started = store.begin_run(&run(id, lease)).await.unwrap();
    assert!(matches!(started, RunStart::Started(_)), "{started:?}");
    held(store.acquire(&hold(id, lease)).await)
}

pub(crate) fn held(acquired: Result<Acquired>) -> Box<Hold> {
    match acquired.unwrap() {
        Acquired::Held(hold) => hold,
        busy @ Acquired::Busy { .. } => panic!("{busy:?}"),
    }
}

/// Takes the target of a lease that has ended, as soon as it has.
pub(crate) async fn take_over(store: &dyn SyncStore, run: &str) -> Box<Hold> {
    loop {
        if let Acquired::Held(hold) = store.acquire(&hold(run, LEASE)).await.unwrap() {
            return hold;
        }
        tokio::task::yield_now().await;
    }
}

pub(crate) fn stake(id: impl Into<String>, content: impl Into<String>) -> StakeWrite {
    let keys = [("email".to_owned(), KeyStake { order: 1, hash: Some("h".into()), rank: None })];
    StakeWrite {
        external_id: id.into(),
        content: content.into(),
        generation: None,
        created: true,
        version: None,
        keys: keys.into(),
    }
}

/// A page of the run's first attempt that writes nothing but the ledger.
pub(crate) fn page(hold: &Hold, run: &str) -> PageCommit {
    PageCommit {
        target: hold.target,
        fence: hold.fence,
        lease: LEASE,
        cursor: None,
        enumeration: EnumerationChange::Keep,
        seen: Vec::new(),
        stakes: Vec::new(),
        dropped: Vec::new(),
        quarantined: Vec::new(),
        settled: Vec::new(),
        ledger: LedgerEntry {
            run_id: RunId::new(run),
            attempt: 1,
            target: RunTarget {
                entity_id: hold.entity.id,
                entity: hold.entity.name.clone(),
                connection_id: hold.entity.connection_id.clone(),
                mode: SyncMode::Full,
                source: Some("jsonl".into()),
                cursor_from: None,
                cursor: None,
                complete: false,
                counts: RunCounts { read: 3, ..RunCounts::default() },
                bytes: 90,
                errors: Vec::new(),
            },
        },
    }
}
