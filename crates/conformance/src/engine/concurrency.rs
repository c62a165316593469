//! Many writers at once.

use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::fixture::{CONNECTION, count, entity, filled, found, get, there};
use crate::random::Random;
use mastra_core::{
    CountQuery, Engine, EngineExt as _, EntityQuery, EntityRef, ErrorKind, Filter, NewRecord, RecordQuery, RecordSelector,
    RecordStore as _, Result, SyncBatch, Transaction, UpsertOptions, UpsertReport,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Runs all of them on several threads; the first failure is the outcome.
async fn all<T, F>(tasks: impl IntoIterator<Item = F>) -> Outcome<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut running: JoinSet<Result<T>> = tasks.into_iter().collect();
    let mut done = Vec::new();
    while let Some(ended) = running.join_next().await {
        done.push(ended.map_err(|error| Failure::new(format!("a writer ended early: {error}")))??);
    }
    Ok(done)
}

/// Of twenty writers of one new id one creates it, and all see the same record.
pub async fn twenty_writers_of_one_new_id_make_one_record(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    for round in 0..5 {
        let writers = (0..20).map(|writer| {
            let (engine, entity, id) = (Arc::clone(&engine), entity.clone(), format!("new-{round}"));
            async move {
                let record = NewRecord::new(id, json!({ format!("writer-{writer}"): writer }));
                engine.upsert_records(&entity, &[record], &UpsertOptions::default()).await
            }
        });
        let reports: Vec<UpsertReport> = all(writers).await?;
        ensure_eq!(reports.iter().map(|report| report.created.len()).sum::<usize>(), 1, "writers that created it");
        ensure_eq!(reports.iter().map(|report| report.updated.len()).sum::<usize>(), 19, "writers that changed it");
        let ids: BTreeSet<_> = reports.iter().flat_map(|r| r.created.iter().chain(&r.updated)).map(|record| record.id).collect();
        ensure_eq!(ids.len(), 1, "ids reported");
        let record = there(&*engine, &entity, &format!("new-{round}")).await?;
        ensure_eq!(record.data.as_object().map_or(0, serde_json::Map::len), 20, "keys of the merged record");
        ensure_eq!(count(&*engine, &entity).await?, round + 1, "records");
    }
    Ok(())
}

/// Ten syncs of one batch, each in another order, on an entity that none finds there: no error, nothing doubled.
pub async fn ten_syncs_of_one_batch_in_different_orders(engine: Arc<dyn Engine>) -> Outcome {
    let records: Vec<NewRecord> =
        (0..200).map(|n| NewRecord::new(format!("id-{n}"), json!({ "n": n, "same": "for all" }))).collect();
    for round in 0..3 {
        let name = format!("Contacts {round}");
        let syncs = (0..10).map(|worker| {
            let mut records = records.clone();
            Random::new(worker * 31 + round).shuffle(&mut records);
            let batch = SyncBatch::new(name.clone(), "crm", records).last_sync_id("end");
            let engine = Arc::clone(&engine);
            async move { engine.sync_records(&batch).await }
        });
        let reports = all(syncs).await?;
        let entities: BTreeSet<_> = reports.iter().map(|report| report.entity.id).collect();
        ensure_eq!(entities.len(), 1, "entities that the syncs made");
        ensure_eq!(
            reports.iter().map(|report| report.records.created.len()).sum::<usize>(),
            200,
            "records created, all syncs together"
        );
        ensure_eq!(
            reports.iter().map(|report| report.records.updated.len()).sum::<usize>(),
            0,
            "records changed by an equal one"
        );
        let ids = found(&*engine, &EntityRef::named(&name), &RecordQuery::new()).await?;
        ensure_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (200, 200), "records, and distinct external ids");
        for report in &reports {
            ensure_eq!(report.entity.last_sync_id.as_deref(), Some("end"), "the cursor reported");
        }
    }
    Ok(())
}

/// Counters that many writers read and write with an expected generation lose no step.
pub async fn counters_by_expected_generation_lose_nothing(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    let writers = (0..8).map(|_| {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        async move {
            for _ in 0..10 {
                increment(&*engine, &entity).await?;
            }
            Ok(())
        }
    });
    all(writers).await?;
    ensure_eq!(there(&*engine, &entity, "counter").await?.data, json!({ "n": 80 }), "the counter");
    Ok(())
}

async fn increment(engine: &dyn Engine, entity: &EntityRef) -> Result<()> {
    loop {
        let (n, generation) = match get(engine, entity, "counter").await? {
            Some(record) => (record.data.get("n").and_then(Value::as_i64).unwrap_or(0), record.generation),
            None => (0, 0),
        };
        let record = NewRecord::new("counter", json!({ "n": n + 1 })).expect_generation(generation);
        match engine.upsert_records(entity, &[record], &UpsertOptions::default()).await {
            // Another writer was faster.
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            done => return done.map(drop),
        }
    }
}

/// Batches that overlap, each in an order of its own, all succeed, and every record is whole.
pub async fn overlapping_batches_never_fail(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    let writers = (0..6_u64).map(|writer| {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        async move {
            let mut random = Random::new(writer);
            for round in 0..8 {
                let mut ids: Vec<usize> = (0..60).collect();
                random.shuffle(&mut ids);
                let stamp = json!({ "a": [writer, round], "b": [writer, round] });
                let records: Vec<NewRecord> =
                    ids.iter().take(40).map(|id| NewRecord::new(id.to_string(), stamp.clone())).collect();
                engine.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
                if round % 3 == 2 {
                    let selector = RecordSelector::ExternalIds(ids.iter().take(10).map(usize::to_string).collect());
                    engine.delete_records(&entity, &selector).await?;
                }
            }
            Ok(())
        }
    });
    all(writers).await?;
    let rows = engine.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    ensure_eq!(rows.len(), 60, "records");
    for record in rows {
        ensure!(
            record.data.get("a") == record.data.get("b"),
            "the record {} is of two writers: {}",
            record.external_id,
            record.data
        );
    }
    Ok(())
}

/// A reader sees all of a batch or nothing of it.
pub async fn a_batch_is_seen_whole_or_not_at_all(engine: Arc<dyn Engine>) -> Outcome {
    let stamped = |stamp: i64| (0..50).map(move |n| NewRecord::new(n.to_string(), json!({ "stamp": stamp })));
    let entity = filled(&*engine, "E", (0..50).map(|n| (n.to_string(), json!({ "stamp": 0 })))).await?;
    let writing = {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        tokio::spawn(async move {
            for stamp in 1..=40 {
                let records: Vec<NewRecord> = stamped(stamp).collect();
                engine.upsert_records(&entity, &records, &UpsertOptions::default()).await?;
            }
            Result::<()>::Ok(())
        })
    };
    let mut last = 0;
    while !writing.is_finished() {
        let rows = engine.get_records(&entity, &RecordQuery::new()).await?.items;
        let stamps: BTreeSet<i64> = rows.iter().filter_map(|record| record.data.get("stamp").and_then(Value::as_i64)).collect();
        ensure!(rows.len() == 50 && stamps.len() == 1, "a reader saw {} records of the stamps {stamps:?}", rows.len());
        let stamp = stamps.first().copied().unwrap_or(0);
        ensure!(stamp >= last, "a reader saw the stamp {stamp} behind {last}");
        last = stamp;
        let counted = CountQuery { filter: Filter::eq("stamp", stamp)?, ..CountQuery::default() };
        let value = engine.count_records(&entity, &counted).await?.value;
        ensure!(value == 50 || value == 0, "a count saw {value} of 50");
    }
    writing.await.map_err(|error| Failure::new(format!("the writer ended early: {error}")))??;
    Ok(())
}

/// Transactions over several records by many writers, run again where they conflict, lose nothing.
pub async fn transactions_of_many_writers_lose_nothing(engine: Arc<dyn Engine>) -> Outcome {
    let entity = filled(&*engine, "E", [("from", json!({ "n": 100 })), ("to", json!({ "n": 0 }))]).await?;
    let writers = (0..6).map(|_| {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        async move {
            for _ in 0..5 {
                while !moved(Arc::clone(&engine), entity.clone()).await? {
                    tokio::task::yield_now().await;
                }
            }
            Ok(())
        }
    });
    all(writers).await?;
    ensure_eq!(there(&*engine, &entity, "from").await?.data, json!({ "n": 70 }), "what was given");
    ensure_eq!(there(&*engine, &entity, "to").await?.data, json!({ "n": 30 }), "what was taken");
    Ok(())
}

/// Moves one from one record to the other, in one transaction; false where another writer came between.
async fn moved(engine: Arc<dyn Engine>, entity: EntityRef) -> Result<bool> {
    let done = engine.transaction_with_retry(async move |tx: &mut Transaction| {
        let mut changed = Vec::new();
        for (id, step) in [("from", -1), ("to", 1)] {
            if let Some(record) = get(&*tx, &entity, id).await? {
                let n = record.data.get("n").and_then(Value::as_i64).unwrap_or(0);
                changed.push(NewRecord::new(id, json!({ "n": n + step })).expect_generation(record.generation));
            }
        }
        tx.upsert_records(&entity, &changed, &UpsertOptions::default()).await
    });
    match done.await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes and upserts of one id end in a record that is one of the two, and never in an error.
pub async fn deletes_and_upserts_of_one_id_meet(engine: Arc<dyn Engine>) -> Outcome {
    let entity = entity(&*engine, "E").await?;
    let writers = (0..10_i64).map(|writer| {
        let (engine, entity) = (Arc::clone(&engine), entity.clone());
        async move {
            for round in 0..10 {
                if (writer + round) % 2 == 0 {
                    let record = NewRecord::new("1", json!({ "by": writer }));
                    engine.upsert_records(&entity, &[record], &UpsertOptions::default()).await?;
                } else {
                    engine.delete_records(&entity, &RecordSelector::ExternalIds(vec!["1".into()])).await?;
                }
                engine.sync_records(&SyncBatch::new("Other", CONNECTION, [])).await?;
            }
            Ok(())
        }
    });
    all(writers).await?;
    let rows = engine.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    ensure_eq!(rows.len(), 1, "records, deleted ones included");
    ensure_eq!(engine.list_entities(&EntityQuery::default()).await?.items.len(), 2, "entities");
    Ok(())
}
