//! Syncs: records and cursor in one.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, found, there};
use mastra_core::{
    EntityQuery, EntityRef, ErrorKind, NewEntity, NewRecord, RecordQuery, RecordSelector, RecordStore, SyncBatch, UpsertMode,
};
use serde_json::json;

fn batch(ids: impl IntoIterator<Item = &'static str>, n: i64) -> SyncBatch {
    SyncBatch::new("Contacts", "crm", ids.into_iter().map(|id| NewRecord::new(id, json!({ "n": n }))))
}

/// The first sync makes the entity, later ones use it.
pub async fn the_entity_is_created_on_first_use(store: &dyn RecordStore) -> Outcome {
    let first = store.sync_records(&batch(["1", "2"], 1).last_sync_id("page-1")).await?;
    ensure_eq!((first.entity.name.as_str(), first.entity.connection_id.as_str()), ("Contacts", "crm"), "the new entity");
    ensure_eq!(first.entity.last_sync_id.as_deref(), Some("page-1"), "its cursor");
    ensure_eq!(store.resolve_entity(&EntityRef::Id(first.entity.id)).await?, first.entity, "what is stored");
    let ids: Vec<&str> = first.records.created.iter().map(|record| record.external_id.as_str()).collect();
    ensure_eq!(ids, ["1", "2"], "created");
    let second = store.sync_records(&batch(["2", "3"], 2).last_sync_id("page-2")).await?;
    ensure_eq!(second.entity.id, first.entity.id, "the entity of the second sync");
    ensure_eq!(second.entity.last_sync_id.as_deref(), Some("page-2"), "the cursor of the second sync");
    ensure!(second.entity.updated_at > first.entity.updated_at, "the entity's updated_at stood still");
    ensure_eq!((second.records.created.len(), second.records.updated.len()), (1, 1), "created and updated");
    let elsewhere = SyncBatch { connection_id: "shop".into(), ..batch(["1"], 1) };
    ensure!(store.sync_records(&elsewhere).await?.entity.id != first.entity.id, "two connections share an entity");
    ensure_eq!(store.list_entities(&EntityQuery::default()).await?.items.len(), 2, "entities");
    let made = store.create_entity(&NewEntity::new("Made", "crm").schema(json!({ "type": "object" }))).await?;
    let report = store.sync_records(&SyncBatch::new("Made", "crm", [])).await?;
    ensure_eq!(report.entity, made, "an entity that was there, synced with nothing");
    Ok(())
}

/// Without `last_sync_id` the old cursor stays, and so does the entity.
pub async fn the_cursor_stays_without_a_new_one(store: &dyn RecordStore) -> Outcome {
    let first = store.sync_records(&batch(["1"], 1).last_sync_id("page-1")).await?;
    let second = store.sync_records(&batch(["1"], 2)).await?;
    ensure_eq!(second.entity, first.entity, "the entity after a sync without a cursor");
    ensure_eq!(second.records.updated.len(), 1, "updated");
    let never = store.sync_records(&SyncBatch::new("Other", "crm", [])).await?;
    ensure_eq!(never.entity.last_sync_id, None, "the cursor of an entity that never had one");
    Ok(())
}

/// Rows that a batch does not speak of stay as they are.
pub async fn rows_absent_from_a_batch_stay(store: &dyn RecordStore) -> Outcome {
    let report = store.sync_records(&batch(["1", "2", "3"], 1)).await?;
    let entity = EntityRef::Id(report.entity.id);
    let before = there(store, &entity, "1").await?;
    store.sync_records(&batch(["3"], 2)).await?;
    ensure_eq!(count(store, &entity).await?, 3, "records");
    ensure_eq!(there(store, &entity, "1").await?, before, "a record that the batch did not hold");
    Ok(())
}

/// An empty batch creates the entity, and moves its cursor.
pub async fn an_empty_batch_moves_the_cursor(store: &dyn RecordStore) -> Outcome {
    let first = store.sync_records(&batch([], 0)).await?;
    ensure_eq!(first.records.total(), 0, "records that the report speaks of");
    ensure_eq!(store.resolve_entity(&"Contacts".into()).await?, first.entity, "the entity that was created");
    let second = store.sync_records(&batch([], 0).last_sync_id("page-9")).await?;
    ensure_eq!(second.entity.last_sync_id.as_deref(), Some("page-9"), "the cursor");
    Ok(())
}

/// Where a record of the batch is refused, neither records nor cursor nor a new entity is stored.
pub async fn records_and_cursor_are_stored_together_or_not_at_all(store: &dyn RecordStore) -> Outcome {
    let stale = NewRecord::new("stale", json!({})).expect_generation(3);
    let mut failing = batch(["1", "2"], 2).last_sync_id("page-2");
    failing.records.push(stale);
    refused(store.sync_records(&failing).await, ErrorKind::Conflict)?;
    ensure!(store.list_entities(&EntityQuery::default()).await?.items.is_empty(), "a sync that failed left its entity behind");
    let first = store.sync_records(&batch(["1"], 1).last_sync_id("page-1")).await?;
    let entity = EntityRef::Id(first.entity.id);
    let before = store.get_records(&entity, &RecordQuery::new()).await?.items;
    refused(store.sync_records(&failing).await, ErrorKind::Conflict)?;
    ensure_eq!(store.resolve_entity(&entity).await?, first.entity, "the entity after a sync that failed");
    ensure_eq!(store.get_records(&entity, &RecordQuery::new()).await?.items, before, "the records after a sync that failed");
    Ok(())
}

/// The same batch with the same cursor again changes nothing at all.
pub async fn the_same_batch_again_changes_nothing(store: &dyn RecordStore) -> Outcome {
    let first = store.sync_records(&batch(["1", "2"], 1).last_sync_id("page-1")).await?;
    let entity = EntityRef::Id(first.entity.id);
    let before = store.get_records(&entity, &RecordQuery::new()).await?.items;
    let second = store.sync_records(&batch(["1", "2"], 1).last_sync_id("page-1")).await?;
    ensure_eq!(second.entity, first.entity, "the entity");
    ensure_eq!(second.records.unchanged, first.records.created, "the ids reported as unchanged");
    ensure_eq!(store.get_records(&entity, &RecordQuery::new()).await?.items, before, "the records");
    Ok(())
}

/// A sync revives what was deleted, and honours the mode.
pub async fn a_sync_revives_and_honours_its_options(store: &dyn RecordStore) -> Outcome {
    let first = store.sync_records(&batch(["1", "2"], 1)).await?;
    let entity = EntityRef::Id(first.entity.id);
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["1".into()])).await?;
    let mut again =
        SyncBatch::new("Contacts", "crm", [NewRecord::new("1", json!({ "m": 1 })), NewRecord::new("2", json!({ "m": 2 }))]);
    again.options.mode = UpsertMode::Replace;
    let report = store.sync_records(&again).await?;
    ensure_eq!((report.records.created.len(), report.records.updated.len()), (1, 1), "created and updated");
    ensure_eq!(there(store, &entity, "1").await?.data, json!({ "m": 1 }), "the revived record");
    ensure_eq!(there(store, &entity, "2").await?.data, json!({ "m": 2 }), "the replaced record");
    ensure_eq!(found(store, &entity, &RecordQuery::new()).await?.len(), 2, "records");
    Ok(())
}
