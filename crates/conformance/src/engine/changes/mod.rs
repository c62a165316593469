//! The queue of changes: nothing is missed, nothing is done twice at a time, and a late worker is found out.

mod together;

pub use together::{subscribing_misses_no_writer, writers_and_workers_lose_nothing};

use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use crate::fixture::{CONNECTION, entity, filled, put, there};
use mastra_core::{
    Engine, EngineExt as _, EntityRef, ErrorKind, NewRecord, PurgeOptions, RecordId, RecordSelector, RecordStore, Result,
    SyncBatch, Transaction, UpsertMode, UpsertOptions,
    changes::{
        ChangeQueue, ClaimOptions, LeaseId, MAX_CLAIM, QueueStatus, QueuedChange, Requeue, SettleReport, Settlement,
        SettlementOutcome,
    },
    time::now,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const NAME: &str = "followers";
const SHORT: Duration = Duration::from_millis(20);

fn queue<S: RecordStore + ?Sized>(store: &S) -> Outcome<&dyn ChangeQueue> {
    store.changes().ok_or_else(|| Failure::new("the engine claims a queue of changes and has none"))
}

fn at_most(limit: u32, lease: Duration) -> ClaimOptions {
    ClaimOptions { limit, lease }
}

/// Claims everything that is due, and settles it as done.
async fn drain(queue: &dyn ChangeQueue, name: &str) -> Result<Vec<QueuedChange>> {
    let mut all = Vec::new();
    loop {
        let claimed = queue.claim_changes(name, &ClaimOptions::default()).await?;
        if claimed.is_empty() {
            return Ok(all);
        }
        settle(queue, name, &claimed, &SettlementOutcome::done()).await?;
        all.extend(claimed);
    }
}

async fn settle(
    queue: &dyn ChangeQueue,
    name: &str,
    changes: &[QueuedChange],
    outcome: &SettlementOutcome,
) -> Result<SettleReport> {
    let settlements: Vec<Settlement> = changes.iter().map(|change| change.settle(outcome.clone())).collect();
    queue.settle_changes(name, &settlements).await
}

/// External id, generation, and whether it is a deletion; by external id.
fn told(changes: &[QueuedChange]) -> Vec<(String, i64, bool)> {
    let mut told: Vec<_> = changes.iter().map(|c| (c.external_id.clone(), c.generation, c.deleted)).collect();
    told.sort();
    told
}

async fn only(queue: &dyn ChangeQueue) -> Outcome<QueuedChange> {
    let mut claimed = queue.claim_changes(NAME, &ClaimOptions::default()).await?;
    ensure_eq!(claimed.len(), 1, "changes that are due");
    claimed.pop().ok_or_else(|| Failure::new("nothing was claimed"))
}

async fn delete(store: &dyn RecordStore, entity: &EntityRef, id: &str) -> Result<()> {
    store.delete_records(entity, &RecordSelector::ExternalIds(vec![id.into()])).await.map(drop)
}

/// An entity of one record that is followed, with an empty queue.
async fn followed(engine: &dyn Engine) -> Outcome<EntityRef> {
    let entity = filled(engine, "E", [("a", json!({ "n": 0 }))]).await?;
    queue(engine)?.subscribe(NAME, &entity).await?;
    drain(queue(engine)?, NAME).await?;
    Ok(entity)
}

/// Live records are queued when somebody begins to follow them; subscribing again changes nothing.
pub async fn what_is_there_is_queued_on_subscribing(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", [("a", json!({})), ("b", json!({})), ("gone", json!({}))]).await?;
    delete(&*engine, &entity, "gone").await?;
    let queue = queue(&*engine)?;
    let before = now();
    let subscription = queue.subscribe(NAME, &entity).await?;
    ensure_eq!((subscription.name.as_str(), EntityRef::Id(subscription.entity_id)), (NAME, entity.clone()), "the subscription");
    let status = queue.queue_status(NAME).await?;
    ensure_eq!((status.waiting, status.claimed, status.set_aside, status.repeats), (2, 0, 0, 0), "the status");
    let far = chrono::TimeDelta::minutes(5);
    ensure!(status.oldest.is_some_and(|since| since > before - far && since < now() + far), "the oldest waits since {status:?}");
    let expected = vec![
        ("a".to_owned(), there(&*engine, &entity, "a").await?.generation, false),
        ("b".to_owned(), there(&*engine, &entity, "b").await?.generation, false),
    ];
    ensure_eq!(told(&drain(queue, NAME).await?), expected, "what is queued");
    ensure_eq!(queue.subscribe(NAME, &entity).await?, subscription, "the same subscription again");
    ensure_eq!(queue.queue_status(NAME).await?, QueueStatus::default(), "the status of an empty queue");
    ensure_eq!(queue.list_subscriptions().await?, [subscription], "the list");
    Ok(())
}

/// A subscription stays with its entity, until that is gone.
pub async fn a_subscription_follows_one_entity(engine: Arc<dyn Engine>) -> Outcome {
    let entity_a = followed(&*engine).await?;
    let other = filled(&*engine, "Other", [("o", json!({}))]).await?;
    let queue = queue(&*engine)?;
    refused(queue.subscribe(NAME, &other).await, ErrorKind::AlreadyExists)?;
    refused(queue.subscribe("more", &"Absent".into()).await, ErrorKind::NotFound)?;
    let id = engine.resolve_entity(&entity_a).await?.id;
    engine.delete_entity_by_id(id).await?;
    let moved = queue.subscribe(NAME, &other).await?;
    ensure_eq!(EntityRef::Id(moved.entity_id), other, "what is followed once the first is gone");
    let told: Vec<(String, bool)> = drain(queue, NAME).await?.into_iter().map(|c| (c.external_id, c.deleted)).collect();
    ensure!(told.contains(&("o".into(), false)) && told.contains(&("a".into(), true)), "both entities' changes: {told:?}");
    queue.subscribe("second", &other).await?;
    let names: Vec<String> = queue.list_subscriptions().await?.into_iter().map(|one| one.name).collect();
    ensure_eq!(names, [NAME, "second"], "names in order");
    ensure!(queue.unsubscribe(NAME).await?, "there was a subscription to end");
    ensure!(!queue.unsubscribe(NAME).await?, "a subscription ended twice");
    refused(queue.queue_status(NAME).await, ErrorKind::NotFound)?;
    ensure_eq!(queue.list_subscriptions().await?.len(), 1, "subscriptions left");
    queue.subscribe(NAME, &other).await?;
    ensure_eq!(queue.queue_status(NAME).await?.waiting, 1, "records queued for a new one of the same name");
    Ok(())
}

/// Creating, changing, deleting and reviving are queued, an unchanged record is not, purging neither.
pub async fn every_change_is_queued_with_its_generation(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("a", json!({ "n": 1 })), ("b", json!({}))]).await?;
    let now_is = async |id: &str| Outcome::Ok(there(&*engine, &entity, id).await?.generation);
    let expected = [("a".to_owned(), now_is("a").await?, false), ("b".to_owned(), now_is("b").await?, false)];
    ensure_eq!(told(&drain(queue, NAME).await?), expected, "a change and a creation");
    put(&*engine, &entity, [("a", json!({ "n": 1.0 }))]).await?;
    ensure_eq!(drain(queue, NAME).await?, [], "an unchanged record");
    let b = there(&*engine, &entity, "b").await?;
    delete(&*engine, &entity, "b").await?;
    let gone = drain(queue, NAME).await?;
    ensure!(
        matches!(gone.as_slice(), [one] if one.deleted && one.record_id == b.id && one.generation > b.generation),
        "a deletion: {gone:?}"
    );
    engine.purge_records(&entity, &PurgeOptions::default()).await?;
    ensure_eq!(drain(queue, NAME).await?, [], "what purging removes was gone before");
    put(&*engine, &entity, [("b", json!({ "again": true }))]).await?;
    delete(&*engine, &entity, "b").await?;
    put(&*engine, &entity, [("b", json!({ "again": 2 }))]).await?;
    ensure_eq!(told(&drain(queue, NAME).await?), [("b".to_owned(), now_is("b").await?, false)], "a revived record");
    let options = UpsertOptions::from(UpsertMode::DeepMerge);
    engine.upsert_records(&entity, &[NewRecord::new("a", json!({ "deep": { "n": 1 } }))], &options).await?;
    ensure_eq!(told(&drain(queue, NAME).await?), [("a".to_owned(), now_is("a").await?, false)], "a deep merge");
    let batch = SyncBatch::new("E", CONNECTION, [NewRecord::new("s", json!({}))]).last_sync_id("1");
    engine.sync_records(&batch).await?;
    ensure_eq!(told(&drain(queue, NAME).await?), [("s".to_owned(), now_is("s").await?, false)], "a sync");
    engine.delete_records(&entity, &RecordSelector::All).await?;
    ensure_eq!(drain(queue, NAME).await?.iter().filter(|change| change.deleted).count(), 3, "all deleted");
    Ok(())
}

/// Changes that wait are one, of the newest generation, waiting since the first.
pub async fn changes_of_one_record_are_one(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("a", json!({ "n": 1 }))]).await?;
    let first = queue.queue_status(NAME).await?;
    for n in 2..5 {
        put(&*engine, &entity, [("a", json!({ "n": n }))]).await?;
    }
    let status = queue.queue_status(NAME).await?;
    ensure_eq!((status.waiting, status.oldest), (1, first.oldest), "what waits");
    let claimed = only(queue).await?;
    ensure_eq!(claimed.generation, there(&*engine, &entity, "a").await?.generation, "the generation");
    ensure_eq!(queue.claim_changes(NAME, &ClaimOptions::default()).await?, [], "what is claimed is not due");
    ensure_eq!(queue.queue_status(NAME).await?.claimed, 1, "claimed");
    Ok(())
}

/// Batches that travel another way are queued like others.
pub async fn large_batches_are_queued_whole(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    for changed in [false, true] {
        let record = |n: usize| NewRecord::new(format!("r{n}"), json!({ "n": n, "changed": changed }));
        let records: Vec<NewRecord> = (0..4_500).map(record).collect();
        engine.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
        ensure_eq!(queue.queue_status(NAME).await?.waiting, 4_500, "queued");
        let claimed = queue.claim_changes(NAME, &at_most(MAX_CLAIM, Duration::from_secs(60))).await?;
        ensure_eq!(claimed.len(), 4_500, "claimed");
        ensure_eq!(settle(queue, NAME, &claimed, &SettlementOutcome::done()).await?.done, 4_500, "done");
    }
    Ok(())
}

/// Records that go with their entity are queued as deleted; the subscription stays.
pub async fn a_deleted_entity_queues_its_records(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("b", json!({})), ("gone", json!({}))]).await?;
    delete(&*engine, &entity, "gone").await?;
    let known = drain(queue, NAME).await?;
    let a = there(&*engine, &entity, "a").await?;
    engine.delete_entity_by_id(a.entity_id).await?;
    let gone = drain(queue, NAME).await?;
    let names: Vec<(String, bool)> = told(&gone).into_iter().map(|(name, _, deleted)| (name, deleted)).collect();
    ensure_eq!(names, [("a".to_owned(), true), ("b".to_owned(), true)], "what was live");
    ensure!(gone.iter().any(|change| change.record_id == a.id && change.generation > a.generation), "a newer generation");
    ensure!(known.len() >= 2, "what was queued before: {known:?}");
    ensure_eq!(queue.list_subscriptions().await?.len(), 1, "the subscription");
    Ok(())
}

/// Two who follow one entity have a queue each, and nobody hears of other entities.
pub async fn other_entities_and_subscriptions_stand_apart(engine: Arc<dyn Engine>) -> Outcome {
    let entity_a = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    let other = entity(&*engine, "Other").await?;
    put(&*engine, &other, [("x", json!({}))]).await?;
    ensure_eq!(queue.queue_status(NAME).await?, QueueStatus::default(), "changes of another entity");
    queue.subscribe("second", &entity_a).await?;
    put(&*engine, &entity_a, [("b", json!({}))]).await?;
    ensure_eq!(told(&drain(queue, NAME).await?).len(), 1, "the first one's");
    ensure_eq!(queue.queue_status("second").await?.waiting, 2, "the second one's");
    let claimed = queue.claim_changes("second", &ClaimOptions::default()).await?;
    ensure_eq!(settle(queue, NAME, &claimed, &SettlementOutcome::done()).await?.lost, 2, "settled in another's queue");
    Ok(())
}

/// A change that is undone was never queued.
pub async fn what_is_rolled_back_is_not_queued(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue_of_engine = queue(&*engine)?;
    let transaction = engine.begin().await?;
    put(&transaction, &entity, [("a", json!({ "n": 9 })), ("b", json!({}))]).await?;
    ensure_eq!(queue(&transaction)?.queue_status(NAME).await?.waiting, 2, "what the transaction itself sees");
    refused(queue(&transaction)?.subscribe("inside", &entity).await, ErrorKind::Unsupported)?;
    ensure_eq!(queue_of_engine.queue_status(NAME).await?.waiting, 0, "what others see before the commit");
    transaction.rollback().await?;
    ensure_eq!(queue_of_engine.queue_status(NAME).await?, QueueStatus::default(), "after the rollback");
    let transaction = engine.begin().await?;
    put(&transaction, &entity, [("b", json!({}))]).await?;
    transaction.commit().await?;
    ensure_eq!(queue_of_engine.queue_status(NAME).await?.waiting, 1, "after a commit");
    Ok(())
}

/// In a transaction, what is settled and what is written take effect together.
pub async fn settling_commits_with_the_rest_of_a_transaction(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    put(&*engine, &entity, [("a", json!({ "n": 1 }))]).await?;
    let claimed = only(queue(&*engine)?).await?;
    let done = [claimed.settle(SettlementOutcome::done())];
    let transaction = engine.begin().await?;
    ensure_eq!(queue(&transaction)?.settle_changes(NAME, &done).await?.done, 1, "settled inside");
    put(&transaction, &entity, [("derived", json!({}))]).await?;
    transaction.rollback().await?;
    ensure_eq!(queue(&*engine)?.queue_status(NAME).await?.claimed, 1, "claimed still");
    let done = &done;
    engine
        .transaction(async |tx: &mut Transaction| {
            let queue = tx.changes().ok_or_else(|| mastra_core::Error::internal("no queue"))?;
            queue.settle_changes(NAME, done).await.map(drop)
        })
        .await?;
    ensure_eq!(queue(&*engine)?.queue_status(NAME).await?, QueueStatus::default(), "after the commit");
    Ok(())
}

/// Claims give different changes to each, and what is not settled comes again.
pub async fn claims_are_shared_and_end(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, (0..6).map(|n| (format!("{n}"), json!({})))).await?;
    let one = queue.claim_changes(NAME, &at_most(2, Duration::from_secs(60))).await?;
    let two = queue.claim_changes(NAME, &at_most(100, SHORT)).await?;
    ensure_eq!((one.len(), two.len()), (2, 4), "changes of each claim");
    ensure!(one.iter().all(|a| two.iter().all(|b| a.record_id != b.record_id)), "a change was claimed twice: {one:?} {two:?}");
    ensure!(one.iter().all(|a| two.iter().all(|b| a.generation < b.generation)), "the oldest come first: {one:?} {two:?}");
    sleep(SHORT * 3).await;
    let again = queue.claim_changes(NAME, &ClaimOptions::default()).await?;
    ensure_eq!(told(&again), told(&two), "what came again");
    ensure_eq!(settle(queue, NAME, &two, &SettlementOutcome::done()).await?.lost, 4, "settled too late");
    ensure_eq!(settle(queue, NAME, &one, &SettlementOutcome::Release).await?.returned, 2, "released");
    ensure_eq!(queue.claim_changes(NAME, &ClaimOptions::default()).await?.len(), 2, "what was released is due");
    Ok(())
}

/// A change whose lease lapsed comes once more behind the end, so that what a late worker wrote can be removed.
pub async fn a_lapsed_claim_is_repeated(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("a", json!({ "n": 1 }))]).await?;
    let late = queue.claim_changes(NAME, &at_most(1, Duration::from_millis(1))).await?;
    sleep(SHORT).await;
    let claimed = only(queue).await?;
    ensure!(!claimed.repeat, "nothing was done yet");
    let done = SettlementOutcome::Done { repeat_after: SHORT };
    let report = settle(queue, NAME, std::slice::from_ref(&claimed), &done).await?;
    ensure_eq!((report.done, report.lost), (1, 0), "the second worker's report");
    ensure_eq!(settle(queue, NAME, &late, &done).await?.lost, 1, "the first worker's report");
    let status = queue.queue_status(NAME).await?;
    ensure_eq!((status.waiting, status.repeats, status.oldest), (0, 1, None), "a repeat is no lag");
    sleep(SHORT * 3).await;
    let repeat = only(queue).await?;
    ensure_eq!((repeat.repeat, repeat.generation), (true, claimed.generation), "the repeat");
    settle(queue, NAME, &[repeat], &done).await?;
    ensure_eq!(queue.queue_status(NAME).await?, QueueStatus::default(), "and no more");

    // A change that comes before the repeat takes its place, and is repeated itself.
    put(&*engine, &entity, [("a", json!({ "n": 2 }))]).await?;
    queue.claim_changes(NAME, &at_most(1, Duration::from_millis(1))).await?;
    sleep(SHORT).await;
    settle(queue, NAME, &[only(queue).await?], &SettlementOutcome::done()).await?;
    put(&*engine, &entity, [("a", json!({ "n": 3 }))]).await?;
    let fresh = only(queue).await?;
    ensure!(!fresh.repeat, "a change, not a repeat");
    settle(queue, NAME, &[fresh], &done).await?;
    ensure_eq!(queue.queue_status(NAME).await?.repeats, 1, "the repeat is still to come");
    Ok(())
}

/// What fails waits, and what fails for good is set aside, until the record changes or somebody asks.
pub async fn failures_wait_or_are_set_aside(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("a", json!({ "n": 1 }))]).await?;
    let retry = |after| SettlementOutcome::Retry { after, error: "no answer".into() };
    ensure_eq!(settle(queue, NAME, &[only(queue).await?], &retry(SHORT)).await?.returned, 1, "returned");
    sleep(SHORT * 3).await;
    let again = only(queue).await?;
    ensure_eq!(again.failures, 1, "failures");
    settle(queue, NAME, &[again], &retry(Duration::from_secs(600))).await?;
    ensure_eq!(queue.claim_changes(NAME, &ClaimOptions::default()).await?, [], "it waits");
    ensure_eq!(queue.queue_status(NAME).await?.waiting, 1, "and counts");
    put(&*engine, &entity, [("a", json!({ "n": 2 }))]).await?;
    let changed = only(queue).await?;
    ensure_eq!(changed.failures, 0, "failures of a record that changed");
    let aside = SettlementOutcome::SetAside { error: format!("hopeless {}\u{0}", "ü".repeat(5_000)) };
    ensure_eq!(settle(queue, NAME, std::slice::from_ref(&changed), &aside).await?.set_aside, 1, "set aside");
    let status = queue.queue_status(NAME).await?;
    ensure_eq!((status.waiting, status.set_aside, status.oldest), (0, 1, None), "the status");
    ensure_eq!(drain(queue, NAME).await?, [], "what was set aside is not due");
    let listed = queue.list_set_aside(NAME, 10).await?;
    ensure!(
        matches!(listed.as_slice(), [one] if one.external_id == "a" && one.generation == changed.generation && one.failures == 1
            && one.error.starts_with("hopeless ü") && one.error.len() <= 2_000),
        "what was set aside: {listed:?}"
    );
    ensure_eq!(queue.list_set_aside(NAME, 0).await?, [], "a list of none");
    ensure_eq!(queue.requeue_changes(NAME, &Requeue::SetAside).await?, 1, "queued again");
    settle(queue, NAME, &[only(queue).await?], &aside).await?;
    put(&*engine, &entity, [("a", json!({ "n": 3 }))]).await?;
    ensure_eq!(drain(queue, NAME).await?.len(), 1, "a change brings it back");
    ensure_eq!(queue.queue_status(NAME).await?, QueueStatus::default(), "nothing is left");
    Ok(())
}

/// What changed while a worker was at it is due at once, whatever the worker says.
pub async fn a_newer_generation_is_due_again(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    for (n, outcome) in [
        (1, SettlementOutcome::done()),
        (2, SettlementOutcome::SetAside { error: "outdated".into() }),
        (3, SettlementOutcome::Retry { after: Duration::from_secs(600), error: "outdated".into() }),
    ] {
        put(&*engine, &entity, [("a", json!({ "n": n }))]).await?;
        let claimed = only(queue).await?;
        put(&*engine, &entity, [("a", json!({ "n": n, "newer": n }))]).await?;
        ensure_eq!(queue.claim_changes(NAME, &ClaimOptions::default()).await?, [], "two workers on one record");
        ensure_eq!(settle(queue, NAME, &[claimed], &outcome).await?.superseded, 1, "superseded by a newer generation");
        let newer = only(queue).await?;
        ensure_eq!(newer.generation, there(&*engine, &entity, "a").await?.generation, "the newer generation");
        ensure_eq!(newer.failures, 0, "failures");
        ensure_eq!(settle(queue, NAME, &[newer], &SettlementOutcome::done()).await?.done, 1, "done");
        ensure_eq!(queue.queue_status(NAME).await?, QueueStatus::default(), "no lease lapsed, so that nothing is repeated");
    }
    Ok(())
}

/// Whoever finds something wanting can have it done again.
pub async fn records_are_queued_again_on_request(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    put(&*engine, &entity, [("b", json!({})), ("gone", json!({}))]).await?;
    let gone = there(&*engine, &entity, "gone").await?;
    delete(&*engine, &entity, "gone").await?;
    drain(queue, NAME).await?;
    ensure_eq!(queue.requeue_changes(NAME, &Requeue::All).await?, 2, "all that is live");
    let b = there(&*engine, &entity, "b").await?;
    let expected =
        [("a".to_owned(), there(&*engine, &entity, "a").await?.generation, false), ("b".to_owned(), b.generation, false)];
    ensure_eq!(told(&drain(queue, NAME).await?), expected, "as they are");
    let never = RecordId::generate();
    let records = vec![(b.id, "b".into()), (gone.id, "gone".into()), (never, "never".into())];
    ensure_eq!(queue.requeue_changes(NAME, &Requeue::Records(records)).await?, 3, "by their ids");
    let mut queued: Vec<_> = drain(queue, NAME).await?.into_iter().map(|c| (c.external_id, c.record_id, c.deleted)).collect();
    queued.sort();
    let expected = [("b".to_owned(), b.id, false), ("gone".to_owned(), gone.id, true), ("never".to_owned(), never, true)];
    ensure_eq!(queued, expected, "those that are not there are deleted");
    ensure_eq!(queue.requeue_changes(NAME, &Requeue::Records(Vec::new())).await?, 0, "none");
    ensure_eq!(queue.requeue_changes(NAME, &Requeue::SetAside).await?, 0, "none aside");
    Ok(())
}

/// What cannot be meant is refused.
pub async fn malformed_calls_are_refused(engine: Arc<dyn Engine>) -> Outcome {
    let entity = followed(&*engine).await?;
    let queue = queue(&*engine)?;
    let long = "x".repeat(1_025);
    for name in ["", " ", "a\0b", &long] {
        refused(queue.subscribe(name, &entity).await, ErrorKind::InvalidInput)?;
        refused(queue.claim_changes(name, &ClaimOptions::default()).await, ErrorKind::InvalidInput)?;
    }
    for (limit, lease) in [(0, SHORT), (MAX_CLAIM + 1, SHORT), (1, Duration::ZERO), (1, Duration::from_secs(1 << 40))] {
        refused(queue.claim_changes(NAME, &at_most(limit, lease)).await, ErrorKind::InvalidInput)?;
    }
    put(&*engine, &entity, [("a", json!({ "n": 1 }))]).await?;
    let twice = only(queue).await?.settle(SettlementOutcome::Release);
    refused(queue.settle_changes(NAME, &[twice.clone(), twice]).await, ErrorKind::InvalidInput)?;
    ensure_eq!(queue.settle_changes(NAME, &[]).await?, SettleReport::default(), "nothing settled");
    let hostile = "'; DROP TABLE records; --";
    queue.subscribe(hostile, &entity).await?;
    ensure_eq!(drain(queue, hostile).await?.len(), 1, "a hostile name is a name");
    Ok(())
}

/// Every call names the subscription that is not there.
pub async fn an_unknown_subscription_is_not_found(engine: Arc<dyn Engine>) -> Outcome {
    let queue = queue(&*engine)?;
    let settlement = Settlement {
        record_id: RecordId::generate(),
        generation: 1,
        lease: LeaseId::generate(),
        outcome: SettlementOutcome::Release,
    };
    refused(queue.claim_changes("absent", &ClaimOptions::default()).await, ErrorKind::NotFound)?;
    refused(queue.settle_changes("absent", &[settlement]).await, ErrorKind::NotFound)?;
    refused(queue.requeue_changes("absent", &Requeue::All).await, ErrorKind::NotFound)?;
    refused(queue.queue_status("absent").await, ErrorKind::NotFound)?;
    refused(queue.list_set_aside("absent", 1).await, ErrorKind::NotFound)?;
    ensure!(!queue.unsubscribe("absent").await?, "nothing was there to end");
    ensure_eq!(queue.list_subscriptions().await?, [], "subscriptions");
    Ok(())
}
