//! What both hand-written twins share. Nothing of this workspace is used here.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// A document to store.
#[derive(Debug, Clone)]
pub(super) struct RawInput {
    pub(super) external_id: String,
    pub(super) data: Value,
}

/// What became of the records of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RawCounts {
    pub(super) created: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    pub(super) deleted: u64,
}

/// How records meet those that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawMode {
    Full,
    Incremental,
}

/// A document with its text and the hash of that.
#[derive(Debug)]
pub(super) struct Drafted {
    pub(super) external_id: String,
    pub(super) data: Value,
    pub(super) text: String,
    pub(super) content: String,
}

impl Drafted {
    pub(super) fn new(input: RawInput) -> sqlx::Result<Self> {
        let text = serde_json::to_string(&input.data).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let content = content(&text);
        Ok(Self { external_id: input.external_id, data: input.data, text, content })
    }
}

/// A hash in 32 hexadecimal digits.
fn content(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    let hash = Sha256::digest(text);
    hash.iter().take(16).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What to write of a document.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Where it stands in the page.
    pub(super) at: usize,
    /// The values that are new, as JSON.
    pub(super) data: String,
    /// The keys that the sync owns then, as JSON.
    pub(super) keys: String,
    /// Keys that its source no longer has.
    pub(super) removed: Vec<String>,
    /// Whether the sync's first write of the record made it.
    pub(super) created: bool,
    /// Whether the record was there.
    pub(super) was_live: bool,
}

impl Wanted {
    /// Of a document that is not there, or was deleted.
    pub(super) fn new(at: usize, draft: &Drafted) -> sqlx::Result<Self> {
        let keys: Map<String, Value> =
            draft.data.as_object().into_iter().flatten().map(|(key, _)| (key.clone(), owned(1))).collect();
        Ok(Self { at, data: draft.text.clone(), keys: to_text(&keys)?, removed: Vec::new(), created: true, was_live: false })
    }

    /// Of a document that is there, by what the sync knows of it and its data.
    pub(super) fn changed(at: usize, draft: &Drafted, own: Option<(&str, bool)>, data: &str) -> sqlx::Result<Self> {
        let before: Map<String, Value> = from_text(data)?;
        let known: Map<String, Value> = own.map_or_else(|| Ok(Map::new()), |(keys, _)| from_text(keys))?;
        let order = |key: &str| known.get(key).and_then(|key| key.get(0)).and_then(Value::as_i64).unwrap_or(0);
        let (mut changed, mut keys) = (Map::new(), Map::new());
        for (key, value) in draft.data.as_object().into_iter().flatten() {
            if before.get(key) == Some(value) {
                keys.insert(key.clone(), owned(order(key).max(1)));
            } else {
                changed.insert(key.clone(), value.clone());
                keys.insert(key.clone(), owned(order(key) + 1));
            }
        }
        let removed = known.keys().filter(|key| !keys.contains_key(*key) && before.contains_key(*key)).cloned().collect();
        Ok(Self {
            at,
            data: to_text(&changed)?,
            keys: to_text(&keys)?,
            removed,
            created: own.is_some_and(|(_, created)| created),
            was_live: true,
        })
    }
}

impl Wanted {
    /// The whole text of a stored document then.
    pub(super) fn merged_into(&self, data: &str) -> sqlx::Result<String> {
        let mut all = from_text(data)?;
        self.removed.iter().for_each(|key| drop(all.remove(key)));
        all.extend(from_text(&self.data)?);
        to_text(&all)
    }
}

/// What is remembered of a key.
fn owned(order: i64) -> Value {
    json!([order, null, null])
}

fn to_text(map: &Map<String, Value>) -> sqlx::Result<String> {
    serde_json::to_string(map).map_err(|error| sqlx::Error::Encode(error.into()))
}

fn from_text(text: &str) -> sqlx::Result<Map<String, Value>> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// What the ledger keeps.
pub(super) fn progress(entity: &str, mode: RawMode, cursor: Option<&str>, counts: RawCounts) -> String {
    let RawCounts { created, updated, unchanged, deleted } = counts;
    let read = created + updated + unchanged;
    json!({
        "entity": entity, "mode": if mode == RawMode::Full { "full" } else { "incremental" }, "cursor": cursor,
        "counts": { "read": read, "created": created, "updated": updated, "unchanged": unchanged, "deleted": deleted, "failed": 0 },
        "bytes": 0, "errors": [],
    })
    .to_string()
}
