//! Writers and workers at the same time.

use super::{NAME, at_most, drain, queue};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::{entity, get};
use crate::random::Random;
use mastra_core::{
    Engine, EntityRef, NewRecord, RecordQuery, RecordSelector, Result, UpsertOptions,
    changes::{QueueStatus, QueuedChange, SettlementOutcome},
};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// What stands in the derived store of a test: the generation that was derived last.
type Derived = Arc<std::sync::Mutex<BTreeMap<String, (i64, bool)>>>;

fn derive(derived: &Derived, change: &QueuedChange) {
    let mut derived = derived.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let entry = derived.entry(change.external_id.clone()).or_default();
    if change.generation >= entry.0 {
        *entry = (change.generation, change.deleted);
    }
}

/// Works until everything is quiet and the writers are through.
async fn work(engine: Arc<dyn Engine>, derived: Derived, through: Arc<AtomicBool>, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let queue = engine.changes().ok_or_else(|| mastra_core::Error::internal("no queue"))?;
    loop {
        let ended = through.load(Ordering::SeqCst);
        let claimed = queue.claim_changes(NAME, &at_most(5, Duration::from_secs(60))).await?;
        if claimed.is_empty() {
            if ended && queue.queue_status(NAME).await?.waiting == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(2)).await;
            continue;
        }
        let mut settlements = Vec::new();
        for change in &claimed {
            let outcome = match random.below(6) {
                0 => SettlementOutcome::Release,
                1 => SettlementOutcome::Retry { after: Duration::from_millis(1), error: "again".into() },
                _ => {
                    derive(&derived, change);
                    SettlementOutcome::done()
                }
            };
            settlements.push(change.settle(outcome));
        }
        queue.settle_changes(NAME, &settlements).await?;
    }
}

async fn write(engine: Arc<dyn Engine>, entity: EntityRef, seed: u64, rounds: usize) -> Result<()> {
    let mut random = Random::new(seed);
    for round in 0..rounds {
        let ids: Vec<String> = (0..4).map(|_| format!("r{}", random.below(20))).collect();
        if random.below(4) == 0 {
            engine.delete_records(&entity, &RecordSelector::ExternalIds(ids)).await?;
        } else {
            let data = json!({ "seed": seed, "round": round });
            let records: Vec<NewRecord> = ids.into_iter().map(|id| NewRecord::new(id, data.clone())).collect();
            engine.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
        }
    }
    Ok(())
}

async fn is_derived(engine: &dyn Engine, entity: &EntityRef, derived: &Derived) -> Outcome {
    let query = RecordQuery { include_deleted: true, ..RecordQuery::new() };
    let records = engine.get_records(entity, &query).await?.items;
    let derived = derived.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    for record in &records {
        let expected = Some((record.generation, record.deleted_at.is_some()));
        ensure_eq!(derived.get(&record.external_id).copied(), expected, "what was derived of {:?}", record.external_id);
    }
    Ok(())
}

/// Many write and delete, many work: in the end everything derived is of the newest generation.
pub async fn writers_and_workers_lose_nothing(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    queue(&*engine)?.subscribe(NAME, &entity).await?;
    let (derived, through) = (Derived::default(), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> =
        (0..4).map(|n| tokio::spawn(work(Arc::clone(&engine), Arc::clone(&derived), Arc::clone(&through), 100 + n))).collect();
    let writers: Vec<_> = (0..4).map(|n| tokio::spawn(write(Arc::clone(&engine), entity.clone(), n, 40))).collect();
    for writer in writers {
        writer.await.map_err(|error| Failure::new(format!("a writer ended early: {error}")))??;
    }
    through.store(true, Ordering::SeqCst);
    for worker in workers {
        worker.await.map_err(|error| Failure::new(format!("a worker ended early: {error}")))??;
    }
    is_derived(&*engine, &entity, &derived).await?;
    ensure_eq!(queue(&*engine)?.queue_status(NAME).await?, QueueStatus::default(), "the queue in the end");
    Ok(())
}

/// Whoever begins to follow while others write misses nothing of them.
pub async fn subscribing_misses_no_writer(engine: Arc<dyn Engine>) -> Outcome {
    for round in 0..5_u64 {
        let entity = entity(&*engine, &format!("E{round}")).await?;
        let name = format!("late {round}");
        let writers: Vec<_> =
            (0..4).map(|n| tokio::spawn(write(Arc::clone(&engine), entity.clone(), round * 10 + n, 15))).collect();
        sleep(Duration::from_millis(5 * round)).await;
        queue(&*engine)?.subscribe(&name, &entity).await?;
        for writer in writers {
            writer.await.map_err(|error| Failure::new(format!("a writer ended early: {error}")))??;
        }
        let seen: BTreeMap<String, (i64, bool)> =
            drain(queue(&*engine)?, &name).await?.into_iter().map(|c| (c.external_id, (c.generation, c.deleted))).collect();
        for record in engine.get_records(&entity, &RecordQuery::new()).await?.items {
            ensure_eq!(
                seen.get(&record.external_id),
                Some(&(record.generation, false)),
                "what was queued of {}",
                record.external_id
            );
        }
        ensure!(get(&*engine, &entity, "never").await?.is_none(), "a record out of nowhere");
    }
    Ok(())
}
