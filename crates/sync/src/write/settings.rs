//! What a writer was told.

use super::{DeleteGuard, Draft, MergePolicy, draft::policy_hash};
use mastra_core::{Error, Result, sync::SyncMode, validate};
use serde_json::Value;
use std::{fmt, sync::Arc};

/// The connection of an entity that names none.
pub const DEFAULT_CONNECTION: &str = "SYSTEM";

/// How many records are written at once, unless told otherwise.
pub const DEFAULT_BATCH: usize = 1_000;

/// What a draft is made of; `None` leaves it out.
pub(super) type Mapping = Arc<dyn Fn(Draft) -> Result<Option<Draft>> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) entity: String,
    pub(super) connection_id: String,
    pub(super) mode: SyncMode,
    pub(super) scope_field: Option<String>,
    pub(super) entity_type: Option<String>,
    pub(super) map: Option<Mapping>,
    pub(super) policy: MergePolicy,
    pub(super) policy_hash: Value,
    pub(super) guard: DeleteGuard,
    pub(super) batch: usize,
    /// What the records come from, for the ledger.
    pub(super) source: Option<String>,
}

impl Settings {
    pub(super) fn new(entity: String) -> Self {
        Self {
            entity,
            connection_id: DEFAULT_CONNECTION.to_owned(),
            mode: SyncMode::default(),
            scope_field: None,
            entity_type: None,
            map: None,
            policy: MergePolicy::default(),
            policy_hash: default_policy_hash(),
            guard: DeleteGuard::default(),
            batch: DEFAULT_BATCH,
            source: None,
        }
    }

    pub(super) fn set_policy(&mut self, policy: MergePolicy) {
        self.policy_hash = if policy == MergePolicy::default() { default_policy_hash() } else { policy_hash(&policy) };
        self.policy = policy;
    }

    /// What is wrong is told before anything is opened.
    pub(super) fn check(&self) -> Result<()> {
        validate::name("entity name", &self.entity)?;
        validate::name("connection id", &self.connection_id)?;
        self.entity_type.as_deref().map_or(Ok(()), |kind| validate::name("entity type", kind))?;
        if self.batch == 0 || self.batch > mastra_core::sync::MAX_SYNC_PAGE {
            return Err(Error::invalid_input("a batch holds between 1 and 10,000 records").with("batch", self.batch));
        }
        if !self.guard.max_share.is_finite() || !(0.0..=1.0).contains(&self.guard.max_share) {
            return Err(Error::invalid_input("the greatest share that is deleted lies between 0 and 1")
                .with("max_share", self.guard.max_share));
        }
        match (self.mode, &self.scope_field) {
            (SyncMode::ReplaceScope, None) => {
                Err(Error::invalid_input("to replace the records of a parent, name the field that tells the parent"))
            }
            (SyncMode::ReplaceScope, Some(field)) if field.is_empty() => {
                Err(Error::invalid_input("the field that tells the parent is blank"))
            }
            _ => Ok(()),
        }
    }
}

/// Of a policy that lets the sync that runs win everything.
pub(super) fn default_policy_hash() -> Value {
    Value::Null
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("entity", &self.entity)
            .field("connection_id", &self.connection_id)
            .field("mode", &self.mode)
            .field("scope_field", &self.scope_field)
            .field("mapped", &self.map.is_some())
            .field("policy", &self.policy)
            .field("guard", &self.guard)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}
