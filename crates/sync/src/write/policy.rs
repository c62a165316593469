//! Whose value wins where several write one field.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whose value wins, field by field; a field is a top-level key of a record's data.
///
/// ```
/// use mastra_sync::write::{FieldPolicy, MergePolicy};
///
/// let policy = MergePolicy::new()
///     .field("email", FieldPolicy::Priority(vec!["crm".into(), "newsletter".into()]))
///     .field("phone", FieldPolicy::NewestBy("updatedAt".into()))
///     .field("notes", FieldPolicy::KeepManual);
/// assert_eq!(policy.of("name"), &FieldPolicy::Source);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct MergePolicy {
    /// Of the fields that are not named.
    pub default: FieldPolicy,
    /// Of the fields that are.
    pub fields: BTreeMap<String, FieldPolicy>,
}

/// Whose value of a field wins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldPolicy {
    /// The value of the sync that runs. The default.
    #[default]
    Source,
    /// The value of the sync that stands first in this list of ids. A sync that is not in it comes behind all that are.
    Priority(Vec<String>),
    /// The value of the record with the greatest value of this field, in the order that records are sorted by; the sync that runs wins a tie,
    /// and a record without the field loses.
    NewestBy(String),
    /// The value that was there before or was changed by hand since, where there is one; else that of the sync that runs.
    KeepManual,
}

impl MergePolicy {
    /// The sync that runs wins every field.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whose value of a field wins.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, policy: FieldPolicy) -> Self {
        self.fields.insert(field.into(), policy);
        self
    }

    /// Says whose value wins of the fields that are not named.
    #[must_use]
    pub fn otherwise(mut self, policy: FieldPolicy) -> Self {
        self.default = policy;
        self
    }

    /// Whose value of a field wins.
    pub fn of(&self, field: &str) -> &FieldPolicy {
        self.fields.get(field).unwrap_or(&self.default)
    }

    /// Whether what is there decides anything.
    pub(crate) fn looks(&self) -> bool {
        self.default != FieldPolicy::Source || self.fields.values().any(|policy| *policy != FieldPolicy::Source)
    }
}
