//! Several operations that become visible together or not at all.

use crate::failure::{Failure, Outcome, ensure, ensure_eq, refused};
use crate::fixture::{CONNECTION, count, entity, filled, get, put, there};
use mastra_core::{
    Engine, EngineExt as _, EntityQuery, EntityRef, Error, ErrorKind, NewEntity, NewRecord, PurgeOptions, RecordQuery,
    RecordSelector, RecordStore, RecordStoreExt as _, SyncBatch, TextSearch, Transaction, UpsertOptions,
};
use serde_json::json;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

/// Changes of every kind, on one store.
async fn change(store: &dyn RecordStore, entity: &EntityRef) -> Outcome {
    put(store, entity, [("1", json!({ "n": 2 })), ("new", json!({ "text": "fresh words" }))]).await?;
    store.delete_records(entity, &RecordSelector::ExternalIds(vec!["2".into()])).await?;
    store.declare_text_index(entity, &["text".parse()?]).await?;
    store.sync_records(&SyncBatch::new("Synced", CONNECTION, [NewRecord::new("s", json!({}))]).last_sync_id("c")).await?;
    store.create_entity(&NewEntity::new("Created", CONNECTION)).await?;
    Ok(())
}

async fn is_changed(store: &dyn RecordStore, entity: &EntityRef) -> Outcome {
    ensure_eq!(there(store, entity, "1").await?.data, json!({ "n": 2 }), "the changed record");
    ensure_eq!(get(store, entity, "2").await?, None, "the deleted record");
    ensure_eq!(store.search_text(entity, &TextSearch::new("fresh")).await?.total, 1, "hits in the declared field");
    ensure_eq!(store.resolve_entity(&"Synced".into()).await?.last_sync_id.as_deref(), Some("c"), "the cursor of the sync");
    ensure_eq!(count(store, &"Synced".into()).await?, 1, "records of the sync");
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 3, "entities");
    Ok(())
}

async fn is_unchanged(store: &dyn RecordStore, entity: &EntityRef) -> Outcome {
    ensure_eq!(there(store, entity, "1").await?.data, json!({ "n": 1 }), "the record that was to change");
    ensure!(get(store, entity, "2").await?.is_some(), "the record that was to be deleted is gone");
    ensure_eq!(get(store, entity, "new").await?, None, "the record that was to be created");
    ensure!(store.resolve_entity(entity).await?.text_fields.is_empty(), "text fields were declared");
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 1, "entities");
    Ok(())
}

async fn start(engine: &dyn Engine) -> mastra_core::Result<EntityRef> {
    filled(engine, "E", [("1", json!({ "n": 1 })), ("2", json!({ "n": 1 }))]).await
}

/// What a transaction did is seen by all once it has committed, and by itself before.
pub async fn a_commit_makes_everything_visible(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let transaction = engine.begin().await?;
    change(&transaction, &entity).await?;
    is_changed(&transaction, &entity).await.map_err(|failure| failure.about("inside, before the commit"))?;
    transaction.commit().await?;
    is_changed(&*engine, &entity).await
}

/// A transaction that is dropped did nothing, and blocks nobody.
pub async fn dropping_rolls_back(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let transaction = engine.begin().await?;
    change(&transaction, &entity).await?;
    drop(transaction);
    is_unchanged(&*engine, &entity).await?;
    change(&*engine, &entity).await?;
    is_changed(&*engine, &entity).await
}

/// A transaction that is rolled back did nothing; generations do not run back behind it.
pub async fn a_rollback_undoes_everything(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let before = engine.get_records(&entity, &RecordQuery::new()).await?.items;
    let transaction = engine.begin().await?;
    change(&transaction, &entity).await?;
    transaction.rollback().await?;
    is_unchanged(&*engine, &entity).await?;
    ensure_eq!(engine.get_records(&entity, &RecordQuery::new()).await?.items, before, "the records");
    change(&*engine, &entity).await?;
    is_changed(&*engine, &entity).await
}

/// Others see nothing of an open transaction.
pub async fn nothing_is_visible_before_the_commit(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let transaction = engine.begin().await?;
    change(&transaction, &entity).await?;
    is_unchanged(&*engine, &entity).await.map_err(|failure| failure.about("outside, before the commit"))?;
    transaction.commit().await?;
    is_changed(&*engine, &entity).await
}

/// A closure commits when it succeeds; when it fails, its error comes back and nothing is left.
pub async fn a_closure_commits_or_rolls_back(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let failed: mastra_core::Result<()> = engine
        .transaction(async |tx: &mut Transaction| {
            put(&*tx, &entity, [("1", json!({ "n": 9 })), ("new", json!({}))]).await?;
            Err(Error::corrupt("the closure's own error"))
        })
        .await;
    let error = refused(failed, ErrorKind::Corrupt)?;
    ensure!(error.message().contains("own error"), "another error came back: {error}");
    is_unchanged(&*engine, &entity).await?;
    let value = engine
        .transaction(async |tx: &mut Transaction| {
            put(&*tx, &entity, [("1", json!({ "n": 3 }))]).await?;
            let read = get(&*tx, &entity, "1").await?;
            Ok(read.map(|record| record.data))
        })
        .await?;
    ensure_eq!(value, Some(json!({ "n": 3 })), "what the closure read of its own write");
    ensure_eq!(there(&*engine, &entity, "1").await?.data, json!({ "n": 3 }), "what was committed");
    Ok(())
}

/// The engine itself inside its own transaction's closure is an error, on every operation, and not a hang.
pub async fn the_outer_engine_inside_a_closure_is_refused(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let outer = &engine;
    let errors = engine
        .transaction(async |tx: &mut Transaction| {
            put(&*tx, &entity, [("1", json!({ "n": 2 }))]).await?;
            Ok([
                put(&**outer, &entity, [("1", json!({ "n": 7 }))]).await.map(drop),
                outer.get_records(&entity, &RecordQuery::new()).await.map(drop),
                outer.begin().await.map(drop),
                outer.stream_records(&entity, &RecordQuery::new()).await.map(drop),
                outer.transaction(async |_: &mut Transaction| Ok(())).await,
                outer.ping().await,
            ])
        })
        .await?;
    for result in errors {
        refused(result, ErrorKind::InvalidInput)?;
    }
    ensure_eq!(there(&*engine, &entity, "1").await?.data, json!({ "n": 2 }), "what the transaction wrote");
    // Another task is not inside the closure, whatever the closure waits for.
    let elsewhere = Arc::clone(&engine);
    let listed = engine
        .transaction(async |_: &mut Transaction| {
            let task = tokio::spawn(async move { elsewhere.list_entities(&EntityQuery::default()).await });
            task.await.map_err(|_| Error::internal("the other task ended early"))?
        })
        .await?;
    ensure_eq!(listed.items.len(), 1, "entities that another task saw");
    Ok(())
}

/// `transaction_with_retry` runs its closure again after a conflict that a retry can help, and not after others.
pub async fn a_closure_is_run_again_after_a_conflict(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let runs = AtomicU32::new(0);
    engine
        .transaction_with_retry(async |tx: &mut Transaction| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            put(&*tx, &entity, [(format!("run-{run}"), json!({}))]).await?;
            if run < 3 { Err(Error::conflict("come again").retryable(true)) } else { Ok(()) }
        })
        .await?;
    ensure_eq!(runs.load(Ordering::Relaxed), 3, "runs");
    ensure!(get(&*engine, &entity, "run-3").await?.is_some(), "the last run was not committed");
    ensure!(get(&*engine, &entity, "run-1").await?.is_none(), "a run that failed was committed");
    runs.store(0, Ordering::Relaxed);
    let failed: mastra_core::Result<()> = engine
        .transaction_with_retry(async |_: &mut Transaction| {
            runs.fetch_add(1, Ordering::Relaxed);
            Err(Error::conflict("for good"))
        })
        .await;
    refused(failed, ErrorKind::Conflict)?;
    ensure_eq!(runs.load(Ordering::Relaxed), 1, "runs of a closure whose conflict stays");
    Ok(())
}

/// Where the future of a closure is dropped half-way, nothing of it is left and nobody is blocked.
pub async fn a_dropped_closure_rolls_back(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let endless = engine.transaction(async |tx: &mut Transaction| {
        put(&*tx, &entity, [("1", json!({ "n": 9 })), ("new", json!({}))]).await?;
        pending::<mastra_core::Result<()>>().await
    });
    let ended = tokio::time::timeout(Duration::from_millis(300), endless).await;
    ensure!(ended.is_err(), "an endless closure ended: {ended:?}");
    is_unchanged(&*engine, &entity).await?;
    change(&*engine, &entity).await?;
    is_changed(&*engine, &entity).await
}

/// A call that is refused inside a transaction has no effect, and the transaction goes on.
pub async fn a_failed_call_leaves_the_transaction_usable(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    let transaction = engine.begin().await?;
    put(&transaction, &entity, [("before", json!({}))]).await?;
    let stale = [NewRecord::new("x", json!({})), NewRecord::new("1", json!({ "n": 5 })).expect_generation(0)];
    refused(transaction.upsert_records(&entity, &stale, &UpsertOptions::default()).await, ErrorKind::Conflict)?;
    refused(transaction.create_entity(&NewEntity::new("E", CONNECTION)).await, ErrorKind::AlreadyExists)?;
    refused(transaction.resolve_entity(&"Absent".into()).await, ErrorKind::NotFound)?;
    refused(put(&transaction, &entity, [("", json!({}))]).await, ErrorKind::InvalidInput)?;
    refused(transaction.search_text(&entity, &TextSearch::new("word")).await, ErrorKind::InvalidInput)?;
    put(&transaction, &entity, [("behind", json!({}))]).await?;
    ensure_eq!(get(&transaction, &entity, "x").await?, None, "a record of the refused call");
    transaction.commit().await?;
    ensure_eq!(there(&*engine, &entity, "1").await?.data, json!({ "n": 1 }), "the record of the refused call");
    for id in ["before", "behind"] {
        ensure!(get(&*engine, &entity, id).await?.is_some(), "the record {id} is missing");
    }
    ensure_eq!(count(&*engine, &entity).await?, 4, "records");
    Ok(())
}

async fn tour<S: RecordStore + ?Sized>(store: &S, name: &str) -> Outcome {
    let created = store.create_entity(&NewEntity::new(name, CONNECTION)).await?;
    let entity = EntityRef::Id(created.id);
    store.upsert_records(&entity, &[NewRecord::new("1", json!({ "n": 1 }))], &UpsertOptions::default()).await?;
    ensure_eq!(store.get_entity_by_id(created.id).await?, created, "the entity");
    ensure_eq!(store.get_records_by_entity_name(name, None).await?.len(), 1, "records");
    ensure_eq!(store.get_record_by_external_id(&entity, "1").await?.data, json!({ "n": 1 }), "the record");
    refused(store.get_entity(Some(" "), None).await, ErrorKind::InvalidInput)?;
    Ok(())
}

/// Every operation and convenience is there on a trait object, on a box and an arc of one, and on a transaction.
pub async fn conveniences_work_on_every_kind_of_store(engine: Arc<dyn Engine>) -> Outcome {
    tour(&*engine, "trait object").await?;
    tour(&engine, "arc").await?;
    let boxed: Box<dyn RecordStore> = Box::new(Arc::clone(&engine));
    tour(&boxed, "box").await?;
    tour(&*boxed, "boxed trait object").await?;
    let transaction = engine.begin().await?;
    tour(&transaction, "transaction").await?;
    let shared: Arc<dyn RecordStore> = Arc::new(transaction);
    tour(&shared, "transaction behind an arc").await?;
    drop(shared);
    let names = engine.list_entities(&EntityQuery::default()).await?.items.len();
    ensure_eq!(names, 4, "entities, those of the dropped transaction left out");
    if entity(&*engine, "arc").await.is_ok() {
        return Err(Failure::new("an entity was created twice"));
    }
    Ok(())
}

/// A call that is given up, wherever it stood, was made whole or not at all, and the transaction goes on.
pub async fn a_call_given_up_leaves_the_transaction_usable(engine: Arc<dyn Engine>) -> Outcome {
    let entity = start(&*engine).await?;
    for size in [2, 1_200] {
        let ids: Vec<String> = (0..size).map(|n| format!("{size}-{n}")).collect();
        let mut polls = 0;
        while !given_up(&*engine, &entity, &ids, polls).await.map_err(|failure| failure.about(format!("{polls} polls")))? {
            polls += 1;
            ensure!(polls < 500, "the call does not end");
        }
    }
    Ok(())
}

/// Gives a call up after so many polls, or says that it ended.
async fn given_up(engine: &dyn Engine, entity: &EntityRef, ids: &[String], polls: usize) -> Outcome<bool> {
    let data = json!({ "polls": polls });
    let transaction = engine.begin().await?;
    put(&transaction, entity, [("before", data.clone())]).await?;
    let ended = poll_so_often(polls, put(&transaction, entity, ids.iter().map(|id| (id, data.clone())))).await;
    put(&transaction, entity, [("after", data.clone())]).await?;
    transaction.commit().await?;
    for id in ["before", "after"] {
        ensure_eq!(there(engine, entity, id).await?.data, data, "the record {id:?}");
    }
    let stored = engine.get_records_by_external_ids(entity, ids).await?;
    let written = stored.iter().filter(|record| record.data == data).count();
    ensure!(written == ids.len() || (written == 0 && !ended), "{written} of {} records; ended: {ended}", ids.len());
    // Each time the records are new again.
    engine.delete_records(entity, &RecordSelector::ExternalIds(ids.to_vec())).await?;
    engine.purge_records(entity, &PurgeOptions::default()).await?;
    Ok(ended)
}

/// A call that writes much and is given up, in a transaction or outside of one, leaves nobody with answers to other questions: what
/// comes next is right, or says that the transaction has to run again.
pub async fn a_large_call_given_up_misleads_nobody(engine: Arc<dyn Engine>) -> Outcome {
    let known = filled(&*engine, "Known", [("1", json!({})), ("2", json!({})), ("3", json!({}))]).await?;
    let large = entity(&*engine, "Large").await?;
    let records: Vec<NewRecord> = (0..4_200).map(|n| NewRecord::new(format!("{n}"), json!({ "n": n }))).collect();
    let options = UpsertOptions::default();
    for polls in 0..60 {
        let about = |failure: Failure| failure.about(format!("{polls} polls"));
        let transaction = engine.begin().await?;
        let ended = poll_so_often(polls, transaction.upsert_records(&large, &records, &options)).await;
        for _ in 0..3 {
            match count(&transaction, &known).await {
                Ok(found) => ensure_eq!(found, 3, "records of the other entity, inside, after {polls} polls"),
                Err(error) if error.kind() == ErrorKind::Conflict && error.is_retryable() => break,
                Err(error) if error.kind() == ErrorKind::InvalidInput => break,
                Err(error) => return Err(about(error.into())),
            }
        }
        drop(transaction);
        poll_so_often(polls, engine.upsert_records(&large, &records, &options)).await;
        for _ in 0..3 {
            ensure_eq!(count(&*engine, &known).await.map_err(|e| about(e.into()))?, 3, "the same, outside, after {polls} polls");
        }
        let stored = count(&*engine, &large).await.map_err(|e| about(e.into()))?;
        ensure!(stored == 0 || stored == 4_200, "{stored} records of 4,200, after {polls} polls");
        engine.delete_records(&large, &RecordSelector::All).await?;
        engine.purge_records(&large, &PurgeOptions::default()).await?;
        if ended {
            return Ok(());
        }
    }
    Err(Failure::new("the call does not end"))
}

/// Polls a call so often, and drops it; whether it ended.
async fn poll_so_often(polls: usize, call: impl Future) -> bool {
    let mut call = pin!(call);
    for _ in 0..polls {
        if poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}
