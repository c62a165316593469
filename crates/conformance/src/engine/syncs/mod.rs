//! What is remembered of syncs: who may write is certain, what commits together stays together, and the ledger tells what happened.

pub mod broken;
mod deletion;
mod enumeration;
mod hostile;
mod listing;
mod page;
mod quarantine;
mod random;
mod runs;
mod stakes;
mod targets;
pub mod together;

pub use deletion::*;
pub use enumeration::*;
pub use hostile::*;
pub use listing::*;
pub use page::*;
pub use quarantine::*;
pub use random::*;
pub use runs::*;
pub use stakes::*;
pub use targets::*;

use crate::failure::{Failure, Outcome, ensure, not_claimed, refused};
use crate::fixture::CONNECTION;
use mastra_core::{
    EntityRef, ErrorKind, RecordStore, Result,
    sync::{
        Acquired, EnumerationChange, Hold, KeyStake, LedgerEntry, NewHold, NewQuarantined, NewRun, PageCommit, Run, RunCounts,
        RunId, RunStart, RunTarget, StakeWrite, SyncMode, SyncStore, TargetInfo,
    },
};
use serde_json::json;
use std::{collections::BTreeMap, fmt::Debug, time::Duration};
use tokio::time::sleep;

/// The sync of cases that need one.
const SYNC: &str = "a-sync";

/// No lease of this length ends while a case runs.
const LONG: Duration = Duration::from_secs(3_000);

/// A lease that is to end at once.
const SHORT: Duration = Duration::from_millis(1);

fn syncs<S: RecordStore + ?Sized>(store: &S) -> Outcome<&dyn SyncStore> {
    match (store.capabilities().write.sync_store, store.syncs()) {
        (true, Some(syncs)) => Ok(syncs),
        (true, None) => Err(Failure::new("the engine claims to remember syncs, and does not")),
        (false, Some(_)) => Err(Failure::new("the engine remembers syncs without a claim")),
        (false, None) => not_claimed("write.syncStore"),
    }
}

async fn a_moment() {
    sleep(Duration::from_millis(2)).await;
}

/// How often a case asks whether a lease of a millisecond has ended: for so long that no clock stands still.
const ASKED: usize = 4_000;

fn new_run(id: &str, lease: Duration) -> NewRun {
    NewRun { id: RunId::new(id), sync_id: SYNC.into(), input_hash: "of the input".into(), lease }
}

async fn start(syncs: &dyn SyncStore, run: &NewRun) -> Outcome<Run> {
    match syncs.begin_run(run).await? {
        RunStart::Started(run) => Ok(run),
        other => Err(Failure::new(format!("the run has to start: {other:?}"))),
    }
}

/// A run of the sync that is under way.
async fn started(syncs: &dyn SyncStore, id: &str) -> Outcome<Run> {
    start(syncs, &new_run(id, LONG)).await
}

fn new_hold(sync_id: &str, entity: &str, run: &Run, lease: Duration) -> NewHold {
    NewHold { sync_id: sync_id.into(), entity: entity.into(), connection_id: CONNECTION.into(), run_id: run.id.clone(), lease }
}

async fn take(syncs: &dyn SyncStore, hold: &NewHold) -> Outcome<Hold> {
    match syncs.acquire(hold).await? {
        Acquired::Held(hold) => Ok(*hold),
        busy @ Acquired::Busy { .. } => Err(Failure::new(format!("the target has to be free: {busy:?}"))),
    }
}

/// Takes a target whose lease is about to end.
async fn take_over(syncs: &dyn SyncStore, hold: &NewHold) -> Outcome<Hold> {
    for _ in 0..ASKED {
        if let Acquired::Held(hold) = syncs.acquire(hold).await? {
            return Ok(*hold);
        }
        a_moment().await;
    }
    Err(Failure::new("the lease of a target never ends"))
}

/// A run under way that holds its target in an entity.
async fn holding(syncs: &dyn SyncStore, sync_id: &str, entity: &str, run: &str) -> Outcome<(Run, Hold)> {
    let run = start(syncs, &NewRun { sync_id: sync_id.into(), ..new_run(run, LONG) }).await?;
    let hold = take(syncs, &new_hold(sync_id, entity, &run, LONG)).await?;
    Ok((run, hold))
}

/// The run "1" of the sync, which holds its target in the entity "E".
async fn at_work(syncs: &dyn SyncStore) -> Outcome<(Run, Hold)> {
    holding(syncs, SYNC, "E", "1").await
}

fn records_of(hold: &Hold) -> EntityRef {
    EntityRef::Id(hold.entity.id)
}

fn progress(hold: &Hold) -> RunTarget {
    RunTarget {
        entity_id: hold.entity.id,
        entity: hold.entity.name.clone(),
        connection_id: hold.entity.connection_id.clone(),
        mode: SyncMode::Incremental,
        source: None,
        cursor_from: None,
        cursor: None,
        complete: false,
        counts: RunCounts::default(),
        bytes: 0,
        errors: Vec::new(),
    }
}

/// A page that writes nothing but the ledger.
fn page(run: &Run, hold: &Hold) -> PageCommit {
    PageCommit {
        target: hold.target,
        fence: hold.fence,
        lease: LONG,
        cursor: None,
        enumeration: EnumerationChange::Keep,
        seen: Vec::new(),
        stakes: Vec::new(),
        dropped: Vec::new(),
        quarantined: Vec::new(),
        settled: Vec::new(),
        ledger: LedgerEntry { run_id: run.id.clone(), attempt: run.attempt, target: progress(hold) },
    }
}

/// A stake that says whose it is, beside a record that was left as it is.
fn stake(external_id: &str, content: &str) -> StakeWrite {
    let keys = [("n", 1_i64), ("text", -2)].map(|(key, order)| (key.to_owned(), KeyStake { order, ..KeyStake::default() }));
    StakeWrite {
        external_id: external_id.into(),
        content: content.into(),
        generation: Some(7),
        created: true,
        version: None,
        keys: BTreeMap::from(keys),
    }
}

fn stakes<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<StakeWrite> {
    ids.into_iter().map(|id| stake(id, "content")).collect()
}

fn set_aside(key: &str) -> NewQuarantined {
    NewQuarantined {
        key: key.into(),
        external_id: Some(format!("id of {key}")),
        raw: json!({ "n": "not a number" }),
        error: "n: not a number".into(),
    }
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

async fn external_ids(syncs: &dyn SyncStore, hold: &Hold) -> Result<Vec<String>> {
    Ok(syncs.list_stakes(hold.target, None, 1_000).await?.into_iter().map(|stake| stake.external_id).collect())
}

/// The target as the list shows it.
async fn info(syncs: &dyn SyncStore, hold: &Hold) -> Outcome<TargetInfo> {
    let found = syncs.list_targets(None).await?.into_iter().find(|target| target.id == hold.target);
    found.ok_or_else(|| Failure::new("the target is not in the list"))
}

/// Takes the refusal of one who no longer may write: trying again does not help.
#[track_caller]
fn too_late<T: Debug>(result: Result<T>) -> Outcome {
    let error = refused(result, ErrorKind::Conflict)?;
    ensure!(!error.is_retryable(), "no retry helps: {error}");
    Ok(())
}
