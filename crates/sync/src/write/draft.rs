//! From what a source says to what is written: mapping, checking, and setting aside what does not pass.

use super::{
    decide::Incoming,
    hash,
    settings::{Settings, default_policy_hash},
};
use crate::source::{Item, Scope};
use mastra_core::{
    Error, Result,
    capabilities::DataCapabilities,
    data,
    number::values_equal,
    sync::{ErrorSample, NewQuarantined},
    validate,
};
use serde_json::{Value, json};

/// A record on its way from a source to an entity, as a mapping gets and returns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The id that its source gave it; a mapping has to give one to those that have none.
    pub external_id: Option<String>,
    /// What the source says.
    pub data: Value,
    /// What kind of thing it is; the entity's name where it is `None`.
    pub entity_type: Option<String>,
    /// What tells this state from another without reading it.
    pub version: Option<String>,
}

/// An item, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ready {
    Record(Incoming),
    Unchanged(String),
    Deleted(String),
    Failed(Failure),
}

/// An item that is set aside.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) external_id: Option<String>,
    pub(super) raw: Value,
    pub(super) error: String,
    /// It did not come through the mapping, which may have given it another id.
    pub(super) unmapped: bool,
}

impl Ready {
    /// The record that it speaks of, where it is known.
    pub(super) fn external_id(&self) -> Option<&str> {
        match self {
            Self::Record(incoming) => Some(&incoming.external_id),
            Self::Unchanged(id) | Self::Deleted(id) => Some(id),
            Self::Failed(failure) => failure.external_id.as_deref(),
        }
    }
}

impl Failure {
    /// As it is set aside. Items without an id are told apart by what they are.
    pub(super) fn to_quarantined(&self) -> NewQuarantined {
        let key = self.external_id.clone().unwrap_or_else(|| format!("#{}", hash::of(&self.raw)));
        NewQuarantined { key, external_id: self.external_id.clone(), raw: self.raw.clone(), error: self.error.clone() }
    }

    /// As the ledger shows it.
    pub(super) fn to_sample(&self) -> ErrorSample {
        ErrorSample { external_id: self.external_id.as_deref().map(plain), message: plain(&self.error) }
    }
}

/// Whether the ids that a source gives are those that its records are stored under, as far as a mapping showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// No record that has an id passed the mapping yet; so many failed.
    Untold(u64),
    /// The mapping left them as they were.
    Kept,
    /// It gave others; so many failed, and were set aside under their source's ids, before that was known.
    Mapped(u64),
}

impl Ids {
    fn meet(&mut self, before: Option<&str>, after: Option<&str>) {
        *self = match *self {
            Self::Untold(failed) if before.is_some() && before != after => Self::Mapped(failed),
            Self::Kept if before.is_some() && before != after => Self::Mapped(0),
            Self::Untold(_) if before.is_some() => Self::Kept,
            told => told,
        };
    }

    /// How many items failed, and may be any records.
    pub(super) fn doubtful(self) -> u64 {
        if let Self::Mapped(failed) = self { failed } else { 0 }
    }
}

/// Makes the items of a page ready. Where the mapping gives other ids, that of an item which did not come through it does not tell which
/// record it is: it is set aside without one, so that nothing is deleted in its place.
pub(super) fn prepare_all(
    items: Vec<Item>,
    settings: &Settings,
    ids: &mut Ids,
    scope: Option<&Scope>,
    allowed: &DataCapabilities,
) -> Vec<Ready> {
    let mut ready: Vec<Ready> = items.into_iter().filter_map(|item| prepare(item, settings, ids, scope, allowed)).collect();
    for item in &mut ready {
        let Ready::Failed(failure) = item else { continue };
        match ids {
            // A parent's records are replaced at once: what is doubtful leaves all of them.
            Ids::Untold(_) if failure.unmapped && scope.is_some() => failure.external_id = None,
            Ids::Untold(failed) if failure.unmapped && failure.external_id.is_some() => *failed += 1,
            Ids::Mapped(_) if failure.unmapped => failure.external_id = None,
            _ => {}
        }
    }
    ready
}

/// Without what a database cannot keep.
fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Makes an item ready; `None` where the mapping leaves it out.
pub(super) fn prepare(
    item: Item,
    settings: &Settings,
    ids: &mut Ids,
    scope: Option<&Scope>,
    allowed: &DataCapabilities,
) -> Option<Ready> {
    let draft = match item {
        Item::Unchanged { external_id } => return Some(id_only(external_id, Ready::Unchanged)),
        Item::Deleted { external_id } => return Some(id_only(external_id, Ready::Deleted)),
        Item::Failed { external_id, raw, error } => {
            return Some(failed(external_id, json!({ "unread": raw }), &error, settings.map.is_some()));
        }
        Item::Raw(data) => Draft { external_id: None, data, entity_type: None, version: None },
        Item::Record { external_id, data, entity_type, version } => {
            Draft { external_id: Some(external_id), data, entity_type, version }
        }
    };
    let Some(map) = &settings.map else { return Some(ready(draft, None, settings, scope, allowed)) };
    // The mapping takes the draft apart; what it was is kept for as long as it may fail.
    let raw = draft.to_raw();
    let id = draft.external_id.clone();
    match map(draft) {
        Ok(None) => None,
        Ok(Some(draft)) => {
            ids.meet(id.as_deref(), draft.external_id.as_deref());
            Some(ready(draft, Some(raw), settings, scope, allowed))
        }
        Err(error) => Some(failed(id, raw, &error, true)),
    }
}

/// Checks a draft that needs no mapping any more.
pub(super) fn ready(
    draft: Draft,
    raw: Option<Value>,
    settings: &Settings,
    scope: Option<&Scope>,
    allowed: &DataCapabilities,
) -> Ready {
    if let Err(error) = check(&draft, scope, allowed) {
        let raw = raw.unwrap_or_else(|| draft.to_raw());
        return failed(draft.external_id, raw, &error, false);
    }
    let Draft { external_id, data, entity_type, version } = draft;
    let (Some(external_id), Value::Object(mut data)) = (external_id, data) else {
        return failed(None, raw.unwrap_or_default(), &Error::internal("a record that was checked has an id and data"), false);
    };
    if let Some(scope) = scope {
        data.entry(scope.field.as_str()).or_insert_with(|| scope.value.clone());
    }
    let entity_type = entity_type.or_else(|| settings.entity_type.clone());
    let kind = entity_type.as_deref().map_or(Value::Null, Value::from);
    let data = Value::Object(data);
    let content = hash::of_all([&data, &kind, &settings.policy_hash]);
    let Value::Object(data) = data else { return failed(Some(external_id), data, &Error::internal("an object is one"), false) };
    Ready::Record(Incoming { external_id, data, entity_type, version, content })
}

fn failed(external_id: Option<String>, raw: Value, error: &Error, unmapped: bool) -> Ready {
    let external_id = external_id.filter(|id| validate::name("external id", id).is_ok());
    Ready::Failed(Failure { external_id, raw, error: plain(&error.to_string()), unmapped })
}

fn id_only(external_id: String, ready: fn(String) -> Ready) -> Ready {
    match validate::name("external id", &external_id) {
        Ok(()) => ready(external_id),
        Err(error) => failed(None, json!({ "unread": external_id }), &error, false),
    }
}

/// What a backend would refuse of one record, told before the others of its page are held up by it.
fn check(draft: &Draft, scope: Option<&Scope>, allowed: &DataCapabilities) -> Result<()> {
    let external_id = draft.external_id.as_deref().ok_or_else(|| {
        Error::invalid_input("the record has no external id; name the source's id field, or give one in the mapping")
    })?;
    validate::name("external id", external_id)?;
    draft.entity_type.as_deref().map_or(Ok(()), |kind| validate::name("entity type", kind))?;
    if draft.version.as_deref().is_some_and(|version| version.contains('\0')) {
        return Err(Error::invalid_input("the record's version holds the character U+0000"));
    }
    data::check(&draft.data, allowed)?;
    let Some(scope) = scope else { return Ok(()) };
    match draft.data.get(&scope.field) {
        Some(value) if !values_equal(value, &scope.value) => {
            Err(Error::invalid_input("the record says that it belongs to another parent than the one that is replaced")
                .with("field", &scope.field))
        }
        _ => Ok(()),
    }
}

impl Draft {
    fn from_json(record: Value) -> Option<Self> {
        let Value::Object(mut record) = record else { return None };
        let mut text = |key: &str| match record.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (external_id, entity_type, version) = (text("externalId"), text("entityType"), text("version"));
        Some(Self { external_id, data: record.remove("data")?, entity_type, version })
    }

    /// As it is set aside.
    fn to_raw(&self) -> Value {
        match &self.external_id {
            None => json!({ "raw": self.data }),
            Some(id) => json!({
                "record": { "externalId": id, "data": self.data, "entityType": self.entity_type, "version": self.version }
            }),
        }
    }
}

/// What was set aside, to be tried again.
#[derive(Debug)]
pub(super) enum Retry {
    /// As the source said it.
    Item(Item),
    /// As it was after the mapping.
    Draft(Draft),
}

/// What was set aside, to be tried again.
pub(super) fn again(raw: Value, external_id: Option<String>) -> Retry {
    let Value::Object(mut kept) = raw else { return Retry::Item(unreadable(raw, external_id)) };
    if let Some(raw) = kept.remove("raw") {
        return Retry::Item(Item::Raw(raw));
    }
    if let Some(draft) = kept.remove("mapped").and_then(Draft::from_json) {
        return Retry::Draft(draft);
    }
    match kept.remove("record").and_then(Draft::from_json) {
        Some(Draft { external_id: Some(external_id), data, entity_type, version }) => {
            Retry::Item(Item::Record { external_id, data, entity_type, version })
        }
        _ => Retry::Item(unreadable(kept.remove("unread").unwrap_or(Value::Object(kept)), external_id)),
    }
}

/// Only the source could read it, and it could not.
fn unreadable(raw: Value, external_id: Option<String>) -> Item {
    let error = Error::invalid_input("the source could not read this; mend it there, and run the sync again");
    Item::Failed { external_id, raw, error }
}

/// The hash of a policy, which is part of each record's: another policy can decide otherwise on the same data.
pub(super) fn policy_hash(policy: &super::MergePolicy) -> Value {
    match serde_json::to_value(policy) {
        Ok(policy) => Value::String(hash::of(&policy)),
        Err(_) => default_policy_hash(),
    }
}
