//! What many cases begin with.

use mastra_core::{
    Count, CountQuery, EntityRef, Filter, NewEntity, NewRecord, Record, RecordQuery, RecordStore, Result, UpsertOptions,
    UpsertReport,
};
use serde_json::Value;

/// The connection of entities whose connection does not matter.
pub(crate) const CONNECTION: &str = "conformance";

/// A fresh entity.
pub(crate) async fn entity(store: &dyn RecordStore, name: &str) -> Result<EntityRef> {
    Ok(EntityRef::Id(store.create_entity(&NewEntity::new(name, CONNECTION)).await?.id))
}

/// A fresh entity that holds these documents.
pub(crate) async fn filled<I, S>(store: &dyn RecordStore, name: &str, documents: I) -> Result<EntityRef>
where
    I: IntoIterator<Item = (S, Value)>,
    S: Into<String>,
{
    let entity = entity(store, name).await?;
    put(store, &entity, documents).await?;
    Ok(entity)
}

/// Merges documents by their external ids.
pub(crate) async fn put<I, S>(store: &dyn RecordStore, entity: &EntityRef, documents: I) -> Result<UpsertReport>
where
    I: IntoIterator<Item = (S, Value)>,
    S: Into<String>,
{
    let records: Vec<NewRecord> = documents.into_iter().map(|(id, data)| NewRecord::new(id, data)).collect();
    store.upsert_records(entity, &records, &UpsertOptions::default()).await
}

/// The live record of an external id, if there is one.
pub(crate) async fn get(store: &dyn RecordStore, entity: &EntityRef, external_id: &str) -> Result<Option<Record>> {
    Ok(store.get_records_by_external_ids(entity, &[external_id.to_owned()]).await?.pop())
}

/// The live record of an external id, which has to be there.
pub(crate) async fn there(store: &dyn RecordStore, entity: &EntityRef, external_id: &str) -> crate::Outcome<Record> {
    let found = get(store, entity, external_id).await?;
    found.ok_or_else(|| crate::Failure::new(format!("the record {external_id:?} is not there")))
}

/// The external ids of a query's rows, in its order.
pub(crate) async fn found(store: &dyn RecordStore, entity: &EntityRef, query: &RecordQuery) -> Result<Vec<String>> {
    Ok(external_ids(&store.get_records(entity, query).await?.items))
}

/// The external ids of the rows that a filter matches, sorted.
pub(crate) async fn matching(store: &dyn RecordStore, entity: &EntityRef, filter: Filter) -> Result<Vec<String>> {
    let mut ids = found(store, entity, &RecordQuery::new().filter(filter)).await?;
    ids.sort();
    Ok(ids)
}

/// The external ids of records.
pub(crate) fn external_ids(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.external_id.clone()).collect()
}

/// How many live records an entity holds.
pub(crate) async fn count(store: &dyn RecordStore, entity: &EntityRef) -> Result<u64> {
    let Count { value, .. } = store.count_records(entity, &CountQuery::default()).await?;
    Ok(value)
}
