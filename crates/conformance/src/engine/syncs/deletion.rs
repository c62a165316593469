//! What is left of syncs where an entity, or its records, go.

use super::page::full;
use super::runs::finish;
use super::{LONG, at_work, external_ids, holding, info, new_hold, page, records_of, stakes, strings, syncs, take, too_late};
use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{put, there};
use mastra_core::{
    ErrorKind, PurgeOptions, RecordSelector, RecordStore,
    sync::{QuarantineQuery, RunState, TargetState, Unseen},
};
use serde_json::json;

/// An entity takes along where syncs stood with it, and what they wrote and set aside; the ledger stays.
pub async fn a_deleted_entity_takes_its_targets_along(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let (other, its) = holding(syncs, "another", "E", "2").await?;
    let elsewhere = take(syncs, &new_hold("a-sync", "F", &run, LONG)).await?;
    put(store, &records_of(&hold), [("a", json!({ "n": 1 }))]).await?;
    for (run, hold) in [(&run, &hold), (&other, &its), (&run, &elsewhere)] {
        syncs.commit_page(&full(run, hold)).await?;
    }
    let before = syncs.list_runs(&mastra_core::sync::RunQuery::default()).await?;
    let kept = info(syncs, &elsewhere).await?;
    store.delete_entity_by_id(hold.entity.id).await?;
    ensure_eq!(syncs.list_targets(None).await?, [kept], "targets");
    for gone in [&hold, &its] {
        ensure_eq!(external_ids(syncs, gone).await?, [""; 0], "stakes");
        ensure_eq!(syncs.list_unseen(gone.target, 10).await?, [], "unseen stakes");
        ensure_eq!(syncs.count_unseen(gone.target).await?, Unseen::default(), "unseen stakes, in numbers");
        too_late(syncs.extend_hold(gone, LONG).await)?;
        syncs.release(gone).await?;
    }
    too_late(syncs.commit_page(&full(&run, &hold)).await)?;
    let aside: Vec<_> = syncs.list_quarantined(&QuarantineQuery::default()).await?.iter().map(|item| item.target).collect();
    ensure_eq!(aside, [elsewhere.target], "what was set aside");
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a"])).await?;
    ensure!(views.iter().all(|view| view.record.is_none() && view.own.is_none() && view.others.is_empty()), "known: {views:?}");
    ensure_eq!(syncs.list_runs(&mastra_core::sync::RunQuery::default()).await?, before, "the ledger");
    syncs.commit_page(&page(&run, &elsewhere)).await?;
    Ok(())
}

/// An entity of the same name is another one, with which the sync begins at the beginning.
pub async fn an_entity_made_again_begins_anew(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    syncs.commit_page(&full(&run, &hold)).await?;
    store.delete_entity_by_id(hold.entity.id).await?;
    let fresh = take(syncs, &new_hold("a-sync", "E", &run, LONG)).await?;
    ensure!(fresh.entity.id != hold.entity.id && fresh.target != hold.target, "another entity, another target: {fresh:?}");
    ensure_eq!(fresh.state, TargetState::default(), "where the sync stands");
    ensure_eq!(external_ids(syncs, &fresh).await?, [""; 0], "its stakes");
    too_late(syncs.commit_page(&page(&run, &hold)).await)?;
    syncs.commit_page(&page(&run, &fresh)).await?;
    let run = syncs.get_run(&run.id).await?;
    let entities: Vec<_> = run.targets.iter().map(|target| target.entity_id).collect();
    ensure_eq!(entities, [hold.entity.id, fresh.entity.id], "what the run wrote, the deleted one too");
    syncs.update_run(&run.id, 1, &finish(RunState::Succeeded, None)).await?;
    Ok(())
}

/// Purging removes deleted records and leaves the stakes in them, which their sync gives up itself.
pub async fn stakes_outlive_purged_records(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let entity = records_of(&hold);
    put(store, &entity, [("a", json!({})), ("b", json!({}))]).await?;
    let mut first = page(&run, &hold);
    first.stakes = stakes(["a", "b"]);
    syncs.commit_page(&first).await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(strings(["a"]))).await?;
    ensure_eq!(store.purge_records(&entity, &PurgeOptions::default()).await?.deleted, 1, "records purged");
    ensure_eq!(external_ids(syncs, &hold).await?, ["a", "b"], "stakes");
    ensure_eq!(info(syncs, &hold).await?.stakes, 2, "stakes, as the target counts them");
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a", "b"])).await?;
    let told: Vec<(bool, bool)> = views.iter().map(|view| (view.record.is_some(), view.own.is_some())).collect();
    ensure_eq!(told, [(false, true), (true, true)], "record and stake of each");
    // A record that comes again is another one.
    put(store, &entity, [("a", json!({ "again": true }))]).await?;
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a"])).await?;
    let record = there(store, &entity, "a").await?;
    let (mark, own) = views.first().map_or((None, None), |view| (view.record, view.own.as_ref()));
    ensure_eq!(mark.map(|mark| (mark.id, mark.generation)), Some((record.id, record.generation)), "the new record");
    ensure_eq!(own.map(|stake| stake.generation), Some(7), "the stake in the old one");
    let mut second = page(&run, &hold);
    second.dropped = strings(["a"]);
    syncs.commit_page(&second).await?;
    ensure_eq!(external_ids(syncs, &hold).await?, ["b"], "what is left");
    Ok(())
}

/// What is asked of a target that was never there.
pub async fn a_target_that_is_not_there(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, mut hold) = at_work(syncs).await?;
    let mut first = page(&run, &hold);
    first.stakes = stakes(["a"]);
    syncs.commit_page(&first).await?;
    hold.target = mastra_core::sync::TargetId::new(i64::MAX);
    too_late(syncs.extend_hold(&hold, LONG).await)?;
    too_late(syncs.commit_page(&full(&run, &hold)).await)?;
    syncs.release(&hold).await?;
    ensure_eq!(external_ids(syncs, &hold).await?, [""; 0], "stakes");
    ensure_eq!(syncs.count_unseen(hold.target).await?, Unseen::default(), "unseen stakes");
    let views = syncs.read_stakes(hold.entity.id, Some(hold.target), &strings(["a"])).await?;
    let told: Vec<(bool, usize)> = views.iter().map(|view| (view.own.is_some(), view.others.len())).collect();
    ensure_eq!(told, [(false, 1)], "own stake and others'");
    refused(store.delete_entity_by_id(mastra_core::EntityId::generate()).await, ErrorKind::NotFound)?;
    Ok(())
}
