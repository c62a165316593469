//! Errors that a caller can act on.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, filled, put};
use mastra_core::{
    EntityId, EntityRef, ErrorKind, Filter, NewEntity, NewRecord, RecordId, RecordQuery, RecordSelector, RecordStore, SyncBatch,
    TextSearch, UpsertOptions,
};
use serde_json::json;

/// An error names the operation that failed, in one line, and quotes no data.
pub async fn an_error_names_its_operation(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": "do not print" }))]).await?;
    let stale = [NewRecord::new("1", json!({ "a": "do not print" })).expect_generation(0)];
    let errors = [
        (store.create_entity(&NewEntity::new("E", crate::fixture::CONNECTION)).await.map(drop), "create_entity"),
        (store.resolve_entity(&EntityRef::Id(EntityId::generate())).await.map(drop), "resolve_entity"),
        (store.get_record(RecordId::generate()).await.map(drop), "get_record"),
        (store.delete_entity_by_id(EntityId::generate()).await.map(drop), "delete_entity_by_id"),
        (store.upsert_records(&entity, &stale, &UpsertOptions::default()).await.map(drop), "upsert_records"),
        (put(store, &entity, [("1", json!(["do not print"]))]).await.map(drop), "upsert_records"),
        (store.sync_records(&SyncBatch::new("", "c", [])).await.map(drop), "sync_records"),
        (store.get_records(&"Absent".into(), &RecordQuery::new()).await.map(drop), "get_records"),
        (store.search_text(&entity, &TextSearch::new("do not print")).await.map(drop), "search_text"),
        (store.delete_records(&entity, &RecordSelector::Filter(Filter::all())).await.map(drop), "delete_records"),
    ];
    for (result, operation) in errors {
        let Err(error) = result else { return Err(crate::Failure::new(format!("{operation} has to fail"))) };
        ensure_eq!(error.operation(), Some(operation), "the operation of {error}");
        let shown = error.to_string();
        ensure!(
            !shown.contains('\n') && shown.starts_with(operation),
            "the error is not one line that begins with {operation}: {shown}"
        );
        ensure!(!format!("{error:?}").contains("do not print"), "the error quotes data: {error:?}");
    }
    Ok(())
}

/// A call that fails leaves everything as it was.
pub async fn a_failed_call_leaves_no_trace(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "a": 1 })), ("2", json!({ "a": 2 }))]).await?;
    let before =
        (store.resolve_entity(&entity).await?, store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items);
    let stale = [
        NewRecord::new("3", json!({})),
        NewRecord::new("1", json!({ "a": 9 })),
        NewRecord::new("2", json!({})).expect_generation(0),
    ];
    refused(store.upsert_records(&entity, &stale, &UpsertOptions::default()).await, ErrorKind::Conflict)?;
    refused(put(store, &entity, [("1", json!({ "a": 9 })), ("4", json!(null))]).await, ErrorKind::InvalidInput)?;
    refused(
        store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["1".into(), " ".into()])).await,
        ErrorKind::InvalidInput,
    )?;
    let after =
        (store.resolve_entity(&entity).await?, store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items);
    ensure_eq!(after, before, "entity and records");
    ensure_eq!(count(store, &entity).await?, 2, "records");
    Ok(())
}
