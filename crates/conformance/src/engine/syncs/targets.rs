//! Who may write: a target is held by one run, until it lets go or its lease ends.

use super::{
    LONG, SHORT, SYNC, at_work, holding, info, new_hold, page, set_aside, stakes, started, syncs, take, take_over, too_late,
};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::{CONNECTION, filled};
use mastra_core::{
    RecordStore,
    sync::{Acquired, EnumerationChange, Hold, NewHold, Run, SyncStore, TargetState},
};
use serde_json::json;

/// Who holds the target, where this one is refused it.
async fn busy_with(syncs: &dyn SyncStore, hold: &NewHold) -> Outcome<String> {
    match syncs.acquire(hold).await? {
        Acquired::Busy { run_id, .. } => Ok(run_id.as_str().to_owned()),
        held @ Acquired::Held(_) => Err(Failure::new(format!("two runs hold one target: {held:?}"))),
    }
}

/// Taking a target creates it, and its entity, where they are not there.
pub async fn a_target_is_created_on_first_use(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    ensure_eq!((hold.entity.name.as_str(), hold.entity.connection_id.as_str()), ("E", CONNECTION), "the entity");
    ensure_eq!(store.resolve_entity(&super::records_of(&hold)).await?, hold.entity, "the entity as it is read");
    ensure_eq!(hold.state, TargetState::default(), "where the sync stands");
    let known = filled(store, "F", [("a", json!({ "n": 1 }))]).await?;
    let other = take(syncs, &new_hold(SYNC, "F", &run, LONG)).await?;
    ensure_eq!(super::records_of(&other), known, "an entity that was there");
    ensure_eq!(other.entity, store.resolve_entity(&known).await?, "the entity is left as it is");
    ensure!(other.target != hold.target, "two entities are two targets");
    Ok(())
}

/// Nobody takes what a run that is alive holds: not another run, and not the same one once more.
pub async fn a_held_target_is_busy(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let second = started(syncs, "2").await?;
    match syncs.acquire(&new_hold(SYNC, "E", &second, LONG)).await? {
        Acquired::Busy { run_id, until } => {
            ensure_eq!(run_id, run.id, "who holds it");
            ensure!(until > run.started_at, "until when: {until}");
        }
        held @ Acquired::Held(_) => ensure!(false, "two runs hold one target: {held:?}"),
    }
    ensure_eq!(busy_with(syncs, &new_hold(SYNC, "E", &run, LONG)).await?, "1", "for the run that holds it");
    syncs.commit_page(&page(&run, &hold)).await?;
    // Other syncs have targets of their own.
    let other = take(syncs, &new_hold("another", "E", &second, LONG)).await?;
    ensure!(other.target != hold.target && other.entity.id == hold.entity.id, "another sync's target: {other:?}");
    Ok(())
}

/// What was let go can be taken at once, with a greater fence; letting go twice does no harm.
pub async fn a_target_that_was_let_go_is_free(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.release(&hold).await?;
    ensure_eq!(info(syncs, &hold).await?.holder, None, "who holds it");
    syncs.release(&hold).await?;
    too_late(syncs.extend_hold(&hold, LONG).await)?;
    too_late(syncs.commit_page(&page(&run, &hold)).await)?;
    let second = started(syncs, "2").await?;
    let taken = take(syncs, &new_hold(SYNC, "E", &second, LONG)).await?;
    ensure_eq!(taken.target, hold.target, "the target stays");
    ensure!(taken.fence > hold.fence, "fences grow: {} and {}", hold.fence, taken.fence);
    // Who let go, and does it once more, takes nothing from the next one.
    syncs.release(&hold).await?;
    ensure_eq!(busy_with(syncs, &new_hold(SYNC, "E", &run, LONG)).await?, "2", "who holds it");
    too_late(syncs.extend_hold(&hold, LONG).await)?;
    syncs.commit_page(&page(&second, &taken)).await?;
    Ok(())
}

/// The first run's hold, whose lease has ended, and the second run's.
async fn overtaken(syncs: &dyn SyncStore) -> Outcome<((Run, Hold), (Run, Hold))> {
    let (run, hold) = at_work(syncs).await?;
    let second = started(syncs, "2").await?;
    syncs.extend_hold(&hold, SHORT).await?;
    let taken = take_over(syncs, &new_hold(SYNC, "E", &second, LONG)).await?;
    Ok(((run, hold), (second, taken)))
}

/// Whose lease ended is overtaken, and learns it: nothing of the old holder counts any more.
pub async fn a_lapsed_target_is_taken_over(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let ((first, old), (second, new)) = overtaken(syncs).await?;
    ensure_eq!(new.target, old.target, "the target");
    ensure!(new.fence > old.fence, "fences grow: {} and {}", old.fence, new.fence);
    too_late(syncs.extend_hold(&old, LONG).await)?;
    too_late(syncs.commit_page(&page(&first, &old)).await)?;
    syncs.release(&old).await?;
    ensure_eq!(busy_with(syncs, &new_hold(SYNC, "E", &first, LONG)).await?, "2", "who holds it");
    syncs.commit_page(&page(&second, &new)).await?;
    Ok(())
}

/// A lease that ended decides nothing by itself: who holds the target still may write, and prolong it, until another one takes it.
pub async fn the_fence_decides_and_not_the_clock(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let run = started(syncs, "1").await?;
    for entity in ["E", "F"] {
        let hold = take(syncs, &new_hold(SYNC, entity, &run, SHORT)).await?;
        tokio::time::sleep(SHORT * 5).await;
        match entity {
            "E" => syncs.extend_hold(&hold, LONG).await?,
            _ => syncs.commit_page(&page(&run, &hold)).await?,
        }
        ensure_eq!(busy_with(syncs, &new_hold(SYNC, entity, &run, LONG)).await?, "1", "who holds it again");
        syncs.commit_page(&page(&run, &hold)).await?;
    }
    Ok(())
}

/// A page prolongs the hold by the lease that it names.
pub async fn a_page_prolongs_the_hold(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let mut last = page(&run, &hold);
    last.lease = SHORT;
    syncs.commit_page(&last).await?;
    let second = started(syncs, "2").await?;
    take_over(syncs, &new_hold(SYNC, "E", &second, LONG)).await?;
    Ok(())
}

/// Whoever takes a target is told where the sync stands with it.
pub async fn a_hold_tells_where_the_sync_stands(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let mut first = page(&run, &hold);
    first.cursor = Some("page 1".into());
    first.enumeration = EnumerationChange::Begin;
    first.quarantined = vec![set_aside("x"), set_aside("y")];
    syncs.commit_page(&first).await?;
    let mut second = page(&run, &hold);
    second.enumeration = EnumerationChange::Advance(Some("next".into()));
    syncs.commit_page(&second).await?;
    let expected = info(syncs, &hold).await?.state;
    ensure_eq!((expected.cursor.as_deref(), expected.quarantined), (Some("page 1"), 2), "cursor and items set aside");
    let enumeration = expected.enumeration.as_ref().map(|one| (one.cursor.as_deref(), one.read));
    ensure_eq!(enumeration, Some((Some("next"), false)), "the enumeration");
    syncs.release(&hold).await?;
    let again = take(syncs, &new_hold(SYNC, "E", &run, LONG)).await?;
    ensure_eq!(again.state, expected, "where the sync stands, as the next holder is told");
    ensure_eq!(again.entity, store.resolve_entity(&super::records_of(&hold)).await?, "the entity as it is now");
    Ok(())
}

/// Targets are listed in order of sync, connection and entity, with what stands in them and who holds them.
pub async fn targets_are_listed(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    ensure_eq!(syncs.list_targets(None).await?, [], "no targets");
    let (run, hold) = holding(syncs, "b", "Z", "1").await?;
    for (sync_id, connection_id, entity) in [("b", CONNECTION, "é"), ("b", "a", "z"), ("b", CONNECTION, "a"), ("a", "z", "z")] {
        let new = NewHold { connection_id: connection_id.into(), ..new_hold(sync_id, entity, &run, LONG) };
        syncs.release(&take(syncs, &new).await?).await?;
    }
    let mut full = page(&run, &hold);
    full.stakes = stakes(["a", "b", "c"]);
    full.quarantined = vec![set_aside("x")];
    full.cursor = Some("c".into());
    syncs.commit_page(&full).await?;
    let all = syncs.list_targets(None).await?;
    let names: Vec<[&str; 3]> = all
        .iter()
        .map(|target| [target.sync_id.as_str(), target.entity.connection_id.as_str(), target.entity.name.as_str()])
        .collect();
    let expected = [["a", "z", "z"], ["b", "a", "z"], ["b", CONNECTION, "Z"], ["b", CONNECTION, "a"], ["b", CONNECTION, "é"]];
    ensure_eq!(names, expected, "the order");
    ensure_eq!(syncs.list_targets(Some("a")).await?.as_slice(), all.get(..1).unwrap_or_default(), "those of one sync");
    ensure_eq!(syncs.list_targets(Some("A")).await?, [], "those of no sync");
    let info = info(syncs, &hold).await?;
    ensure_eq!(info.entity, store.resolve_entity(&super::records_of(&hold)).await?, "the entity");
    ensure_eq!((info.stakes, info.state.quarantined, info.state.cursor.as_deref()), (3, 1, Some("c")), "what stands in it");
    ensure_eq!(info.holder.map(|(run_id, _)| run_id), Some(run.id), "who holds it");
    let others = all.iter().filter(|target| target.id != hold.target);
    let empty: Vec<_> = others.map(|target| (target.stakes, target.state.clone(), target.holder.clone())).collect();
    ensure_eq!(empty, vec![(0, TargetState::default(), None); 4], "the others");
    Ok(())
}
