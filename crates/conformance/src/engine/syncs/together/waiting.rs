//! Waiting for a run to change.

use super::super::runs::{finish, is_lost};
use super::super::{LONG, SHORT, a_moment, at_work, new_run, page, start, started, syncs};
use super::{FOREVER, joined, no_store};
use crate::failure::{Outcome, ensure, ensure_eq, refused};
use mastra_core::{
    Engine, ErrorKind, RecordStore as _, Result,
    sync::{Run, RunId, RunState, RunUpdate},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

fn waiting(engine: &Arc<dyn Engine>, run: &Run) -> JoinHandle<Result<Run>> {
    let (engine, id, revision) = (Arc::clone(engine), run.id.clone(), run.revision);
    tokio::spawn(async move { engine.syncs().ok_or_else(no_store)?.wait_for_run(&id, revision, FOREVER).await })
}

/// Who waits for a run is woken by each change of it: a sign of life, a page, its end, and another attempt.
pub async fn a_waiter_is_woken_by_every_change(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (mut run, hold) = at_work(outside).await?;
    for change in 0..5 {
        let waiter = waiting(&engine, &run);
        for _ in 0..5 {
            a_moment().await;
        }
        match change {
            0 => outside.update_run(&run.id, 1, &RunUpdate { note: Some("note".into()), ..RunUpdate::default() }).await?,
            1 => outside.commit_page(&page(&run, &hold)).await?,
            2 => {
                let transaction = engine.begin().await?;
                syncs(&transaction)?.commit_page(&page(&run, &hold)).await?;
                transaction.commit().await?;
            }
            3 => outside.update_run(&run.id, 1, &finish(RunState::Failed, None)).await?,
            _ => drop(start(outside, &new_run("1", LONG)).await?),
        }
        let now = joined(waiter).await?;
        ensure!(now.revision > run.revision, "the change {change}: {} and {}", run.revision, now.revision);
        ensure_eq!(now, outside.get_run(&run.id).await?, "the run behind the change {change}");
        run = now;
    }
    ensure_eq!(run.attempt, 2, "the attempt");
    Ok(())
}

/// Many may wait for one run, and changes of others wake nobody for nothing.
pub async fn many_wait_for_one_run(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let run = started(outside, "1").await?;
    let other = started(outside, "2").await?;
    let waiters: Vec<_> = (0..6).map(|_| waiting(&engine, &run)).collect();
    for _ in 0..5 {
        outside.update_run(&other.id, 1, &RunUpdate::default()).await?;
        a_moment().await;
    }
    outside.update_run(&run.id, 1, &finish(RunState::Succeeded, Some(json!("done")))).await?;
    for waiter in waiters {
        let ended = joined(waiter).await?;
        ensure_eq!((ended.id.as_str(), ended.state, ended.output), ("1", RunState::Succeeded, Some(json!("done"))), "the run");
    }
    Ok(())
}

/// Waiting ends at once where the run has changed already, and in time where it does not change.
pub async fn waiting_ends_in_time(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    refused(outside.wait_for_run(&RunId::new("absent"), 0, FOREVER).await, ErrorKind::NotFound)?;
    refused(outside.wait_for_run(&RunId::new(" "), 0, FOREVER).await, ErrorKind::InvalidInput)?;
    let run = started(outside, "1").await?;
    for within in [Duration::ZERO, SHORT, SHORT * 30] {
        ensure_eq!(outside.wait_for_run(&run.id, run.revision, within).await?, run, "a run that does not change");
        ensure_eq!(outside.wait_for_run(&run.id, i64::MAX, within).await?, run, "a revision that is still far");
    }
    for within in [Duration::ZERO, FOREVER, Duration::MAX] {
        ensure_eq!(outside.wait_for_run(&run.id, run.revision - 1, within).await?, run, "a run that has changed");
        ensure_eq!(outside.wait_for_run(&run.id, i64::MIN, within).await?, run, "any revision");
    }
    outside.update_run(&run.id, 1, &RunUpdate { lease: Some(SHORT), ..RunUpdate::default() }).await?;
    is_lost(outside, &run.id).await?;
    let lost = outside.wait_for_run(&run.id, i64::MAX, SHORT).await?;
    ensure_eq!(lost.state, RunState::Lost, "a run that is waited for, as it is seen");
    let transaction = engine.begin().await?;
    let inside = syncs(&transaction)?.wait_for_run(&run.id, run.revision, SHORT).await;
    refused(inside, ErrorKind::Unsupported)?;
    transaction.rollback().await?;
    Ok(())
}
