//! Deleting and purging.

use crate::failure::{Outcome, ensure, ensure_eq, refused};
use crate::fixture::{count, entity, filled, found, get, matching, put, there};
use mastra_core::{CountQuery, ErrorKind, Filter, PurgeOptions, RecordId, RecordQuery, RecordSelector, RecordStore, TextSearch};
use serde_json::{Value, json};

fn rows() -> impl Iterator<Item = (String, Value)> {
    (0..10).map(|n| (n.to_string(), json!({ "n": n, "text": format!("word t{n}") })))
}

/// Live records of this entity are deleted by their ids; others do not count.
pub async fn records_are_deleted_by_ids(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    let other = filled(store, "Other", [("1", json!({}))]).await?;
    let ids = [there(store, &entity, "1").await?.id, there(store, &entity, "2").await?.id];
    let foreign = there(store, &other, "1").await?.id;
    let selector = RecordSelector::Ids(vec![ids[0], foreign, ids[1], RecordId::generate(), ids[0]]);
    ensure_eq!(store.delete_records(&entity, &selector).await?.deleted, 2, "deleted");
    ensure_eq!(store.delete_records(&entity, &selector).await?.deleted, 0, "deleted the second time");
    ensure_eq!(store.delete_records(&entity, &RecordSelector::Ids(Vec::new())).await?.deleted, 0, "deleted by no ids");
    ensure_eq!(count(store, &entity).await?, 8, "records that are left");
    ensure_eq!(count(store, &other).await?, 1, "records of the other entity");
    Ok(())
}

/// Live records of this entity are deleted by their external ids.
pub async fn records_are_deleted_by_external_ids(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    let other = filled(store, "Other", [("1", json!({}))]).await?;
    let selector = RecordSelector::ExternalIds(["3", "absent", "1", "3"].map(str::to_owned).to_vec());
    ensure_eq!(store.delete_records(&entity, &selector).await?.deleted, 2, "deleted");
    ensure_eq!(store.delete_records(&entity, &selector).await?.deleted, 0, "deleted the second time");
    ensure_eq!(get(store, &entity, "3").await?, None, "a deleted record");
    ensure_eq!((count(store, &entity).await?, count(store, &other).await?), (8, 1), "records that are left");
    Ok(())
}

/// Exactly the records that the filter matches are deleted, whoever evaluates it.
pub async fn records_are_deleted_by_filter(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    filled(store, "Other", rows()).await?;
    for (filter, left) in [
        (Filter::gte("n", 8)?, vec!["0", "1", "2", "3", "4", "5", "6", "7"]),
        (Filter::regex("text", "t[01]$", "")?, vec!["2", "3", "4", "5", "6", "7"]),
        (!Filter::lt("n", 6)? & Filter::regex("text", "7", "")?, vec!["2", "3", "4", "5", "6"]),
        (Filter::none(), vec!["2", "3", "4", "5", "6"]),
    ] {
        let before = count(store, &entity).await?;
        let deleted = store.delete_records(&entity, &RecordSelector::Filter(filter.clone())).await?.deleted;
        ensure_eq!(deleted, before - left.len() as u64, "deleted by {filter:?}");
        ensure_eq!(matching(store, &entity, Filter::all()).await?, left, "what is left after {filter:?}");
    }
    ensure_eq!(count(store, &"Other".into()).await?, 10, "records of the other entity");
    Ok(())
}

/// All records are deleted where that is asked for by name; a filter that matches everything is refused.
pub async fn all_records_are_deleted_on_request_only(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    for empty in [json!({}), json!(null), json!({ "$and": [] }), json!({ "$and": [{}, {}] })] {
        let selector = RecordSelector::Filter(Filter::from_json(&empty)?);
        refused(store.delete_records(&entity, &selector).await, ErrorKind::InvalidInput)?;
    }
    ensure_eq!(count(store, &entity).await?, 10, "records after the refusals");
    ensure_eq!(store.delete_records(&entity, &RecordSelector::All).await?.deleted, 10, "deleted");
    ensure_eq!(store.delete_records(&entity, &RecordSelector::All).await?.deleted, 0, "deleted the second time");
    ensure_eq!(count(store, &entity).await?, 0, "records that are left");
    Ok(())
}

/// No read, count or search sees a deleted record unless it asks.
pub async fn deleted_records_are_out_of_sight(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    store.declare_text_index(&entity, &["text".parse()?]).await?;
    let record = there(store, &entity, "4").await?;
    store.delete_records(&entity, &RecordSelector::ExternalIds(vec!["4".into()])).await?;
    refused(store.get_record(record.id).await, ErrorKind::NotFound)?;
    ensure_eq!(get(store, &entity, "4").await?, None, "by external id");
    ensure!(!found(store, &entity, &RecordQuery::new()).await?.contains(&"4".to_owned()), "in a page");
    ensure!(matching(store, &entity, Filter::eq("n", 4)?).await?.is_empty(), "by filter");
    let counted = CountQuery { filter: Filter::eq("n", 4)?, ..CountQuery::default() };
    ensure_eq!(store.count_records(&entity, &counted).await?.value, 0, "in a count");
    ensure_eq!(store.search_text(&entity, &TextSearch::new("t4")).await?.total, 0, "in a search");
    ensure_eq!(store.search_text(&entity, &TextSearch::new("word").limit(100)).await?.total, 9, "hits of the others");
    Ok(())
}

/// Deleting takes a new generation and the time of deletion; `updated_at` and the data stay.
pub async fn deleting_moves_the_generation_and_not_updated_at(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", [("1", json!({ "n": 1 }))]).await?;
    let live = there(store, &entity, "1").await?;
    store.delete_records(&entity, &RecordSelector::All).await?;
    let rows = store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    let Some(deleted) = rows.first() else { return Err(crate::Failure::new("the deleted record is gone before a purge")) };
    ensure!(deleted.generation > live.generation, "the generation went from {} to {}", live.generation, deleted.generation);
    ensure!(deleted.deleted_at.is_some_and(|at| at >= live.updated_at), "deleted at {:?}", deleted.deleted_at);
    let mut expected = live;
    expected.generation = deleted.generation;
    expected.deleted_at = deleted.deleted_at;
    ensure_eq!(*deleted, expected, "the deleted record");
    store.delete_records(&entity, &RecordSelector::All).await?;
    let again = store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    ensure_eq!(again, rows, "a record deleted twice");
    Ok(())
}

/// A purge removes deleted records for good and never a live one; an id that was purged starts anew.
pub async fn purging_removes_deleted_records_only(store: &dyn RecordStore) -> Outcome {
    let entity = filled(store, "E", rows()).await?;
    let other = filled(store, "Other", rows()).await?;
    let old = there(store, &entity, "9").await?;
    for entity in [&entity, &other] {
        store.delete_records(entity, &RecordSelector::Filter(Filter::gte("n", 7)?)).await?;
    }
    ensure_eq!(store.purge_records(&entity, &PurgeOptions::default()).await?.deleted, 3, "purged");
    ensure_eq!(store.purge_records(&entity, &PurgeOptions::default()).await?.deleted, 0, "purged the second time");
    let all = RecordQuery::new().include_deleted();
    ensure_eq!(found(store, &entity, &all).await?.len(), 7, "records that are left");
    ensure_eq!(found(store, &other, &all).await?.len(), 10, "records of the other entity");
    let report = put(store, &entity, [("9", json!({ "again": true }))]).await?;
    ensure_eq!(report.created.len(), 1, "created");
    let new = there(store, &entity, "9").await?;
    ensure!(new.id != old.id && new.created_at >= old.created_at, "a purged record came back: {new:?}");
    ensure!(new.generation > old.generation, "the generation ran back");
    Ok(())
}

/// A purge by time removes what was deleted before it.
pub async fn purging_by_time(store: &dyn RecordStore) -> Outcome {
    let entity = entity(store, "E").await?;
    put(store, &entity, rows()).await?;
    for id in ["1", "2", "3"] {
        store.delete_records(&entity, &RecordSelector::ExternalIds(vec![id.into()])).await?;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let rows = store.get_records(&entity, &RecordQuery::new().include_deleted()).await?.items;
    let second = rows.iter().find(|record| record.external_id == "2").and_then(|record| record.deleted_at);
    let options = PurgeOptions { deleted_before: second };
    ensure_eq!(store.purge_records(&entity, &options).await?.deleted, 1, "purged of those deleted before the second");
    let left = found(store, &entity, &RecordQuery::new().include_deleted()).await?;
    ensure!(!left.contains(&"1".to_owned()) && left.contains(&"2".to_owned()), "left are {left:?}");
    ensure_eq!(count(store, &entity).await?, 7, "live records");
    Ok(())
}
