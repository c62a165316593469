//! Records as values of the application's own types.

use crate::{
    engine::RecordStore,
    entity::EntityRef,
    error::{Error, Result},
    query::{Page, RecordQuery},
    record::{NewRecord, Record},
    upsert::{UpsertOptions, UpsertReport},
};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;

/// One entity, read and written as values of `T`. Made by [`RecordStoreExt::typed`](crate::RecordStoreExt::typed).
///
/// ```no_run
/// use mastra_core::{RecordQuery, RecordStore, RecordStoreExt as _, Result};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Contact {
///     name: String,
/// }
///
/// async fn rename(engine: &dyn RecordStore) -> Result<()> {
///     let contacts = engine.typed::<Contact>("Contacts");
///     let mut ada = contacts.get("c-1").await?;
///     ada.data.name = "Ada Lovelace".into();
///     contacts.upsert([("c-1", &ada.data)]).await?;
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Typed<'s, S: ?Sized, T> {
    store: &'s S,
    entity: EntityRef,
    of: PhantomData<fn() -> T>,
}

/// A record whose data is a `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct TypedRecord<T> {
    /// The data as the application's type.
    pub data: T,
    /// The record it was read from.
    pub record: Record,
}

impl<'s, S: RecordStore + ?Sized, T> Typed<'s, S, T> {
    pub(crate) fn new(store: &'s S, entity: EntityRef) -> Self {
        Self { store, entity, of: PhantomData }
    }
}

impl<S: RecordStore + ?Sized, T: DeserializeOwned> Typed<'_, S, T> {
    /// The live record of that external id, else `NotFound`; `Corrupt` where its data does not fit the type.
    pub async fn get(&self, external_id: &str) -> Result<TypedRecord<T>> {
        let found = self.store.get_records_by_external_ids(&self.entity, &[external_id.to_owned()]).await?;
        let record = found.into_iter().next();
        read(record.ok_or_else(|| Error::not_found("no record has this external id").with("externalId", external_id))?)
    }

    /// One page of the records that match; `Corrupt` where the data of one does not fit the type. Selecting fields takes a
    /// type whose other fields are optional.
    pub async fn query(&self, query: &RecordQuery) -> Result<Page<TypedRecord<T>>> {
        let page = self.store.get_records(&self.entity, query).await?;
        let items = page.items.into_iter().map(read).collect::<Result<_>>()?;
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    /// Every live record, in memory, in order of id.
    pub async fn all(&self) -> Result<Vec<TypedRecord<T>>> {
        Ok(self.query(&RecordQuery::new()).await?.items)
    }
}

impl<S: RecordStore + ?Sized, T: Serialize + Sync> Typed<'_, S, T> {
    /// Creates or merges values under their external ids.
    pub async fn upsert<'v, I, K>(&self, values: I) -> Result<UpsertReport>
    where
        I: IntoIterator<Item = (K, &'v T)>,
        K: Into<String>,
        T: 'v,
    {
        let records = values
            .into_iter()
            .map(|(external_id, value)| {
                let data = serde_json::to_value(value)
                    .map_err(|error| Error::invalid_input("the value cannot be written as JSON").with("why", shape(&error)))?;
                Ok(NewRecord::new(external_id, data))
            })
            .collect::<Result<Vec<_>>>()?;
        self.store.upsert_records(&self.entity, &records, &UpsertOptions::default()).await
    }
}

fn read<T: DeserializeOwned>(record: Record) -> Result<TypedRecord<T>> {
    let data = T::deserialize(&record.data).map_err(|error| {
        Error::corrupt("the record's data does not fit the type; generate the type again, or mend the record")
            .with("externalId", &record.external_id)
            .with("type", std::any::type_name::<T>())
            .with("why", shape(&error))
    })?;
    Ok(TypedRecord { data, record })
}

/// What serde says of a mismatch, without the value that it quotes.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.starts_with("missing field") || text.starts_with("unknown field") {
        return text;
    }
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => "the shapes differ".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_never_quotes_the_value() {
        let error = serde_json::from_str::<u8>("\"secret\"").unwrap_err();
        assert!(!shape(&error).contains("secret"), "{}", shape(&error));
    }
}
