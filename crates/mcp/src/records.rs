//! The engine as clients may see it: what reads, and only the entities that are shown. Nothing here leads to a method that writes.

use crate::failure::HINT;
use futures::StreamExt as _;
use mastra_core::{
    Count, CountQuery, Cursor, Engine, Entity, EntityId, EntityQuery, EntityRef, Error, FieldIndex, Page, Record, RecordQuery,
    RecordStream, Result, TextResults, TextSearch, engine::one_entity,
};
use std::sync::Arc;

/// Where the engine keeps its own books.
const OWN_CONNECTION: &str = "SYSTEM";
const OWN_NAMES: &str = "mastra.";

/// Entities read at a time while those that are shown are looked for.
const PAGE: u64 = 200;

/// Which entities are shown.
#[derive(Debug, Clone, Default)]
pub(crate) enum Shown {
    #[default]
    All,
    /// By name, `connection/name` or id.
    Named(Vec<String>),
}

impl Shown {
    fn includes(&self, entity: &Entity) -> bool {
        if entity.connection_id == OWN_CONNECTION && entity.name.starts_with(OWN_NAMES) {
            return false;
        }
        let is = |named: &String| {
            *named == entity.name
                || *named == entity.id.to_string()
                || named.strip_prefix(&entity.connection_id).and_then(|rest| rest.strip_prefix('/')) == Some(&entity.name)
        };
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(is),
        }
    }
}

/// Reading what is shown.
#[derive(Debug)]
pub(crate) struct Records {
    engine: Arc<dyn Engine>,
    shown: Shown,
}

impl Records {
    pub(crate) fn new(engine: Arc<dyn Engine>, shown: Shown) -> Self {
        Self { engine, shown }
    }

    /// One page of the entities that are shown, in order of id.
    pub(crate) async fn entities(
        &self,
        connection_id: Option<String>,
        limit: u64,
        mut cursor: Option<Cursor>,
    ) -> Result<Page<Entity>> {
        let read = |limit: u64, cursor: Option<Cursor>| {
            let query = EntityQuery { connection_id: connection_id.clone(), limit: Some(limit), cursor, name: None };
            async move { self.engine.list_entities(&query).await }
        };
        let mut page = Page::default();
        // Behind which cursor the last one that is kept was read, and as which.
        let mut last = (None, 0);
        loop {
            let Page { items, next_cursor } = read(PAGE, cursor.clone()).await?;
            for (at, entity) in (1..).zip(items) {
                if !self.shown.includes(&entity) {
                    continue;
                }
                if page.items.len() as u64 == limit {
                    // There is one more: the engine's own cursor behind the last one is that of a page that ends with it.
                    page.next_cursor = read(last.1, last.0).await?.next_cursor;
                    return Ok(page);
                }
                page.items.push(entity);
                last = (cursor.clone(), at);
            }
            match next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(page),
            }
        }
    }

    /// The one entity of that name or id that is shown. One that is not shown is `NotFound`, as if it were not there.
    pub(crate) async fn entity(&self, name: &str, connection_id: Option<&str>) -> Result<Entity> {
        if let Ok(id) = name.parse::<EntityId>() {
            match self.entity_by_id(id).await {
                Err(error) if error.is_not_found() => {}
                found => return found,
            }
        }
        let query = EntityQuery {
            name: Some(name.to_owned()),
            connection_id: connection_id.map(str::to_owned),
            ..EntityQuery::default()
        };
        let found = self.engine.list_entities(&query).await?.items;
        one_entity(found.into_iter().filter(|entity| self.shown.includes(entity)).collect())
            .map_err(|error| if error.is_not_found() { absent(name) } else { error })
    }

    pub(crate) async fn entity_by_id(&self, id: EntityId) -> Result<Entity> {
        match self.engine.resolve_entity(&id.into()).await {
            Ok(entity) if self.shown.includes(&entity) => Ok(entity),
            Err(error) if !error.is_not_found() => Err(error),
            _ => Err(absent(&id.to_string())),
        }
    }

    /// Whether an entity that somebody else names is shown. Where only some are, one that is not there is none of them.
    pub(crate) async fn shows(&self, entity: Option<&EntityRef>) -> Result<bool> {
        if matches!(self.shown, Shown::All) {
            return Ok(true);
        }
        let found = match entity {
            None => return Ok(false),
            Some(EntityRef::Id(id)) => self.entity_by_id(*id).await,
            Some(EntityRef::Name { name, connection_id }) => self.entity(name, connection_id.as_deref()).await,
        };
        match found {
            Err(error) if error.is_not_found() => Ok(false),
            found => found.map(|_| true),
        }
    }

    pub(crate) async fn count(&self, entity: &Entity, query: &CountQuery) -> Result<Count> {
        self.engine.count_records(&entity.into(), query).await
    }

    /// Records one after the other: however large they are, one is held at a time.
    pub(crate) async fn stream(&self, entity: &Entity, query: &RecordQuery) -> Result<RecordStream> {
        Ok(self.engine.stream_records(&entity.into(), query).await?.boxed())
    }

    pub(crate) async fn page(&self, entity: &Entity, query: &RecordQuery) -> Result<Page<Record>> {
        self.engine.get_records(&entity.into(), query).await
    }

    pub(crate) async fn record(&self, entity: &Entity, external_id: &str) -> Result<Record> {
        let found = self.engine.get_records_by_external_ids(&entity.into(), &[external_id.to_owned()]).await?;
        found.into_iter().next().ok_or_else(|| {
            Error::not_found("no record of the entity has this external id")
                .with("entity", &entity.name)
                .with("external_id", external_id)
                .with(HINT, "query_records and search_text find records; deleted ones are gone")
        })
    }

    pub(crate) async fn search(&self, entity: &Entity, search: &TextSearch) -> Result<TextResults> {
        self.engine.search_text(&entity.into(), search).await
    }

    pub(crate) async fn field_indexes(&self, entity: &Entity) -> Result<Vec<FieldIndex>> {
        self.engine.list_field_indexes(&entity.into()).await
    }
}

fn absent(name: &str) -> Error {
    Error::not_found("there is no such entity").with("entity", name).with(HINT, "list_entities shows what is there")
}
