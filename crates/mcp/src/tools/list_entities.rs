//! `list_entities`.

use super::{Counted, Room, Tool, bounded};
use crate::{limits::Limits, parts::Parts};
use mastra_core::{CountQuery, Cursor, Entity, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Records are counted up to here.
const MOST_COUNTED: u64 = 10_000;

pub(super) struct ListEntities;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Only entities of this connection
    #[serde(alias = "connectionId", default)]
    connection_id: Option<String>,
    /// How many at most; 50 by default, 200 at most
    #[serde(default)]
    limit: Option<u64>,
    /// next_cursor of the page before
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    entities: Vec<EntityOut>,
    /// Whether there are more
    truncated: bool,
    /// Call again with this as cursor for the next page
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct EntityOut {
    /// Its name
    name: String,
    /// Where it comes from: a source, an account, a tenant
    connection_id: String,
    /// Its own id, which names it where several have its name
    id: String,
    /// How many records it has
    records: Counted,
    /// The fields that search_text searches; none where it cannot
    text_fields: Vec<String>,
}

impl Tool for ListEntities {
    const NAME: &'static str = "list_entities";
    const TITLE: &'static str = "List entities";
    type Input = Input;
    type Output = Output;

    fn description(_: &Parts) -> String {
        "Lists the entities (named collections of records): name, connection, number of records, and how each can be searched. Start here; \
         then describe_entity tells the fields of one."
            .to_owned()
    }

    async fn run(parts: &Parts, input: Input) -> Result<Output> {
        let limit = Limits::positive("limit", input.limit, 50, parts.limits.max_records)?;
        let cursor = input.cursor.map(Cursor::from);
        let page = parts.records.entities(input.connection_id.clone(), limit, cursor.clone()).await?;
        let (mut room, mut entities) = (Room::of(parts), Vec::with_capacity(page.items.len()));
        let mut next_cursor = page.next_cursor;
        for entity in &page.items {
            let described = described(parts, entity).await?;
            if !room.has(&described) && !entities.is_empty() {
                // The cursor behind those that fit is that of a shorter page.
                next_cursor = parts.records.entities(input.connection_id, entities.len() as u64, cursor).await?.next_cursor;
                break;
            }
            entities.push(described);
        }
        let next_cursor = next_cursor.map(|cursor| cursor.to_string());
        Ok(Output { entities, truncated: next_cursor.is_some(), next_cursor })
    }
}

async fn described(parts: &Parts, entity: &Entity) -> Result<EntityOut> {
    let counted = CountQuery { cap: Some(MOST_COUNTED), ..CountQuery::default() };
    Ok(EntityOut {
        name: entity.name.clone(),
        connection_id: entity.connection_id.clone(),
        id: entity.id.to_string(),
        records: parts.records.count(entity, &counted).await?.into(),
        text_fields: bounded(&entity.text_fields),
    })
}
