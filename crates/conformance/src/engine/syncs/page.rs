//! What commits with a page: all of it, or nothing.

use super::runs::finish;
use super::{
    LONG, SHORT, at_work, external_ids, info, new_hold, new_run, page, progress, records_of, set_aside, stake, stakes, start,
    started, strings, syncs, take, take_over, too_late,
};
use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::put;
use mastra_core::{
    ErrorKind, RecordStore,
    sync::{
        EnumerationChange, ErrorSample, Hold, MAX_SYNC_PAGE, PageCommit, QuarantineQuery, Run, RunCounts, RunId, RunState,
        RunTarget, RunUpdate, StakeWrite, SyncMode, SyncStore, Unseen,
    },
};
use serde_json::json;

/// A page in which everything stands.
pub(super) fn full(run: &Run, hold: &Hold) -> PageCommit {
    let mut all = page(run, hold);
    all.cursor = Some("it's \"1\"".into());
    all.enumeration = EnumerationChange::Begin;
    all.seen = strings(["a", "b", "a"]);
    all.stakes = stakes(["a", "z"]);
    all.dropped = strings(["never"]);
    all.quarantined = vec![set_aside("q")];
    all.settled = strings(["never"]);
    all.ledger.target.counts.read = 3;
    all
}

/// Everything that a page writes, to compare what stood before with what stands behind.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    target: mastra_core::sync::TargetInfo,
    stakes: Vec<mastra_core::sync::Stake>,
    unseen: Vec<mastra_core::sync::Stake>,
    set_aside: Vec<mastra_core::sync::Quarantined>,
    runs: Vec<Run>,
}

pub(super) async fn written(syncs: &dyn SyncStore, hold: &Hold) -> Outcome<Written> {
    Ok(Written {
        target: info(syncs, hold).await?,
        stakes: syncs.list_stakes(hold.target, None, 1_000).await?,
        unseen: syncs.list_unseen(hold.target, 1_000).await?,
        set_aside: syncs.list_quarantined(&QuarantineQuery::default()).await?,
        runs: syncs.list_runs(&mastra_core::sync::RunQuery::default()).await?,
    })
}

/// Cursor, enumeration, stakes, what was set aside and the ledger are written by one call.
pub async fn a_page_is_written_whole(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let all = full(&run, &hold);
    syncs.commit_page(&all).await?;
    let now = written(syncs, &hold).await?;
    let state = &now.target.state;
    ensure_eq!((state.cursor.as_deref(), state.quarantined, now.target.stakes), (Some("it's \"1\""), 1, 2), "the target");
    let enumeration = state.enumeration.as_ref().map(|one| (one.cursor.clone(), one.read));
    ensure_eq!(enumeration, Some((None, false)), "the enumeration");
    ensure!(now.target.holder.as_ref().is_some_and(|(run_id, _)| *run_id == run.id), "who holds it: {:?}", now.target.holder);
    ensure_eq!(external_ids(syncs, &hold).await?, ["a", "z"], "stakes");
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen { stakes: 2, unseen: 1 }, "seen");
    ensure_eq!(now.set_aside.len(), 1, "set aside");
    let ledger = now.runs.first().map(|run| run.targets.clone());
    ensure_eq!(ledger, Some(vec![all.ledger.target]), "the ledger");
    Ok(())
}

/// A page that has nothing to write is a sign of life, and leaves all else as it is.
pub async fn an_empty_page_changes_nothing_else(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.commit_page(&full(&run, &hold)).await?;
    let before = written(syncs, &hold).await?;
    let entity = store.resolve_entity(&records_of(&hold)).await?;
    let mut empty = page(&run, &hold);
    empty.ledger.target.counts.read = 3;
    syncs.commit_page(&empty).await?;
    let mut after = written(syncs, &hold).await?;
    let (first, second) = (before.runs.first(), after.runs.first());
    ensure!(
        first
            .zip(second)
            .is_some_and(|(first, second)| second.revision > first.revision && second.heartbeat_at >= first.heartbeat_at),
        "a sign of life: {second:?}"
    );
    ensure_eq!(second.map(|run| &run.targets), first.map(|run| &run.targets), "what the ledger says of the target");
    after.runs.clone_from(&before.runs);
    after.target.holder.clone_from(&before.target.holder);
    ensure_eq!(after, before, "everything else");
    ensure_eq!(store.resolve_entity(&records_of(&hold)).await?, entity, "the entity");
    Ok(())
}

/// The cursor is the entity's too, and stays where a page has none.
pub async fn the_cursor_is_the_entitys_too(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let steps = [(None, None), (Some("1"), Some("1")), (None, Some("1")), (Some(""), Some("")), (Some("2"), Some("2"))];
    for (cursor, expected) in steps {
        let mut next = page(&run, &hold);
        next.cursor = cursor.map(str::to_owned);
        syncs.commit_page(&next).await?;
        let entity = store.resolve_entity(&records_of(&hold)).await?;
        let target = info(syncs, &hold).await?;
        ensure_eq!(target.state.cursor.as_deref(), expected, "the target's cursor behind {cursor:?}");
        ensure_eq!(entity.last_sync_id.as_deref(), expected, "the entity's behind {cursor:?}");
        ensure_eq!(target.entity, entity, "the entity of the list");
    }
    Ok(())
}

/// What the ledger says of a target takes the place of what stood there, beside the run's other targets.
pub async fn the_ledger_tells_what_a_run_did(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let other = take(syncs, &new_hold("a-sync", "F", &run, LONG)).await?;
    syncs.commit_page(&page(&run, &hold)).await?;
    syncs.commit_page(&page(&run, &other)).await?;
    let samples = vec![
        ErrorSample { external_id: Some("it's".into()), message: "n: \"not\" a number".into() },
        ErrorSample { external_id: None, message: "ünreadable".into() },
    ];
    let told = RunTarget {
        mode: SyncMode::ReplaceScope,
        source: Some("jsonl".into()),
        cursor_from: Some("1".into()),
        cursor: Some("2".into()),
        complete: true,
        counts: RunCounts { read: 6, created: 5, updated: 4, unchanged: 3, deleted: 2, failed: u64::from(u32::MAX) },
        bytes: 1 << 50,
        errors: samples,
        ..progress(&hold)
    };
    let mut second = page(&run, &hold);
    second.ledger.target = told.clone();
    syncs.commit_page(&second).await?;
    let after = syncs.get_run(&run.id).await?;
    ensure_eq!(after.targets, [told, progress(&other)], "targets, in the order in which the run began with them");
    ensure!(after.revision > run.revision + 2, "every page is a change: {} and {}", run.revision, after.revision);
    for mode in [SyncMode::Incremental, SyncMode::Full, SyncMode::Append] {
        let mut next = page(&run, &other);
        next.ledger.target.mode = mode;
        syncs.commit_page(&next).await?;
        let mode_now = syncs.get_run(&run.id).await?.targets.get(1).map(|target| target.mode);
        ensure_eq!(mode_now, Some(mode), "the mode");
    }
    Ok(())
}

/// Another attempt begins with an empty page of the ledger, and what the earlier one wrote stays.
pub async fn another_attempt_goes_on(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.commit_page(&full(&run, &hold)).await?;
    let before = written(syncs, &hold).await?;
    syncs.release(&hold).await?;
    syncs.update_run(&run.id, 1, &finish(RunState::Failed, None)).await?;
    let again = start(syncs, &new_run("1", LONG)).await?;
    ensure_eq!(again.targets, [], "what the next attempt did so far");
    let held = take(syncs, &new_hold("a-sync", "E", &again, LONG)).await?;
    ensure_eq!(held.state, before.target.state, "where it goes on");
    syncs.commit_page(&page(&again, &held)).await?;
    let after = written(syncs, &held).await?;
    ensure_eq!(
        (after.stakes, after.unseen, after.set_aside),
        (before.stakes, before.unseen, before.set_aside),
        "what was written"
    );
    Ok(())
}

/// Who was overtaken writes nothing, whatever the page holds.
pub async fn an_overtaken_holder_writes_nothing(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let second = started(syncs, "2").await?;
    syncs.extend_hold(&hold, SHORT).await?;
    let taken = take_over(syncs, &new_hold("a-sync", "E", &second, LONG)).await?;
    let before = written(syncs, &taken).await?;
    too_late(syncs.commit_page(&full(&run, &hold)).await)?;
    for fence in [taken.fence - 2, taken.fence + 1, i64::MIN, i64::MAX] {
        too_late(syncs.commit_page(&PageCommit { fence, ..full(&second, &taken) }).await)?;
    }
    ensure_eq!(written(syncs, &taken).await?, before, "everything");
    let entity = store.resolve_entity(&records_of(&taken)).await?;
    ensure_eq!(entity.last_sync_id, None, "the entity's cursor");
    Ok(())
}

/// An attempt that was begun again, or that has ended, writes nothing, though it still holds the target.
pub async fn an_earlier_attempt_writes_nothing(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.update_run(&run.id, 1, &finish(RunState::Failed, None)).await?;
    let before = written(syncs, &hold).await?;
    too_late(syncs.commit_page(&full(&run, &hold)).await)?;
    ensure_eq!(written(syncs, &hold).await?, before, "everything, of a run that has ended");
    let again = start(syncs, &new_run("1", LONG)).await?;
    let before = written(syncs, &hold).await?;
    too_late(syncs.commit_page(&full(&run, &hold)).await)?;
    let mut future = full(&again, &hold);
    future.ledger.attempt = 3;
    too_late(syncs.commit_page(&future).await)?;
    ensure_eq!(written(syncs, &hold).await?, before, "everything, of a run that was begun again");
    let mut nobody = full(&again, &hold);
    nobody.ledger.run_id = RunId::new("never begun");
    refused(syncs.commit_page(&nobody).await, ErrorKind::NotFound)?;
    ensure_eq!(written(syncs, &hold).await?, before, "everything, of a run that is not there");
    syncs.commit_page(&full(&again, &hold)).await?;
    Ok(())
}

/// A run that was silent for too long goes on where nobody began it again.
pub async fn a_silent_run_may_still_write(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.update_run(&run.id, 1, &RunUpdate { lease: Some(SHORT), ..RunUpdate::default() }).await?;
    super::runs::is_lost(syncs, &run.id).await?;
    syncs.commit_page(&full(&run, &hold)).await?;
    ensure_eq!(syncs.get_run(&run.id).await?.targets.len(), 1, "what the ledger says of it");
    Ok(())
}

/// A page may hold as many records as the law says, and may hold none.
pub async fn the_largest_page_is_written(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let ids: Vec<String> = (0..MAX_SYNC_PAGE).map(|n| format!("{n:05}")).collect();
    put(store, &records_of(&hold), ids.iter().map(|id| (id.as_str(), json!({})))).await?;
    let mut largest = page(&run, &hold);
    largest.enumeration = EnumerationChange::Begin;
    largest.seen.clone_from(&ids);
    largest.stakes = ids.iter().map(|id| StakeWrite { generation: None, ..stake(id, "content") }).collect();
    largest.quarantined = ids.iter().map(|id| set_aside(id)).collect();
    syncs.commit_page(&largest).await?;
    ensure_eq!(info(syncs, &hold).await?.state.quarantined, ids.len() as u64, "set aside");
    let all = Unseen { stakes: ids.len() as u64, unseen: 0 };
    ensure_eq!(syncs.count_unseen(hold.target).await?, all, "seen");
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &ids).await?;
    ensure_eq!(views.len(), ids.len(), "what is read");
    let wrong = views.iter().zip(&ids).find(|(view, id)| {
        let generations = (view.own.as_ref().map(|stake| stake.generation), view.record.map(|record| record.generation));
        view.external_id != **id || generations.0.is_none() || generations.0 != generations.1
    });
    ensure!(wrong.is_none(), "a record whose stake is another's, or is missing: {wrong:?}");
    let most = u32::try_from(MAX_SYNC_PAGE).unwrap_or(u32::MAX);
    ensure_eq!(syncs.list_stakes(hold.target, None, most).await?.len(), ids.len(), "stakes listed");
    let mut end = page(&run, &hold);
    end.enumeration = EnumerationChange::Begin;
    end.dropped.clone_from(&ids);
    end.settled = ids;
    syncs.commit_page(&end).await?;
    let after = info(syncs, &hold).await?;
    ensure_eq!((after.stakes, after.state.quarantined), (0, 0), "what is left");
    Ok(())
}
