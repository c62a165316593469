//! Stakes: which keys of a record are a sync's.

use crate::{error::Result, ids::RecordId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What one sync wrote of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Stake {
    /// The record, by the id that its source gave it.
    pub external_id: String,
    /// A hash of what the source said, and of how it was to be merged, when it was last written.
    pub content: String,
    /// The record's generation then. Where the record still has it, nobody else has touched it.
    pub generation: i64,
    /// Whether the record was not there before the sync wrote it.
    pub created: bool,
    /// What the source told this state by.
    pub version: Option<String>,
    /// The keys of the data that are the sync's.
    pub keys: BTreeMap<String, KeyStake>,
    /// When it was last written.
    pub written_at: Timestamp,
}

/// What a sync remembers of one key. In JSON it is a list of one to three elements, since there is one for every key of every record.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct KeyStake {
    /// Of two syncs that have a stake in a key, the one of the greater order wrote what stands there.
    pub order: i64,
    /// A hash of the value that was written; only where the sync wants to know a manual edit.
    pub hash: Option<String>,
    /// What the value's age is told by; only where the newest is to win.
    pub rank: Option<Value>,
}

type Wire = (i64, Option<String>, Option<Value>);

impl From<Wire> for KeyStake {
    fn from((order, hash, rank): Wire) -> Self {
        Self { order, hash, rank }
    }
}

impl From<KeyStake> for Wire {
    fn from(key: KeyStake) -> Self {
        (key.order, key.hash, key.rank)
    }
}

impl Stake {
    /// The keys as a backend keeps them.
    pub fn keys_to_json(keys: &BTreeMap<String, KeyStake>) -> Result<String> {
        serde_json::to_string(keys).map_err(|source| crate::Error::internal("stakes cannot be written").with_source(source))
    }

    /// The keys as a backend kept them; `Corrupt` where it is not that.
    pub fn keys_from_json(text: &str) -> Result<BTreeMap<String, KeyStake>> {
        serde_json::from_str(text).map_err(|source| crate::Error::corrupt("stakes cannot be read").with_source(source))
    }
}

/// A stake to write.
#[derive(Debug, Clone, PartialEq)]
pub struct StakeWrite {
    /// The record.
    pub external_id: String,
    /// As in [`Stake::content`].
    pub content: String,
    /// The record's generation as it was read, where it was left as it is; `None` where it was written in this transaction: the store takes
    /// the one that it has now.
    pub generation: Option<i64>,
    /// As in [`Stake::created`].
    pub created: bool,
    /// As in [`Stake::version`].
    pub version: Option<String>,
    /// As in [`Stake::keys`].
    pub keys: BTreeMap<String, KeyStake>,
}

/// What is known of a record, its data aside.
#[derive(Debug, Clone, PartialEq)]
pub struct StakeView {
    /// The id that was asked for.
    pub external_id: String,
    /// The record; `None` where there is none, not even a deleted one.
    pub record: Option<RecordMark>,
    /// The stake of the sync that asks.
    pub own: Option<Stake>,
    /// The stakes of others, each with its sync's id, in order of that.
    pub others: Vec<(String, Stake)>,
}

/// A record without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMark {
    /// Its id.
    pub id: RecordId,
    /// Its generation.
    pub generation: i64,
    /// Whether it is deleted.
    pub deleted: bool,
}
