//! Several calls in one transaction.

use super::super::page::{full, written};
use super::super::runs::finish;
use super::super::{
    LONG, SHORT, SYNC, at_work, external_ids, holding, new_hold, page, records_of, set_aside, stake, started, strings, syncs,
    take_over, too_late,
};
use super::no_store;
use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, get, put, there};
use mastra_core::{
    Engine, EngineExt as _, ErrorKind, RecordStore as _, Transaction,
    sync::{PageCommit, RunId, RunState, RunUpdate, StakeWrite},
};
use serde_json::json;
use std::sync::Arc;

/// Records and page become visible together, and a stake knows the generation that its transaction wrote.
pub async fn a_page_commits_with_its_records(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (run, hold) = at_work(outside).await?;
    put(&*engine, &records_of(&hold), [("a", json!({ "n": 0 }))]).await?;
    let before = written(outside, &hold).await?;
    let transaction = engine.begin().await?;
    put(&transaction, &records_of(&hold), [("a", json!({ "n": 1 })), ("b", json!({ "n": 1 }))]).await?;
    let mut all = full(&run, &hold);
    all.stakes = ["a", "b"].map(|id| StakeWrite { generation: None, ..stake(id, "content") }).to_vec();
    syncs(&transaction)?.commit_page(&all).await?;
    let inside = written(syncs(&transaction)?, &hold).await?;
    ensure_eq!(written(outside, &hold).await?, before, "what others see before the commit");
    transaction.commit().await?;
    ensure_eq!(written(outside, &hold).await?, inside, "what others see behind it");
    let views = outside.read_stakes(hold.entity.id, Some(hold.target), &strings(["a", "b"])).await?;
    for (id, view) in ["a", "b"].into_iter().zip(&views) {
        let record = there(&*engine, &records_of(&hold), id).await?;
        ensure_eq!(record.data, json!({ "n": 1 }), "the record {id}");
        ensure_eq!(view.own.as_ref().map(|stake| stake.generation), Some(record.generation), "the stake in {id}");
    }
    Ok(())
}

/// A rollback leaves nothing of a page, nor of a run and a target that began in it.
pub async fn a_rollback_undoes_a_page(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (run, hold) = at_work(outside).await?;
    outside.commit_page(&full(&run, &hold)).await?;
    let before = written(outside, &hold).await?;
    for explicitly in [true, false] {
        let transaction = engine.begin().await?;
        let inside = syncs(&transaction)?;
        put(&transaction, &records_of(&hold), [("new", json!({}))]).await?;
        let mut other = full(&run, &hold);
        other.cursor = Some("other".into());
        other.seen = strings(["z", "new"]);
        other.dropped = strings(["a"]);
        other.stakes = vec![stake("new", "content")];
        other.settled = strings(["q"]);
        other.quarantined = vec![set_aside("other")];
        inside.commit_page(&other).await?;
        let (second, elsewhere) = holding(inside, "another", "New", "2").await?;
        inside.commit_page(&full(&second, &elsewhere)).await?;
        inside.release(&hold).await?;
        inside.update_run(&run.id, 1, &finish(RunState::Succeeded, None)).await?;
        ensure!(written(inside, &hold).await? != before, "nothing happened inside");
        if explicitly {
            transaction.rollback().await?;
        } else {
            drop(transaction);
        }
        ensure_eq!(written(outside, &hold).await?, before, "everything");
        ensure_eq!(outside.list_targets(None).await?.len(), 1, "targets");
        ensure_eq!(get(&*engine, &records_of(&hold), "new").await?, None, "the record");
        refused(outside.get_run(&RunId::new("2")).await, ErrorKind::NotFound)?;
    }
    outside.commit_page(&page(&run, &hold)).await?;
    Ok(())
}

/// Of a page that comes too late not even the records are written, which stood before it in its transaction.
pub async fn a_late_page_takes_its_records_along(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (run, hold) = at_work(outside).await?;
    let second = started(outside, "2").await?;
    outside.extend_hold(&hold, SHORT).await?;
    let taken = take_over(outside, &new_hold(SYNC, "E", &second, LONG)).await?;
    let before = written(outside, &taken).await?;
    let (late, entity) = (full(&run, &hold), records_of(&hold));
    let (late, entity) = (&late, &entity);
    let outcome = engine
        .transaction(async |tx: &mut Transaction| {
            put(&*tx, entity, [("late", json!({}))]).await?;
            tx.syncs().ok_or_else(no_store)?.commit_page(late).await
        })
        .await;
    too_late(outcome)?;
    ensure_eq!(get(&*engine, entity, "late").await?, None, "the record");
    ensure_eq!(written(outside, &taken).await?, before, "everything else");
    Ok(())
}

/// A refusal leaves the transaction usable: whoever is too late may still say so elsewhere.
pub async fn a_refused_page_leaves_the_transaction_usable(engine: Arc<dyn Engine>) -> Outcome {
    let outside = syncs(&*engine)?;
    let (run, hold) = at_work(outside).await?;
    let transaction = engine.begin().await?;
    let inside = syncs(&transaction)?;
    too_late(inside.commit_page(&PageCommit { fence: hold.fence + 1, ..full(&run, &hold) }).await)?;
    too_late(inside.update_run(&run.id, 9, &RunUpdate::default()).await)?;
    refused(inside.get_run(&RunId::new("absent")).await, ErrorKind::NotFound)?;
    put(&transaction, &records_of(&hold), [("a", json!({}))]).await?;
    inside.commit_page(&page(&run, &hold)).await?;
    transaction.commit().await?;
    ensure_eq!(count(&*engine, &records_of(&hold)).await?, 1, "records");
    ensure_eq!(external_ids(outside, &hold).await?, [""; 0], "stakes of the refused page");
    Ok(())
}
