//! A second handle on the same data.

use super::super::page::{full, written};
use super::super::runs::finish;
use super::super::{LONG, SYNC, a_moment, at_work, new_hold, started, syncs, take};
use super::{FOREVER, joined, no_store};
use crate::failure::{Outcome, ensure, ensure_eq, not_claimed};
use crate::harness::TestEngine;
use mastra_core::{
    Engine as _, RecordStore as _,
    sync::{Acquired, RunState},
};
use std::sync::Arc;

/// What is claimed to be shared by processes is seen, waited for and locked through a second handle; what is claimed to persist is there
/// after closing.
pub async fn syncs_are_shared_by_handles(fresh: &TestEngine) -> Outcome {
    let (engine, can) = (&fresh.engine, fresh.engine.capabilities().admin);
    let first = syncs(&**engine)?;
    let Some(reopen) = fresh.reopen.as_ref().filter(|_| can.persistent || can.multi_process) else {
        return not_claimed("admin.persistent or admin.multiProcess");
    };
    let (run, hold) = at_work(first).await?;
    first.commit_page(&full(&run, &hold)).await?;
    let before = written(first, &hold).await?;
    if can.multi_process {
        let second = reopen().await?;
        let other = syncs(&*second)?;
        ensure_eq!(written(other, &hold).await?, before, "what a second handle sees");
        let next = started(other, "2").await?;
        let busy = other.acquire(&new_hold(SYNC, "E", &next, LONG)).await?;
        ensure!(matches!(&busy, Acquired::Busy { run_id, .. } if *run_id == run.id), "who holds the target: {busy:?}");
        let waiter = {
            let (second, id, revision) = (Arc::clone(&second), next.id.clone(), next.revision);
            tokio::spawn(async move { second.syncs().ok_or_else(no_store)?.wait_for_run(&id, revision, FOREVER).await })
        };
        for _ in 0..10 {
            a_moment().await;
        }
        first.update_run(&next.id, 1, &finish(RunState::Succeeded, None)).await?;
        ensure_eq!(joined(waiter).await?.state, RunState::Succeeded, "the run that another handle ended");
        first.release(&hold).await?;
        let taken = take(other, &new_hold(SYNC, "E", &run, LONG)).await?;
        ensure!(taken.fence > hold.fence, "fences grow over handles: {} and {}", hold.fence, taken.fence);
        other.release(&taken).await?;
        second.close().await?;
    } else {
        first.release(&hold).await?;
    }
    let before = written(first, &hold).await?;
    engine.close().await?;
    let later = reopen().await?;
    if can.persistent {
        ensure_eq!(written(syncs(&*later)?, &hold).await?, before, "what is there after closing");
    }
    later.close().await?;
    Ok(())
}
