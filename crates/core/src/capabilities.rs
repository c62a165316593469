//! What a backend can do, said once and used three ways: callers ask, [`Checked`](crate::Checked) refuses what is not there, and
//! the conformance suite picks its cases by it and reports claims that are false either way.

use serde::Serialize;

/// What a backend can do. Everything is false until a backend claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// The filter language.
    pub filter: FilterCapabilities,
    /// Reading records.
    pub query: QueryCapabilities,
    /// Writing records.
    pub write: WriteCapabilities,
    /// Full-text search.
    pub text: TextCapabilities,
    /// What may stand in data.
    pub data: DataCapabilities,
    /// Administration.
    pub admin: AdminCapabilities,
}

/// Which parts of the filter language are answered, natively or finished in core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterCapabilities {
    /// `$eq`, and with `not` also `$ne`.
    pub eq: bool,
    /// `$in`, and with `not` also `$nin`.
    pub is_in: bool,
    /// `$all`.
    pub all: bool,
    /// `$gt $gte $lt $lte`.
    pub range: bool,
    /// `$size`.
    pub size: bool,
    /// `$exists`.
    pub exists: bool,
    /// `$regex` with `$options`.
    pub regex: bool,
    /// `$contains`.
    pub contains: bool,
    /// `$elemMatch`.
    pub elem_match: bool,
    /// Negation in any form.
    pub not: bool,
    /// `$or`, and with `not` also `$nor`.
    pub or: bool,
}

/// How records can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryCapabilities {
    /// Sort keys.
    pub sort: bool,
    /// Keyset cursors.
    pub cursor: bool,
    /// Offsets.
    pub offset: bool,
    /// Selected fields.
    pub fields: bool,
    /// Deleted records on request.
    pub include_deleted: bool,
    /// Changes after a time.
    pub updated_after: bool,
    /// Plans of queries.
    pub explain: bool,
}

/// How records can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WriteCapabilities {
    /// Replacing the whole data.
    pub replace: bool,
    /// Merging nested objects.
    pub deep_merge: bool,
    /// Removing top-level keys.
    pub remove_keys: bool,
    /// Refusing a write unless the generation is the expected one.
    pub expected_generation: bool,
    /// Transactions over several operations.
    pub transactions: bool,
    /// A queue of changes, written in the transaction of each record that somebody follows.
    pub change_queue: bool,
    /// What syncs need: runs, targets and stakes, written in the transaction of the records.
    pub sync_store: bool,
}

/// What full-text search understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TextCapabilities {
    /// Words, all of which have to occur.
    pub words: bool,
    /// Phrases in double quotes.
    pub phrases: bool,
    /// Prefixes with a star.
    pub prefixes: bool,
    /// A filter beside the text.
    pub filter: bool,
}

/// What may stand in data beyond what every backend keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataCapabilities {
    /// The character U+0000 in strings and keys.
    pub nul_characters: bool,
    /// Numbers beyond 131,072 digits before the point or 16,383 behind it.
    pub unbounded_numbers: bool,
}

/// What can be administered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminCapabilities {
    /// Indexes on a field of one entity.
    pub field_indexes: bool,
    /// Data outlives the engine's handle.
    pub persistent: bool,
    /// Several processes share the data.
    pub multi_process: bool,
}

impl Capabilities {
    /// Everything: what the mock and both SQL engines start from, taking away what they lack.
    pub const fn all() -> Self {
        Self {
            filter: FilterCapabilities::all(),
            query: QueryCapabilities {
                sort: true,
                cursor: true,
                offset: true,
                fields: true,
                include_deleted: true,
                updated_after: true,
                explain: true,
            },
            write: WriteCapabilities {
                replace: true,
                deep_merge: true,
                remove_keys: true,
                expected_generation: true,
                transactions: true,
                change_queue: true,
                sync_store: true,
            },
            text: TextCapabilities { words: true, phrases: true, prefixes: true, filter: true },
            data: DataCapabilities { nul_characters: true, unbounded_numbers: true },
            admin: AdminCapabilities { field_indexes: true, persistent: true, multi_process: true },
        }
    }
}

impl FilterCapabilities {
    /// The whole filter language, which is what the mock, SQLite, Postgres and pgvector have to answer.
    pub const fn all() -> Self {
        Self {
            eq: true,
            is_in: true,
            all: true,
            range: true,
            size: true,
            exists: true,
            regex: true,
            contains: true,
            elem_match: true,
            not: true,
            or: true,
        }
    }
}
