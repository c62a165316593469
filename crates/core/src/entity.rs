//! Entities: named collections of records, each from one connection.

use crate::{Path, cursor::Cursor, ids::EntityId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A named collection of records. `(connection_id, name)` is unique.
///
/// ```
/// use mastra_core::NewEntity;
///
/// let contacts = NewEntity::new("Contacts", "crm");
/// assert_eq!(contacts.connection_id, "crm");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// The engine's id, a UUIDv7.
    pub id: EntityId,
    /// What the application calls it.
    pub name: String,
    /// The connection (account, tenant, source) that it comes from.
    pub connection_id: String,
    /// The cursor of the last sync that committed.
    pub last_sync_id: Option<String>,
    /// The JSON Schema that the records' data is declared to follow; used to generate types, not enforced.
    pub schema: Option<Value>,
    /// The fields that full-text search covers; empty where none was declared.
    pub text_fields: Vec<Path>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When anything of the entity itself last changed.
    pub updated_at: Timestamp,
}

/// What is needed to create an [`Entity`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEntity {
    /// What the application calls it; not blank.
    pub name: String,
    /// The connection that it comes from; not blank.
    pub connection_id: String,
    /// The JSON Schema of its records' data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

impl NewEntity {
    /// An entity of that name in that connection, without a schema.
    pub fn new(name: impl Into<String>, connection_id: impl Into<String>) -> Self {
        Self { name: name.into(), connection_id: connection_id.into(), schema: None }
    }

    /// Declares the JSON Schema of its records' data.
    #[must_use]
    pub fn schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }
}

/// Changes to an [`Entity`]; what is `None` stays as it is.
///
/// ```
/// use mastra_core::EntityUpdate;
///
/// let rename = EntityUpdate { name: Some("People".into()), ..EntityUpdate::default() };
/// assert!(!rename.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntityUpdate {
    /// A new name, not blank; `AlreadyExists` where the connection has one of that name.
    pub name: Option<String>,
    /// A new sync cursor; `Some(None)` clears it.
    pub last_sync_id: Option<Option<String>>,
    /// A new JSON Schema; `Some(None)` clears it.
    pub schema: Option<Option<Value>>,
}

impl EntityUpdate {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which entities [`RecordStore::list_entities`](crate::RecordStore::list_entities) returns, ordered by id.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EntityQuery {
    /// Only those of this name.
    pub name: Option<String>,
    /// Only those of this connection.
    pub connection_id: Option<String>,
    /// At most this many; all of them where it is `None`.
    pub limit: Option<u64>,
    /// Continue behind the page that gave this cursor.
    pub cursor: Option<Cursor>,
}

/// Names the entity that an operation works on.
///
/// Every operation resolves it alike: no such entity is `NotFound`, a name that several connections share is a `Conflict`
/// whose context lists them, and a blank name is `InvalidInput`.
///
/// ```
/// use mastra_core::EntityRef;
///
/// let by_name = EntityRef::from("Contacts");
/// let exactly = EntityRef::named("Contacts").in_connection("crm");
/// assert_ne!(by_name, exactly);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EntityRef {
    /// By the engine's id.
    Id(EntityId),
    /// By name, in one connection or wherever it is unique.
    Name {
        /// The entity's name.
        name: String,
        /// The connection; `None` where the name alone is unique.
        connection_id: Option<String>,
    },
}

impl EntityRef {
    /// The entity of that name.
    pub fn named(name: impl Into<String>) -> Self {
        Self::Name { name: name.into(), connection_id: None }
    }

    /// Narrows a name to one connection; an id stays as it is.
    #[must_use]
    pub fn in_connection(self, connection_id: impl Into<String>) -> Self {
        match self {
            Self::Name { name, .. } => Self::Name { name, connection_id: Some(connection_id.into()) },
            by_id => by_id,
        }
    }
}

impl From<EntityId> for EntityRef {
    fn from(id: EntityId) -> Self {
        Self::Id(id)
    }
}

impl From<&Entity> for EntityRef {
    fn from(entity: &Entity) -> Self {
        Self::Id(entity.id)
    }
}

impl From<&str> for EntityRef {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for EntityRef {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl From<&EntityRef> for EntityRef {
    fn from(entity: &EntityRef) -> Self {
        entity.clone()
    }
}
