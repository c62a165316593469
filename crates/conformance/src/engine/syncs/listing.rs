//! The ledger as a whole: what lists show, and what is removed from it.

use super::runs::{finish, is_lost};
use super::{LONG, SHORT, at_work, new_run, page, start, started, syncs, take};
use crate::failure::{Outcome, ensure, ensure_eq};
use mastra_core::{
    RecordStore,
    sync::{NewRun, PruneRuns, RunId, RunQuery, RunState, SyncStore},
    time::now,
};

async fn listed(syncs: &dyn SyncStore, query: &RunQuery) -> Outcome<Vec<String>> {
    Ok(syncs.list_runs(query).await?.into_iter().map(|run| run.id.as_str().to_owned()).collect())
}

async fn of_sync(syncs: &dyn SyncStore, sync_id: &str, id: &str) -> Outcome<RunId> {
    Ok(start(syncs, &NewRun { sync_id: sync_id.into(), ..new_run(id, LONG) }).await?.id)
}

/// Lists begin with the newest run, narrow by what they are asked, and go on behind a page.
pub async fn runs_are_listed(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    ensure_eq!(listed(syncs, &RunQuery::default()).await?, [""; 0], "an empty ledger");
    for (sync_id, id) in [("a", "z"), ("b", "1"), ("a", "m"), ("a", "0"), ("b", "2")] {
        of_sync(syncs, sync_id, id).await?;
    }
    syncs.update_run(&RunId::new("m"), 1, &finish(RunState::Failed, None)).await?;
    let all = RunQuery::default();
    ensure_eq!(listed(syncs, &all).await?, ["2", "0", "m", "1", "z"], "all of them");
    let of_a = RunQuery { sync_id: Some("a".into()), ..all.clone() };
    ensure_eq!(listed(syncs, &of_a).await?, ["0", "m", "z"], "those of one sync");
    ensure_eq!(listed(syncs, &RunQuery { sync_id: Some("A".into()), ..all.clone() }).await?, [""; 0], "those of no sync");
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = syncs.list_runs(&RunQuery { before, limit: Some(2), ..all.clone() }).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        pages.push(page.into_iter().map(|run| run.id.as_str().to_owned()).collect::<Vec<_>>());
        ensure!(pages.len() < 9, "pages come to no end: {pages:?}");
    }
    ensure_eq!(pages, [vec!["2", "0"], vec!["m", "1"], vec!["z"]], "pages");
    // A run that is begun again stays where it stands.
    start(syncs, &NewRun { sync_id: "a".into(), ..new_run("m", LONG) }).await?;
    ensure_eq!(listed(syncs, &all).await?, ["2", "0", "m", "1", "z"], "with another attempt");
    Ok(())
}

/// A list that says nothing of its length holds the fifty newest.
pub async fn a_list_of_runs_is_bounded(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for n in 0..53 {
        started(syncs, &n.to_string()).await?;
    }
    let expected: Vec<String> = (3..53).rev().map(|n| n.to_string()).collect();
    ensure_eq!(listed(syncs, &RunQuery::default()).await?, expected, "a list without a limit");
    Ok(())
}

/// A list of runs in a state goes by how they are seen now.
pub async fn runs_are_listed_by_state(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let ends =
        [RunState::Succeeded, RunState::Partial, RunState::Failed, RunState::Cancelled, RunState::TimedOut, RunState::Running];
    for state in ends {
        let run = started(syncs, state.as_str()).await?;
        if state != RunState::Running {
            syncs.update_run(&run.id, 1, &finish(state, None)).await?;
        }
    }
    let lost = start(syncs, &new_run("lost", SHORT)).await?;
    is_lost(syncs, &lost.id).await?;
    for state in RunState::ALL {
        let found = syncs.list_runs(&RunQuery { state: Some(state), ..RunQuery::default() }).await?;
        let found: Vec<(&str, RunState)> = found.iter().map(|run| (run.id.as_str(), run.state)).collect();
        ensure_eq!(found, [(state.as_str(), state)], "runs that are {state:?}");
    }
    let both = RunQuery { state: Some(RunState::Running), limit: Some(1), ..RunQuery::default() };
    ensure_eq!(listed(syncs, &both).await?, ["running"], "a page of one, in front of which a lost one stands");
    Ok(())
}

/// A list of runs that wrote an entity goes by its name as the run knew it.
pub async fn runs_are_listed_by_entity(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let query = |entity: &str| RunQuery { entity: Some(entity.into()), ..RunQuery::default() };
    ensure_eq!(listed(syncs, &query("E")).await?, [""; 0], "before anything was written");
    syncs.commit_page(&page(&run, &hold)).await?;
    let second = take(syncs, &super::new_hold("a-sync", "F", &run, LONG)).await?;
    syncs.commit_page(&page(&run, &second)).await?;
    let (other, elsewhere) = super::holding(syncs, "another", "F", "2").await?;
    syncs.commit_page(&page(&other, &elsewhere)).await?;
    ensure_eq!(listed(syncs, &query("E")).await?, ["1"], "runs that wrote the one");
    ensure_eq!(listed(syncs, &query("F")).await?, ["2", "1"], "runs that wrote the other");
    ensure_eq!(listed(syncs, &query("G")).await?, [""; 0], "runs that wrote neither");
    let shown = syncs.list_runs(&query("E")).await?;
    ensure_eq!(shown, [syncs.get_run(&run.id).await?], "a run of a list, with all of its targets");
    let entities: Vec<&str> = shown.iter().flat_map(|run| &run.targets).map(|target| target.entity.as_str()).collect();
    ensure_eq!(entities, ["E", "F"], "its targets, in the order in which it began with them");
    Ok(())
}

/// Pruning removes what ended before a time; what is under way stays, and so does the newest run of each sync.
pub async fn finished_runs_are_pruned(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for id in ["old", "alive", "silent", "newest"] {
        started(syncs, id).await?;
    }
    of_sync(syncs, "another", "only").await?;
    for id in ["old", "newest", "only"] {
        syncs.update_run(&RunId::new(id), 1, &finish(RunState::Failed, None)).await?;
    }
    syncs
        .update_run(&RunId::new("silent"), 1, &mastra_core::sync::RunUpdate { lease: Some(SHORT), ..Default::default() })
        .await?;
    is_lost(syncs, &RunId::new("silent")).await?;
    let day = chrono::TimeDelta::days(1);
    let prune = |finished_before, dry_run| PruneRuns { finished_before, dry_run };
    let all = ["only", "newest", "silent", "alive", "old"];
    ensure_eq!(syncs.prune_runs(&prune(now() - day, false)).await?, 0, "runs that ended before yesterday");
    ensure_eq!(syncs.prune_runs(&prune(now() + day, true)).await?, 2, "runs that would be removed");
    ensure_eq!(listed(syncs, &RunQuery::default()).await?, all, "a dry run removes nothing");
    ensure_eq!(syncs.prune_runs(&prune(now() + day, false)).await?, 2, "runs that were removed");
    ensure_eq!(listed(syncs, &RunQuery::default()).await?, ["only", "newest", "alive"], "what is left");
    ensure_eq!(syncs.prune_runs(&prune(now() + day, false)).await?, 0, "once more");
    crate::failure::refused(syncs.get_run(&RunId::new("old")).await, mastra_core::ErrorKind::NotFound)?;
    let fresh = started(syncs, "old").await?;
    ensure_eq!(fresh.attempt, 1, "the attempt of a run whose id is free again");
    Ok(())
}

/// Where a run ended exactly counts, to the time it ended.
pub async fn pruning_goes_by_when_runs_ended(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    for id in ["first", "second", "newest"] {
        started(syncs, id).await?;
    }
    syncs.update_run(&RunId::new("first"), 1, &finish(RunState::Succeeded, None)).await?;
    super::a_moment().await;
    syncs.update_run(&RunId::new("second"), 1, &finish(RunState::Succeeded, None)).await?;
    let ended = syncs.get_run(&RunId::new("second")).await?.finished_at;
    let finished_before = ended.ok_or_else(|| crate::Failure::new("a run ended at no time"))?;
    ensure_eq!(syncs.prune_runs(&PruneRuns { finished_before, dry_run: false }).await?, 1, "runs that ended before the second");
    ensure_eq!(listed(syncs, &RunQuery::default()).await?, ["newest", "second"], "what is left");
    Ok(())
}

/// What was written, and where syncs stand, outlives the ledger's entries.
pub async fn pruning_leaves_what_was_written(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let (run, hold) = at_work(syncs).await?;
    let mut first = page(&run, &hold);
    first.cursor = Some("c".into());
    first.stakes = super::stakes(["a"]);
    first.quarantined = vec![super::set_aside("q")];
    syncs.commit_page(&first).await?;
    syncs.release(&hold).await?;
    syncs.update_run(&run.id, 1, &finish(RunState::Succeeded, None)).await?;
    started(syncs, "2").await?;
    let before = syncs.list_targets(None).await?;
    let finished_before = now() + chrono::TimeDelta::days(1);
    ensure_eq!(syncs.prune_runs(&PruneRuns { finished_before, dry_run: false }).await?, 1, "runs that were removed");
    ensure_eq!(syncs.list_targets(None).await?, before, "targets");
    ensure_eq!(super::external_ids(syncs, &hold).await?, ["a"], "stakes");
    ensure_eq!(syncs.list_quarantined(&mastra_core::sync::QuarantineQuery::default()).await?.len(), 1, "what was set aside");
    Ok(())
}
