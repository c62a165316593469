//! Records: the documents that an entity holds.

use crate::{
    ids::{EntityId, RecordId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One document of an entity. `(entity_id, external_id)` is unique.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The engine's id, a UUIDv7.
    pub id: RecordId,
    /// The entity that holds it.
    pub entity_id: EntityId,
    /// The id that its source gave it.
    pub external_id: String,
    /// What kind of thing it is; the entity's name unless a record says otherwise.
    pub entity_type: String,
    /// The document: always a JSON object.
    pub data: Value,
    /// Grows, over the whole store, with every change to a record.
    pub generation: i64,
    /// When it was first stored.
    pub created_at: Timestamp,
    /// When its data last changed; never stands still at a change, never runs back.
    pub updated_at: Timestamp,
    /// When it was deleted; only where deleted records were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A document to store.
///
/// ```
/// use mastra_core::NewRecord;
/// use serde_json::json;
///
/// let record = NewRecord::new("c-1", json!({ "name": "Ada", "stage": "won" }));
/// assert_eq!(record.external_id, "c-1");
/// let from_json: NewRecord = serde_json::from_value(json!({ "externalId": "c-1", "data": {} }))?;
/// assert_eq!(from_json.entity_type, None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRecord {
    /// The id that the source gives it; not blank, at most [`MAX_NAME_BYTES`](crate::validate::MAX_NAME_BYTES) bytes.
    pub external_id: String,
    /// The document, or the part of it to merge: a JSON object, at most 100 levels deep.
    pub data: Value,
    /// What kind of thing it is. `None` keeps what is stored, or takes the entity's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_type: Option<String>,
    /// Top-level keys to remove before `data` is merged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_keys: Vec<String>,
    /// Write only while the stored record has this generation (0: while there is no live record), else `Conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_generation: Option<i64>,
}

impl NewRecord {
    /// A document under the id that its source gives it.
    pub fn new(external_id: impl Into<String>, data: Value) -> Self {
        Self { external_id: external_id.into(), data, entity_type: None, remove_keys: Vec::new(), expected_generation: None }
    }

    /// Says what kind of thing it is.
    #[must_use]
    pub fn entity_type(mut self, entity_type: impl Into<String>) -> Self {
        self.entity_type = Some(entity_type.into());
        self
    }

    /// Removes top-level keys of the stored document before merging.
    #[must_use]
    pub fn remove_keys<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.remove_keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Writes only while the stored record has this generation; 0 asks that there is no live record.
    #[must_use]
    pub fn expect_generation(mut self, generation: i64) -> Self {
        self.expected_generation = Some(generation);
        self
    }
}
