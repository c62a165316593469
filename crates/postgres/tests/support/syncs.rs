//! Runs, holds and pages of syncs, as a writer of one makes them.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic)]

use mastra_core::{
    RecordStore,
    sync::{
        Acquired, EnumerationChange, Hold, KeyStake, LedgerEntry, NewHold, NewRun, PageCommit, RunCounts, RunId, RunStart,
        RunTarget, StakeWrite, SyncMode, SyncStore,
    },
};
use std::time::Duration;

pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn syncs(engine: &impl RecordStore) -> &dyn SyncStore {
    engine.syncs().unwrap()
}

pub(crate) fn new_run(id: &str) -> NewRun {
    NewRun { id: RunId::new(id), sync_id: "crm".into(), input_hash: "input".into(), lease: LEASE }
}

pub(crate) async fn begin(syncs: &dyn SyncStore, id: &str) -> RunId {
    match syncs.begin_run(&new_run(id)).await.unwrap() {
        RunStart::Started(run) => run.id,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn new_hold(run: &RunId, entity: &str, lease: Duration) -> NewHold {
    NewHold { sync_id: "crm".into(), entity: entity.into(), connection_id: "c".into(), run_id: run.clone(), lease }
}

/// Holds the target, which nobody does.
pub(crate) async fn hold(syncs: &dyn SyncStore, run: &RunId, entity: &str, lease: Duration) -> Hold {
    match syncs.acquire(&new_hold(run, entity, lease)).await.unwrap() {
        Acquired::Held(hold) => *hold,
        other => panic!("{other:?}"),
    }
}

/// Holds the target once its lease has ended.
pub(crate) async fn take_over(syncs: &dyn SyncStore, run: &RunId, entity: &str) -> Hold {
    loop {
        match syncs.acquire(&new_hold(run, entity, LEASE)).await.unwrap() {
            Acquired::Held(hold) => return *hold,
            Acquired::Busy { .. } => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

/// A page with nothing but the ledger.
pub(crate) fn page(run: &RunId, hold: &Hold) -> PageCommit {
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
        ledger: LedgerEntry { run_id: run.clone(), attempt: 1, target: progress(hold, 0) },
    }
}

pub(crate) fn progress(hold: &Hold, read: u64) -> RunTarget {
    RunTarget {
        entity_id: hold.entity.id,
        entity: hold.entity.name.clone(),
        connection_id: hold.entity.connection_id.clone(),
        mode: SyncMode::Full,
        source: None,
        cursor_from: None,
        cursor: None,
        complete: false,
        counts: RunCounts { read, ..RunCounts::default() },
        bytes: 0,
        errors: Vec::new(),
    }
}

pub(crate) fn stake(external_id: impl Into<String>, generation: Option<i64>) -> StakeWrite {
    StakeWrite {
        external_id: external_id.into(),
        content: "0123456789abcdef".into(),
        generation,
        created: true,
        version: Some("v".into()),
        keys: [
            ("name".to_owned(), KeyStake { order: 1, hash: Some("h".into()), rank: None }),
            ("b".to_owned(), KeyStake::default()),
        ]
        .into(),
    }
}
