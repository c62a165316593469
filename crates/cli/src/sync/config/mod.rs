//! `[[sync]]` of `mastra.toml`: where records come from, and what is made of them.

mod crawl;
mod field;
mod files;
mod http;
mod merge;
mod read;
mod source;
mod sql;
mod web;

pub(crate) use crawl::CrawlConfig;
pub(crate) use field::{FieldConfig, Literal};
pub(crate) use files::{CsvConfig, DocumentsConfig, FileConfig, FolderConfig};
pub(crate) use http::{HttpConfig, PaginationConfig, PaginationKind};
pub(crate) use merge::MergeConfig;
pub(crate) use read::{read, take};
pub(crate) use source::SourceConfig;
pub(crate) use sql::SqlConfig;
pub(crate) use web::WebConfig;

use crate::{exit::HINT, resolve::CONFIG_FILE};
use mastra_core::{
    Error, Path, Result,
    sync::{MAX_SYNC_LEASE, SyncMode},
    validate,
};
use mastra_sync::{RunOptions, write::DeleteGuard};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};
use std::{collections::BTreeMap, time::Duration};

/// A sync as `mastra.toml` describes it. What is left out has the library's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncConfig {
    /// Names it in commands and in the ledger, where it owns what it writes.
    pub(crate) id: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The entity that it writes.
    pub(crate) entity: String,
    /// The entity's connection; `SYSTEM` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
    /// What kind of thing a record is; the entity's name where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity_type: Option<String>,
    /// How records meet those that are there.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) mode: Mode,
    /// The field that tells a record's parent, under `replace_scope`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scope_field: Option<String>,
    /// Where a record has its id; a source that knows ids of its own needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id_field: Option<String>,
    /// Whether fields stay that no line of `map` takes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) keep: bool,
    /// What the records' fields are made of; the whole item where nothing is said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) map: BTreeMap<String, FieldConfig>,
    /// Whose value of a field wins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) merge: MergeConfig,
    /// When deleting is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) guard: GuardConfig,
    /// Bounds of a run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) limits: LimitsConfig,
    /// Where the records come from; read by itself, by its kind.
    #[serde(default, deserialize_with = "apart")]
    pub(crate) source: SourceConfig,
    /// The line that each key stands on, by its dotted path; that of the table under the empty one.
    #[serde(skip)]
    pub(crate) lines: BTreeMap<String, usize>,
}

/// For what was taken out beforehand.
fn apart<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<SourceConfig, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| SourceConfig::default())
}

/// `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// What changed since the last run is merged.
    #[default]
    Incremental,
    /// What the source no longer has is deleted.
    Full,
    /// What is there stays as it is.
    Append,
    /// All records of a parent replace those that were there of it.
    ReplaceScope,
}

impl From<Mode> for SyncMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Incremental => Self::Incremental,
            Mode::Full => Self::Full,
            Mode::Append => Self::Append,
            Mode::ReplaceScope => Self::ReplaceScope,
        }
    }
}

/// `guard`: when deleting what the source no longer has is refused.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct GuardConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_records: Option<u64>,
}

/// `limits`: bounds of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsConfig {
    /// Records of a transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<usize>,
    /// How long a run may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<u64>,
    /// How long a run that says nothing counts as alive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lease_seconds: Option<u64>,
}

impl SyncConfig {
    /// The entity's connection.
    pub(crate) fn connection(&self) -> &str {
        self.connection.as_deref().unwrap_or(mastra_sync::write::DEFAULT_CONNECTION)
    }

    /// Whether it stands in the file, and was not made here.
    pub(crate) fn is_described(&self) -> bool {
        !self.lines.is_empty()
    }

    /// When deleting is refused.
    pub(crate) fn guard(&self) -> DeleteGuard {
        let default = DeleteGuard::default();
        DeleteGuard {
            max_share: self.guard.max_share.unwrap_or(default.max_share),
            min_records: self.guard.min_records.unwrap_or(default.min_records),
        }
    }

    /// How long a run may take.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.limits.timeout_seconds.map(Duration::from_secs)
    }

    /// How long a run that says nothing counts as alive.
    pub(crate) fn lease(&self) -> Duration {
        self.limits.lease_seconds.map_or(RunOptions::default().lease, Duration::from_secs)
    }

    /// What can be known to be wrong before any I/O.
    pub(crate) fn check(&self) -> Result<()> {
        self.wrong().map_err(|error| self.placed(error))
    }

    fn wrong(&self) -> Result<()> {
        let named = |what, text: &str, key: &str| validate::name(what, text).map_err(|error| error.with("key", key));
        named("sync's id", &self.id, "id")?;
        named("entity name", &self.entity, "entity")?;
        named("connection id", self.connection(), "connection")?;
        self.entity_type.as_deref().map_or(Ok(()), |kind| named("entity type", kind, "entity_type"))?;
        match (self.mode, self.scope_field.as_deref()) {
            (Mode::ReplaceScope, None | Some("")) => {
                return Err(bad("mode replace_scope needs scope_field, the field that tells a record's parent", "mode"));
            }
            (Mode::ReplaceScope, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(bad("scope_field is for mode replace_scope only", "scope_field")),
        }
        if let (Some(text), false) = (&self.id_field, self.source.has_columns()) {
            text.parse::<Path>().map_err(|error| error.with("key", "id_field"))?;
        }
        if self.keep && self.map.is_empty() {
            return Err(bad("keep says what becomes of the fields that map does not take, and there is no map", "keep"));
        }
        self.source.check(self.id_field.as_deref())?;
        self.map.iter().try_for_each(|(name, field)| field.check(name))?;
        self.merge.check()?;
        let share = self.guard().max_share;
        if !share.is_finite() || !(0.0..=1.0).contains(&share) {
            return Err(bad("the greatest share that a run deletes lies between 0 and 1", "guard.max_share"));
        }
        if self.limits.batch.is_some_and(|batch| batch == 0 || batch > mastra_core::sync::MAX_SYNC_PAGE) {
            return Err(bad("a batch is of 1 to 10,000 records", "limits.batch"));
        }
        if self.limits.timeout_seconds == Some(0) {
            return Err(bad("a run is given a second at least", "limits.timeout_seconds"));
        }
        if self.limits.lease_seconds.is_some_and(|seconds| !(1..=MAX_SYNC_LEASE.as_secs()).contains(&seconds)) {
            return Err(bad("a lease lasts between a second and an hour", "limits.lease_seconds"));
        }
        Ok(())
    }

    /// An error with the place that it is to be mended at: the line of its `key`, else that of the sync.
    pub(crate) fn placed(&self, error: Error) -> Error {
        let line = error.get("key").and_then(|key| line_of(&self.lines, key)).or_else(|| self.lines.get("").copied());
        let error = if error.get("sync").is_none() { error.with("sync", &self.id) } else { error };
        match line {
            Some(line) => error.with("file", CONFIG_FILE).with("line", line),
            None => error,
        }
    }
}

/// The line of a key, or of the table that it would stand in.
fn line_of(lines: &BTreeMap<String, usize>, key: &str) -> Option<usize> {
    let mut key = key;
    loop {
        if let Some(line) = lines.get(key) {
            return Some(*line);
        }
        key = key.rsplit_once('.')?.0;
    }
}

/// An error about a key.
pub(super) fn bad(message: impl Into<String>, key: impl std::fmt::Display) -> Error {
    Error::invalid_input(message.into()).with("key", key)
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The block that describes a sync, to be shown to whoever has none.
pub(crate) const EXAMPLE: &str = r#"[[sync]]
id = "contacts"
entity = "Contacts"
mode = "full"
id_field = "id"
source = { kind = "jsonl", path = "contacts.jsonl" }"#;

/// The error of a command that needs one where none is described.
pub(crate) fn none_described() -> Error {
    Error::not_found(format!("{CONFIG_FILE} describes no sync")).with(
        HINT,
        format!("add this to {CONFIG_FILE}, with a source and an entity of yours, then mastra sync run contacts:\n\n{EXAMPLE}\n"),
    )
}
