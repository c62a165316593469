//! Conveniences over the traits, which nobody implements.

use super::{Engine, RecordStore, Transaction, reentry};
use crate::{
    entity::{Entity, EntityQuery, EntityRef, EntityUpdate},
    error::{Error, ErrorKind, Result},
    ids::EntityId,
    query::RecordQuery,
    record::Record,
    retry::Backoff,
    typed::Typed,
};

/// How many matches a `Conflict` over an entity's name lists.
const LISTED: usize = 10;

/// Operations made of those of [`RecordStore`], on an engine as in a transaction.
#[allow(async_fn_in_trait, reason = "implemented once, by the blanket below; futures are Send wherever the store's are")]
pub trait RecordStoreExt: RecordStore {
    /// The entity of that id, else `NotFound`.
    async fn get_entity_by_id(&self, id: EntityId) -> Result<Entity> {
        self.resolve_entity(&EntityRef::Id(id)).await
    }

    /// The one entity of that name, in that connection, or both; `NotFound` where there is none, `Conflict` with the matches
    /// listed where there are several, `InvalidInput` where neither is given.
    async fn get_entity(&self, name: Option<&str>, connection_id: Option<&str>) -> Result<Entity> {
        if name.is_none() && connection_id.is_none() {
            return Err(Error::invalid_input("give an entity name, a connection id, or both").with_operation("get_entity"));
        }
        let query = EntityQuery {
            name: name.map(str::to_owned),
            connection_id: connection_id.map(str::to_owned),
            limit: Some(LISTED as u64 + 1),
            cursor: None,
        };
        one_entity(self.list_entities(&query).await?.items).map_err(|error| error.with_operation("get_entity"))
    }

    /// Sets the cursor of an entity's last sync.
    async fn update_entity_last_sync_id(&self, id: EntityId, last_sync_id: &str) -> Result<Entity> {
        let update = EntityUpdate { last_sync_id: Some(Some(last_sync_id.to_owned())), ..EntityUpdate::default() };
        self.update_entity(&EntityRef::Id(id), &update).await
    }

    /// Every live record of an entity, in memory, in order of id; [`Engine::stream_records`] reads without holding them all.
    async fn get_records_by_entity_id(&self, id: EntityId) -> Result<Vec<Record>> {
        Ok(self.get_records(&EntityRef::Id(id), &RecordQuery::new()).await?.items)
    }

    /// Every live record of an entity by name, in memory, in order of id.
    async fn get_records_by_entity_name(&self, name: &str, connection_id: Option<&str>) -> Result<Vec<Record>> {
        Ok(self.get_records(&entity_ref(name, connection_id), &RecordQuery::new()).await?.items)
    }

    /// The live record of that external id, in a list that holds one or none.
    async fn get_records_by_entity_name_and_external_id(
        &self,
        name: &str,
        connection_id: Option<&str>,
        external_id: &str,
    ) -> Result<Vec<Record>> {
        self.get_records_by_external_ids(&entity_ref(name, connection_id), &[external_id.to_owned()]).await
    }

    /// The live record of that external id, else `NotFound`.
    async fn get_record_by_external_id(&self, entity: &EntityRef, external_id: &str) -> Result<Record> {
        let found = self.get_records_by_external_ids(entity, &[external_id.to_owned()]).await?;
        found.into_iter().next().ok_or_else(|| {
            Error::not_found("no record has this external id")
                .with_operation("get_record_by_external_id")
                .with("externalId", external_id)
        })
    }

    /// The records of an entity as values of a type of yours, such as `mastra engine generate` writes.
    fn typed<T>(&self, entity: impl Into<EntityRef>) -> Typed<'_, Self, T> {
        Typed::new(self, entity.into())
    }
}

impl<S: RecordStore + ?Sized> RecordStoreExt for S {}

/// Picks the one entity of a list, or says why there is not one: `NotFound`, or a `Conflict` that lists the matches.
///
/// Backends resolve a name with it, from at most a dozen matches.
pub fn one_entity(found: Vec<Entity>) -> Result<Entity> {
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (None, _) => Err(Error::not_found("there is no such entity; sync_records or create_entity makes one")),
        (Some(entity), None) => Ok(entity),
        (Some(first), Some(second)) => {
            let rest: Vec<Entity> = found.collect();
            let more = if rest.len() + 2 > LISTED { ", …" } else { "" };
            let all: Vec<String> = [first, second]
                .iter()
                .chain(&rest)
                .take(LISTED)
                .map(|entity| format!("{} in {} ({})", entity.name, entity.connection_id, entity.id))
                .collect();
            Err(Error::conflict("several entities match; name the connection, or use an id")
                .with("matches", format!("{}{more}", all.join(", "))))
        }
    }
}

fn entity_ref(name: &str, connection_id: Option<&str>) -> EntityRef {
    let entity = EntityRef::named(name);
    match connection_id {
        Some(id) => entity.in_connection(id),
        None => entity,
    }
}

/// Transactions as closures.
#[allow(async_fn_in_trait, reason = "implemented once, by the blanket below; futures are Send wherever the engine's are")]
pub trait EngineExt: Engine {
    /// Runs `body` in a transaction: commits when it returns `Ok`, rolls back when it fails or the future is dropped.
    ///
    /// A call on the engine itself inside `body` is `InvalidInput`, never a hang; use the transaction that `body` is given. A
    /// deadlock or serialization failure is returned as a retryable `Conflict`. In a spawned task the closure is `async move`
    /// with values of its own: the compiler cannot show that one which captures references is `Send`.
    async fn transaction<T, F>(&self, body: F) -> Result<T>
    where
        F: AsyncFnOnce(&mut Transaction) -> Result<T>,
    {
        let mut transaction = self.begin().await?;
        let engine = std::ptr::from_ref(self.info()).addr();
        match reentry::inside(engine, body(&mut transaction)).await {
            Ok(value) => transaction.commit().await.map(|()| value),
            Err(error) => {
                // The body's error is what the caller needs; a failing rollback leaves the transaction undone all the same.
                let _ = transaction.rollback().await;
                Err(error)
            }
        }
    }

    /// As [`EngineExt::transaction`], with a body that can run again: retryable conflicts run it anew, with growing pauses.
    async fn transaction_with_retry<T, F>(&self, mut body: F) -> Result<T>
    where
        F: AsyncFnMut(&mut Transaction) -> Result<T>,
    {
        let mut backoff = Backoff::default();
        loop {
            match self.transaction(async |transaction: &mut Transaction| body(transaction).await).await {
                Err(error) if error.kind() == ErrorKind::Conflict && error.is_retryable() => match backoff.next() {
                    Some(pause) => pause.await,
                    None => return Err(error),
                },
                done => return done,
            }
        }
    }
}

impl<E: Engine + ?Sized> EngineExt for E {}
