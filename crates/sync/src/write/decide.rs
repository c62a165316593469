//! What becomes of one record: pure functions of what the source says, what is stored, and who has a stake in it.

use super::{FieldPolicy, MergePolicy, hash};
use mastra_core::{
    Direction, NewRecord, Record,
    number::values_equal,
    sort,
    sync::{KeyStake, Stake, StakeView, StakeWrite},
};
use serde_json::{Map, Value};
use std::{cmp::Ordering, collections::BTreeMap};

/// A record as the source says it is, checked and ready to be met with what is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Incoming {
    pub(crate) external_id: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) entity_type: Option<String>,
    pub(crate) version: Option<String>,
    /// A hash of all of the above but the version, and of how it is to be merged.
    pub(crate) content: String,
}

/// What becomes of a record that the source has.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Decision {
    /// What to write, where anything changes.
    pub(crate) write: Option<NewRecord>,
    /// The stake, where it changes.
    pub(crate) stake: Option<StakeWrite>,
    /// The fields that somebody else's value stays in.
    pub(crate) kept: Vec<String>,
}

/// What becomes of a record that the source no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// It is gone already, or nothing in it is the sync's alone.
    Nothing,
    /// It is deleted.
    Delete,
    /// It stays, for others, without these keys.
    RemoveKeys(Vec<String>),
}

/// Whether a record is as the sync left it and the source says what it said then, so that nothing has to be read to know that nothing is to
/// be done.
pub(crate) fn is_untouched(incoming: &Incoming, view: &StakeView) -> bool {
    let (Some(own), Some(mark)) = (&view.own, &view.record) else { return false };
    !mark.deleted && own.generation == mark.generation && own.content == incoming.content && own.version == incoming.version
}

/// Decides what becomes of a record that the source has. `existing` is the live record, where there is one.
pub(crate) fn decide(
    sync_id: &str,
    incoming: &Incoming,
    view: &StakeView,
    existing: Option<&Record>,
    policy: &MergePolicy,
    append: bool,
) -> Decision {
    let Some(existing) = existing else { return create(&mut incoming.clone(), policy) };
    if append {
        return Decision::default();
    }
    let seen = Seen { sync_id, incoming, view, existing, policy, current: existing.data.as_object() };
    seen.meet()
}

/// Decides what becomes of a record that the source no longer has.
pub(crate) fn withdraw(own: &Stake, others: &[(String, Stake)], existing: Option<&Record>, policy: &MergePolicy) -> Withdrawal {
    let Some(existing) = existing else { return Withdrawal::Nothing };
    if others.is_empty() && own.created {
        return Withdrawal::Delete;
    }
    let current = existing.data.as_object();
    let mut keys = Vec::new();
    for (key, stake) in &own.keys {
        let Some(value) = current.and_then(|data| data.get(key)) else { continue };
        if is_anothers(others, key) || is_manual(policy.of(key), Some(stake), Some(value)) {
            continue;
        }
        keys.push(key.clone());
    }
    if keys.is_empty() { Withdrawal::Nothing } else { Withdrawal::RemoveKeys(keys) }
}

/// A record that is not there, or was deleted, gets the source's data and nothing else. The data itself goes into the decision: it is the
/// greatest part of what a first run handles, and would only be copied.
pub(crate) fn create(incoming: &mut Incoming, policy: &MergePolicy) -> Decision {
    let keys = incoming.data.iter().map(|(key, value)| (key.clone(), written(incoming, policy, key, value, 1))).collect();
    let data = std::mem::take(&mut incoming.data);
    let mut write = NewRecord::new(incoming.external_id.as_str(), Value::Object(data));
    write.entity_type.clone_from(&incoming.entity_type);
    // Where what is there decides, whoever creates it meanwhile has to be met.
    write.expected_generation = policy.looks().then_some(0);
    Decision { write: Some(write), stake: Some(stake(incoming, None, true, keys)), kept: Vec::new() }
}

fn stake(incoming: &Incoming, generation: Option<i64>, created: bool, keys: BTreeMap<String, KeyStake>) -> StakeWrite {
    StakeWrite {
        external_id: incoming.external_id.clone(),
        content: incoming.content.clone(),
        generation,
        created,
        version: incoming.version.clone(),
        keys,
    }
}

/// What is remembered of a value that the sync wrote.
fn written(incoming: &Incoming, policy: &MergePolicy, key: &str, value: &Value, order: i64) -> KeyStake {
    let (hash, rank) = match policy.of(key) {
        FieldPolicy::KeepManual => (Some(hash::of(value)), None),
        FieldPolicy::NewestBy(by) => (None, incoming.data.get(by).cloned()),
        FieldPolicy::Source | FieldPolicy::Priority(_) => (None, None),
    };
    KeyStake { order, hash, rank }
}

fn is_anothers(others: &[(String, Stake)], key: &str) -> bool {
    others.iter().any(|(_, stake)| stake.keys.contains_key(key))
}

/// Whether somebody changed by hand what the sync wrote, and such changes are kept.
fn is_manual(policy: &FieldPolicy, own: Option<&KeyStake>, current: Option<&Value>) -> bool {
    let Some(wrote) = own.and_then(|own| own.hash.as_deref()) else { return false };
    *policy == FieldPolicy::KeepManual && current.is_none_or(|value| hash::of(value) != wrote)
}

/// A record, with everything that is known of it.
struct Seen<'a> {
    sync_id: &'a str,
    incoming: &'a Incoming,
    view: &'a StakeView,
    existing: &'a Record,
    policy: &'a MergePolicy,
    current: Option<&'a Map<String, Value>>,
}

impl Seen<'_> {
    fn meet(&self) -> Decision {
        let mut data = Map::new();
        let mut keys = BTreeMap::new();
        let mut kept = Vec::new();
        for (key, value) in &self.incoming.data {
            let (current, own, top) = (self.current(key), self.own(key), self.top(key));
            if current.is_some_and(|current| values_equal(current, value)) {
                // Whoever agrees with what stands there says it too.
                keys.insert(key.clone(), written(self.incoming, self.policy, key, value, top.max(1)));
            } else if self.takes(key, current) {
                data.insert(key.clone(), value.clone());
                keys.insert(key.clone(), written(self.incoming, self.policy, key, value, top + 1));
            } else {
                kept.push(key.clone());
                // What the sync wrote itself stays its own, or the edit of it could not be told from a value that was always there.
                let keeps = match self.policy.of(key) {
                    FieldPolicy::KeepManual => true,
                    FieldPolicy::NewestBy(_) => own.is_some_and(|own| own.order == top),
                    FieldPolicy::Source | FieldPolicy::Priority(_) => false,
                };
                if let Some(own) = own.filter(|_| keeps) {
                    keys.insert(key.clone(), own.clone());
                }
            }
        }
        let removed = self.drop_keys(&mut keys, &mut kept);
        self.conclude(data, removed, keys, kept)
    }

    /// The sync's keys that the source no longer has: they go, unless they are somebody's.
    fn drop_keys(&self, keys: &mut BTreeMap<String, KeyStake>, kept: &mut Vec<String>) -> Vec<String> {
        let mut removed = Vec::new();
        let own = self.view.own.iter().flat_map(|own| &own.keys);
        for (key, stake) in own.filter(|(key, _)| !self.incoming.data.contains_key(*key)) {
            let Some(current) = self.current(key) else { continue };
            if is_anothers(&self.view.others, key) {
                continue;
            }
            if !self.drops(key, stake, current) {
                kept.push(key.clone());
                keys.insert(key.clone(), stake.clone());
                continue;
            }
            removed.push(key.clone());
        }
        removed
    }

    fn conclude(
        &self,
        data: Map<String, Value>,
        removed: Vec<String>,
        keys: BTreeMap<String, KeyStake>,
        kept: Vec<String>,
    ) -> Decision {
        let entity_type = self.incoming.entity_type.clone().filter(|kind| *kind != self.existing.entity_type);
        let changes = !data.is_empty() || !removed.is_empty() || entity_type.is_some();
        // Where only the sync's own values are written, whatever else changes meanwhile does not matter.
        let looks = self.policy.looks() || !removed.is_empty();
        // All of them, also those that stand there: somebody may just be changing one, which the next run would not look at again.
        let data = if looks || !changes { data } else { self.incoming.data.clone() };
        let write = changes.then(|| {
            let mut write = NewRecord::new(self.incoming.external_id.as_str(), Value::Object(data)).remove_keys(removed);
            write.entity_type = entity_type;
            write.expected_generation = looks.then_some(self.existing.generation);
            write
        });
        let created = match &self.view.own {
            Some(own) => own.created,
            // Whoever joins other syncs in a record that one of them created has no claim of its own, and neither has anybody else.
            None => self.view.others.iter().any(|(_, other)| other.created),
        };
        let generation = write.is_none().then_some(self.existing.generation);
        let stake = stake(self.incoming, generation, created, keys);
        let stake = (write.is_some() || !self.is_as_it_was(&stake)).then_some(stake);
        Decision { write, stake, kept }
    }

    fn is_as_it_was(&self, new: &StakeWrite) -> bool {
        self.view.own.as_ref().is_some_and(|own| {
            (&own.content, Some(own.generation), own.created, &own.version, &own.keys)
                == (&new.content, new.generation, new.created, &new.version, &new.keys)
        })
    }

    /// Whether the sync's value takes the place of what is there.
    fn takes(&self, key: &str, current: Option<&Value>) -> bool {
        match self.policy.of(key) {
            FieldPolicy::Source => true,
            FieldPolicy::Priority(syncs) => {
                let place = |sync: &str| syncs.iter().position(|id| id == sync).unwrap_or(usize::MAX);
                let own = place(self.sync_id);
                current.is_none() || self.holders(key).all(|(sync, _)| place(sync) >= own)
            }
            FieldPolicy::NewestBy(by) => {
                if current.is_none() {
                    return true;
                }
                let mine = self.incoming.data.get(by);
                let held: Vec<_> = self.holders(key).map(|(_, stake)| stake.rank.as_ref()).collect();
                let newer = |theirs: Option<&Value>| theirs.is_some() && order(mine, theirs) == Ordering::Less;
                if held.is_empty() { !newer(self.age_after(key, by)) } else { !held.into_iter().any(newer) }
            }
            FieldPolicy::KeepManual => match self.holders(key).next() {
                // Nobody wrote it: it was there before any sync, unless it is not there at all.
                None => current.is_none(),
                Some((_, stake)) => !is_manual(&FieldPolicy::KeepManual, Some(stake), current),
            },
        }
    }

    /// What the age of a value is told by that nobody has a stake in: the field as it will be, or the same page would decide otherwise when it
    /// comes again.
    fn age_after(&self, key: &str, by: &str) -> Option<&Value> {
        let current = self.current(by);
        if key == by {
            return current;
        }
        match self.incoming.data.get(by) {
            Some(mine) if current.is_none_or(|current| values_equal(current, mine)) || self.takes(by, current) => Some(mine),
            Some(_) => current,
            None => current.filter(|current| !self.own(by).is_some_and(|own| self.drops(by, own, current))),
        }
    }

    /// Whether a key of the sync that its source no longer has goes.
    fn drops(&self, key: &str, own: &KeyStake, current: &Value) -> bool {
        !is_anothers(&self.view.others, key)
            && !is_manual(self.policy.of(key), Some(own), Some(current))
            && !self.is_older(key, own)
    }

    /// Whether the sync wrote a newer value than what it says now.
    fn is_older(&self, key: &str, own: &KeyStake) -> bool {
        let FieldPolicy::NewestBy(by) = self.policy.of(key) else { return false };
        own.rank.is_some() && order(self.incoming.data.get(by), own.rank.as_ref()) == Ordering::Less
    }

    fn current(&self, key: &str) -> Option<&Value> {
        self.current.and_then(|data| data.get(key))
    }

    fn own(&self, key: &str) -> Option<&KeyStake> {
        self.view.own.as_ref().and_then(|own| own.keys.get(key))
    }

    /// Everybody's stake in a key, the sync's own first.
    fn stakes<'k>(&'k self, key: &'k str) -> impl Iterator<Item = (&'k str, &'k KeyStake)> {
        let own = self.own(key).map(|stake| (self.sync_id, stake));
        let others = self.view.others.iter().filter_map(move |(sync, stake)| Some((sync.as_str(), stake.keys.get(key)?)));
        own.into_iter().chain(others)
    }

    /// The order of whoever wrote what stands there; 0 where no sync did.
    fn top(&self, key: &str) -> i64 {
        self.stakes(key).map(|(_, stake)| stake.order).max().unwrap_or(0)
    }

    /// The syncs that say what stands there.
    fn holders<'k>(&'k self, key: &'k str) -> impl Iterator<Item = (&'k str, &'k KeyStake)> {
        let top = self.top(key);
        self.stakes(key).filter(move |(_, stake)| stake.order == top)
    }
}

/// The order of values that records are sorted by, with what is missing before everything.
fn order(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (left, right) => sort::compare(left, right, Direction::Ascending),
    }
}

#[cfg(test)]
mod tests;
