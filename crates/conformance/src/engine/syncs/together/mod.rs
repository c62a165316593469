//! Several at once: who writes is certain, and nobody waits in a circle.

mod handles;
mod transactions;
mod waiting;

pub use handles::*;
pub use transactions::*;
pub use waiting::*;

use super::page::full;
use super::runs::finish;
use super::{
    LONG, SHORT, SYNC, at_work, holding, info, new_hold, new_run, page, records_of, set_aside, stake, started, strings, syncs,
    take_over, too_late,
};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::{count, put};
use mastra_core::{
    Engine, Error, ErrorKind, RecordStore as _, Result,
    sync::{Acquired, EnumerationChange, QuarantineQuery, Run, RunId, RunQuery, RunStart, RunState, Unseen},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Longer than a case may take: a case that waits for so long hangs.
const FOREVER: Duration = Duration::from_secs(100_000);

async fn joined<T>(task: JoinHandle<Result<T>>) -> Outcome<T> {
    Ok(task.await.map_err(|error| Failure::new(format!("a task ended early: {error}")))??)
}

fn no_store() -> Error {
    Error::internal("nothing is remembered of syncs")
}

/// Sixteen want the same target, which nobody had before: one gets it.
pub async fn one_of_sixteen_takes_a_target(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let mut runs = Vec::new();
    for n in 0..16 {
        runs.push(started(outside, &n.to_string()).await?);
    }
    let mut fence = i64::MIN;
    for round in 0..3 {
        let tasks: Vec<JoinHandle<Result<Acquired>>> = runs
            .iter()
            .map(|run| {
                let (engine, hold) = (Arc::clone(&engine), new_hold(SYNC, "E", run, LONG));
                tokio::spawn(async move { engine.syncs().ok_or_else(no_store)?.acquire(&hold).await })
            })
            .collect();
        let (mut held, mut busy) = (Vec::new(), Vec::new());
        for task in tasks {
            match joined(task).await? {
                Acquired::Held(hold) => held.push(hold),
                Acquired::Busy { run_id, .. } => busy.push(run_id),
            }
        }
        let [hold] = held.as_slice() else { return Err(Failure::new(format!("{} hold one target", held.len()))) };
        let holder = info(outside, hold).await?.holder.map(|(run_id, _)| run_id);
        ensure!(busy.iter().all(|run_id| Some(run_id) == holder.as_ref()), "round {round}: {holder:?} holds it: {busy:?}");
        ensure!(hold.fence > fence, "fences grow: {fence} and {}", hold.fence);
        fence = hold.fence;
        // The next round takes it over from one that says nothing any more, the last one from one that let go.
        if round == 0 {
            outside.extend_hold(hold, SHORT).await?;
            tokio::time::sleep(SHORT * 20).await;
        } else {
            outside.release(hold).await?;
        }
    }
    ensure_eq!(outside.list_targets(None).await?.len(), 1, "targets");
    Ok(())
}

/// Eight begin a run of one id: one starts it, and so it is when it is begun again.
pub async fn one_of_eight_begins_a_run(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    for attempt in 1..=3 {
        let tasks: Vec<JoinHandle<Result<RunStart>>> = (0..8)
            .map(|_| {
                let engine = Arc::clone(&engine);
                tokio::spawn(async move { engine.syncs().ok_or_else(no_store)?.begin_run(&new_run("1", LONG)).await })
            })
            .collect();
        let mut begun = 0;
        for task in tasks {
            match joined(task).await? {
                RunStart::Started(run) => {
                    begun += 1;
                    ensure_eq!(run.attempt, attempt, "the attempt");
                }
                RunStart::Busy(run) => ensure_eq!((run.attempt, run.state), (attempt, RunState::Running), "who is busy"),
                RunStart::Recorded(run) => ensure!(false, "nothing has a result: {run:?}"),
            }
        }
        ensure_eq!(begun, 1, "how many began the attempt {attempt}");
        outside.update_run(&RunId::new("1"), attempt, &finish(RunState::Failed, None)).await?;
    }
    ensure_eq!(outside.list_runs(&RunQuery::default()).await?.len(), 1, "runs");
    Ok(())
}

/// Runs of different ids that begin at once have numbers of their own.
pub async fn runs_that_begin_at_once_are_told_apart(engine: Arc<dyn Engine>) -> Outcome {
    let tasks: Vec<JoinHandle<Result<RunStart>>> = (0..12)
        .map(|n| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { engine.syncs().ok_or_else(no_store)?.begin_run(&new_run(&n.to_string(), LONG)).await })
        })
        .collect();
    for task in tasks {
        let start = joined(task).await?;
        ensure!(matches!(start, RunStart::Started(_)), "a run of its own: {start:?}");
    }
    let numbers: Vec<i64> = syncs(&*engine)?.list_runs(&RunQuery::default()).await?.iter().map(|run| run.number).collect();
    ensure_eq!(numbers.len(), 12, "runs");
    ensure!(numbers.is_sorted_by(|one, next| one > next), "numbers, the newest first: {numbers:?}");
    Ok(())
}

/// Writes pages into a target, every second one with records in a transaction.
async fn write(engine: Arc<dyn Engine>, n: usize, rounds: usize) -> Result<Run> {
    let outside = engine.syncs().ok_or_else(no_store)?;
    let failed = |failure: Failure| Error::internal(failure.to_string());
    let (run, hold) = holding(outside, &format!("sync {n}"), "E", &n.to_string()).await.map_err(failed)?;
    for round in 0..rounds {
        let id = format!("{n} {round}");
        let mut next = page(&run, &hold);
        next.cursor = Some(id.clone());
        next.enumeration = if round == 0 { EnumerationChange::Begin } else { EnumerationChange::Keep };
        next.seen = vec![id.clone(), "shared".into()];
        next.stakes = ["shared", &id].map(|id| stake(id, "content")).to_vec();
        next.quarantined = vec![set_aside(&id)];
        if round % 2 == 0 {
            outside.commit_page(&next).await?;
            continue;
        }
        let transaction = engine.begin().await?;
        put(&transaction, &records_of(&hold), [(id, json!({ "n": n }))]).await?;
        transaction.syncs().ok_or_else(no_store)?.commit_page(&next).await?;
        transaction.commit().await?;
    }
    outside.release(&hold).await?;
    outside.update_run(&run.id, 1, &finish(RunState::Succeeded, None)).await?;
    outside.get_run(&run.id).await
}

/// Many syncs write one entity at once: nobody waits for another in a circle, and nothing is lost.
pub async fn syncs_of_one_entity_write_at_once(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (writers, rounds) = (6, 12);
    let tasks: Vec<_> = (0..writers).map(|n| tokio::spawn(write(Arc::clone(&engine), n, rounds))).collect();
    for task in tasks {
        let run = joined(task).await?;
        ensure_eq!((run.state, run.targets.len()), (RunState::Succeeded, 1), "the run {}", run.id);
    }
    let targets = outside.list_targets(None).await?;
    ensure_eq!(targets.len(), writers, "targets");
    for target in &targets {
        let written = (target.stakes, target.state.quarantined, target.holder.as_ref());
        ensure_eq!(written, (rounds as u64 + 1, rounds as u64, None), "what stands in {}", target.sync_id);
        let number = target.sync_id.trim_start_matches("sync ");
        ensure_eq!(target.state.cursor, Some(format!("{number} {}", rounds - 1)), "the cursor of {}", target.sync_id);
        let unseen = outside.count_unseen(target.id).await?;
        ensure_eq!(unseen, Unseen { stakes: rounds as u64 + 1, unseen: 0 }, "what {} did not meet", target.sync_id);
    }
    let entity = targets.first().map(|target| target.entity.id).ok_or_else(|| Failure::new("no targets"))?;
    ensure_eq!(count(&*engine, &entity.into()).await?, (writers * rounds / 2) as u64, "records");
    let views = outside.read_stakes(entity, None, &strings(["shared"])).await?;
    ensure_eq!(views.first().map(|view| view.others.len()), Some(writers), "stakes in the shared record");
    Ok(())
}

/// Who takes a target over sees the page that was under way, or there was none: it is never written behind the new holder's back.
pub async fn a_page_under_way_is_not_overtaken(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (run, hold) = at_work(outside).await?;
    let second = started(outside, "2").await?;
    outside.extend_hold(&hold, SHORT).await?;
    let transaction = engine.begin().await?;
    let mut last = page(&run, &hold);
    last.cursor = Some("under way".into());
    last.lease = SHORT;
    syncs(&transaction)?.commit_page(&last).await?;
    let taking: JoinHandle<Result<_>> = {
        let (engine, new) = (Arc::clone(&engine), new_hold(SYNC, "E", &second, LONG));
        tokio::spawn(async move {
            let syncs = engine.syncs().ok_or_else(no_store)?;
            take_over(syncs, &new).await.map_err(|failure| Error::internal(failure.to_string()))
        })
    };
    tokio::time::sleep(SHORT * 50).await;
    transaction.commit().await?;
    let taken = joined(taking).await?;
    ensure_eq!(taken.state.cursor.as_deref(), Some("under way"), "where the sync stands");
    too_late(outside.commit_page(&page(&run, &hold)).await)?;
    Ok(())
}

/// An entity that is deleted while syncs write it: each page is written before, or refused.
pub async fn an_entity_is_deleted_under_its_writers(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let mut held = Vec::new();
    for n in 0..4 {
        held.push(holding(outside, &format!("sync {n}"), "E", &n.to_string()).await?);
    }
    let entity = held.first().map(|(_, hold)| hold.entity.id).ok_or_else(|| Failure::new("nobody holds the entity"))?;
    let tasks: Vec<JoinHandle<Result<()>>> = held
        .into_iter()
        .map(|(run, hold)| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let syncs = engine.syncs().ok_or_else(no_store)?;
                loop {
                    match syncs.commit_page(&full(&run, &hold)).await {
                        Ok(()) => tokio::task::yield_now().await,
                        Err(error) if error.kind() == ErrorKind::Conflict && !error.is_retryable() => return Ok(()),
                        Err(error) => return Err(error),
                    }
                }
            })
        })
        .collect();
    tokio::time::sleep(SHORT * 10).await;
    engine.delete_entity_by_id(entity).await?;
    for task in tasks {
        joined(task).await?;
    }
    ensure_eq!(outside.list_targets(None).await?, [], "targets");
    let aside = outside.list_quarantined(&QuarantineQuery::default()).await?;
    ensure_eq!(aside, [], "what was set aside");
    ensure_eq!(outside.list_runs(&RunQuery::default()).await?.len(), 4, "runs");
    Ok(())
}
