//! One run after the other: how it begins, gives signs of life, and ends.

use super::{ASKED, LONG, SHORT, SYNC, a_moment, new_run, start, started, syncs, too_late};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use mastra_core::{
    ErrorKind, RecordStore,
    sync::{FinishRun, NewRun, RunError, RunId, RunStart, RunState, RunUpdate, SyncStore},
};
use serde_json::{Value, json};

pub(super) fn finish(state: RunState, output: Option<Value>) -> RunUpdate {
    RunUpdate { finish: Some(FinishRun { state, output, error: None }), ..RunUpdate::default() }
}

/// Waits until the run is seen as lost.
pub(super) async fn is_lost(syncs: &dyn SyncStore, id: &RunId) -> Outcome {
    for _ in 0..ASKED {
        if syncs.get_run(id).await?.state == RunState::Lost {
            return Ok(());
        }
        a_moment().await;
    }
    Err(Failure::new("a run that says nothing is never lost"))
}

/// A run that begins is under way, and is told so to whoever asks.
pub async fn a_run_begins(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    refused(syncs.get_run(&RunId::new("1")).await, ErrorKind::NotFound)?;
    let run = started(syncs, "1").await?;
    ensure_eq!((run.id.as_str(), run.sync_id.as_str(), run.state, run.attempt), ("1", SYNC, RunState::Running, 1), "the run");
    ensure_eq!(run.input_hash, "of the input", "the hash of its input");
    ensure_eq!((run.finished_at, &run.note, &run.output, &run.error), (None, &None, &None, &None), "what is still to come");
    ensure_eq!(run.targets, [], "its targets");
    ensure_eq!(run.started_at, run.heartbeat_at, "the first sign of life");
    let lease = (run.lease_until - run.started_at).to_std().unwrap_or_default();
    ensure_eq!(lease, LONG, "its lease");
    ensure_eq!(syncs.get_run(&run.id).await?, run, "the run as it is read");
    let second = started(syncs, "2").await?;
    ensure!(second.number > run.number, "numbers grow: {} and {}", run.number, second.number);
    Ok(())
}

/// A run that ended with a result answers whoever begins it again, and nothing is begun.
pub async fn a_run_with_a_result_is_answered_with_it(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for state in [RunState::Succeeded, RunState::Partial] {
        let run = started(syncs, state.as_str()).await?;
        syncs.update_run(&run.id, 1, &finish(state, Some(json!({ "count": 3, "of": ["ü"] })))).await?;
        let ended = syncs.get_run(&run.id).await?;
        ensure_eq!((ended.state, &ended.output), (state, &Some(json!({ "count": 3, "of": ["ü"] }))), "how it ended");
        ensure!(ended.finished_at.is_some_and(|at| at >= run.started_at), "when it ended: {:?}", ended.finished_at);
        match syncs.begin_run(&new_run(state.as_str(), LONG)).await? {
            RunStart::Recorded(recorded) => ensure_eq!(recorded, ended, "what is recorded"),
            other => ensure!(false, "a run with a result was begun again: {other:?}"),
        }
        ensure_eq!(syncs.get_run(&run.id).await?, ended, "nothing changed");
    }
    Ok(())
}

/// A run that is under way is not begun a second time.
pub async fn a_run_under_way_is_busy(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = started(syncs, "1").await?;
    match syncs.begin_run(&new_run("1", LONG)).await? {
        RunStart::Busy(busy) => ensure_eq!(busy, run, "the run that is under way"),
        other => ensure!(false, "a run under way was begun again: {other:?}"),
    }
    ensure_eq!(syncs.get_run(&run.id).await?, run, "nothing changed");
    Ok(())
}

/// A run without a result, or that was lost, is begun again as its next attempt; the earlier one writes no more.
pub async fn a_run_without_a_result_is_begun_again(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for state in [RunState::Failed, RunState::Cancelled, RunState::TimedOut] {
        let id = state.as_str();
        let first = started(syncs, id).await?;
        let error = Some(RunError { kind: "failed".into(), message: "it's \"no\" use".into() });
        let note = Some("half-way".to_owned());
        let end = RunUpdate { note, finish: Some(FinishRun { state, output: None, error: error.clone() }), lease: None };
        syncs.update_run(&first.id, 1, &end).await?;
        let ended = syncs.get_run(&first.id).await?;
        ensure_eq!((ended.state, &ended.error, ended.note.as_deref()), (state, &error, Some("half-way")), "how it ended");
        let again = start(syncs, &new_run(id, LONG)).await?;
        ensure_eq!((again.attempt, again.number, again.state), (2, first.number, RunState::Running), "the next attempt");
        let clean = (again.finished_at, &again.note, &again.output, &again.error, again.targets.len());
        ensure_eq!(clean, (None, &None, &None, &None, 0), "what the next attempt begins with");
        ensure!(again.revision > ended.revision, "the revision grows");
        ensure!(again.started_at >= first.started_at, "when the next attempt began");
        ensure_eq!(syncs.get_run(&first.id).await?, again, "the run as it is read");
        too_late(syncs.update_run(&first.id, 1, &finish(RunState::Succeeded, None)).await)?;
        ensure_eq!(syncs.get_run(&first.id).await?, again, "the first attempt wrote nothing");
        syncs.update_run(&first.id, 2, &finish(RunState::Succeeded, None)).await?;
    }
    Ok(())
}

/// A run that says nothing for longer than its lease is lost, whoever asks, and can be begun again.
pub async fn a_silent_run_is_lost(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = start(syncs, &new_run("1", SHORT)).await?;
    is_lost(syncs, &run.id).await?;
    let lost = syncs.get_run(&run.id).await?;
    ensure_eq!((lost.finished_at, lost.revision), (None, run.revision), "nobody wrote that it is lost");
    let again = start(syncs, &new_run("1", LONG)).await?;
    ensure_eq!((again.attempt, again.state), (2, RunState::Running), "the next attempt");
    too_late(syncs.update_run(&run.id, 1, &RunUpdate { lease: Some(LONG), ..RunUpdate::default() }).await)?;
    Ok(())
}

/// A sign of life prolongs the lease where it says so, and a run that was thought lost lives again.
pub async fn signs_of_life_prolong_the_lease(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = started(syncs, "1").await?;
    let noted = RunUpdate { note: Some("page 1".into()), ..RunUpdate::default() };
    syncs.update_run(&run.id, 1, &noted).await?;
    let first = syncs.get_run(&run.id).await?;
    ensure_eq!((first.note.as_deref(), first.lease_until, first.state), (Some("page 1"), run.lease_until, run.state), "a note");
    ensure!(first.heartbeat_at >= run.heartbeat_at && first.revision > run.revision, "a sign of life: {first:?}");
    ensure_eq!(first.started_at, run.started_at, "when it began");
    syncs.update_run(&run.id, 1, &RunUpdate { lease: Some(SHORT), ..RunUpdate::default() }).await?;
    is_lost(syncs, &run.id).await?;
    let silent = syncs.get_run(&run.id).await?;
    ensure_eq!(silent.note.as_deref(), Some("page 1"), "the note stays");
    syncs.update_run(&run.id, 1, &RunUpdate { lease: Some(LONG), ..RunUpdate::default() }).await?;
    let alive = syncs.get_run(&run.id).await?;
    ensure_eq!((alive.state, alive.attempt), (RunState::Running, 1), "it lives again");
    ensure!(alive.revision > silent.revision && alive.lease_until > silent.lease_until, "a longer lease: {alive:?}");
    Ok(())
}

/// A run ends once.
pub async fn a_run_that_ended_is_written_no_more(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = started(syncs, "1").await?;
    syncs.update_run(&run.id, 1, &finish(RunState::Cancelled, None)).await?;
    let ended = syncs.get_run(&run.id).await?;
    too_late(syncs.update_run(&run.id, 1, &finish(RunState::Succeeded, Some(json!(1)))).await)?;
    too_late(syncs.update_run(&run.id, 1, &RunUpdate { note: Some("late".into()), ..RunUpdate::default() }).await)?;
    ensure_eq!(syncs.get_run(&run.id).await?, ended, "the run");
    let other = started(syncs, "2").await?;
    for attempt in [0, 2, u32::MAX] {
        too_late(syncs.update_run(&other.id, attempt, &finish(RunState::Succeeded, None)).await)?;
    }
    ensure_eq!(syncs.get_run(&other.id).await?, other, "a run whose attempt this is not");
    refused(syncs.update_run(&RunId::new("3"), 1, &finish(RunState::Failed, None)).await, ErrorKind::NotFound)?;
    Ok(())
}

/// An id names one run: of one sync, with one input.
pub async fn a_run_id_belongs_to_one_sync_and_input(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = started(syncs, "1").await?;
    let others = [
        NewRun { sync_id: "another".into(), ..new_run("1", LONG) },
        NewRun { input_hash: "of another input".into(), ..new_run("1", LONG) },
    ];
    for state in [None, Some(RunState::Failed), Some(RunState::Succeeded)] {
        if let Some(state) = state {
            let attempt = start_if_ended(syncs).await?;
            syncs.update_run(&run.id, attempt, &finish(state, None)).await?;
        }
        let before = syncs.get_run(&run.id).await?;
        for other in &others {
            too_late(syncs.begin_run(other).await)?;
        }
        ensure_eq!(syncs.get_run(&run.id).await?, before, "the run");
    }
    Ok(())
}

/// The attempt of the run "1" that is under way; another one where none is.
async fn start_if_ended(syncs: &dyn SyncStore) -> Outcome<u32> {
    Ok(match syncs.begin_run(&new_run("1", LONG)).await? {
        RunStart::Started(run) | RunStart::Busy(run) | RunStart::Recorded(run) => run.attempt,
    })
}
