//! Where syncs stand, and who may write.

use super::{OfTarget, until};
use crate::{state::Reader, table::View, writer::Writer};
use mastra_core::{
    EntityId, EntityRef, Error, NewEntity, Result,
    sync::{Acquired, Enumeration, Hold, NewHold, RunId, TargetId, TargetInfo, TargetState, lapsed},
    time::Timestamp,
};

/// A target as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) id: i64,
    pub(super) sync_id: String,
    pub(super) entity_id: EntityId,
    pub(super) cursor: Option<String>,
    pub(super) enumeration: Option<Enumeration>,
    pub(super) fence: i64,
    pub(super) holder: Option<(RunId, Timestamp)>,
}

/// What stands in a target, in order of key, behind a key.
pub(super) fn rows<V>(table: &OfTarget<V>, view: View, target: i64, after: Option<String>) -> impl Iterator<Item = (&str, &V)> {
    let from = (target, after.clone().unwrap_or_default());
    let rows = table.range(view, from..).take_while(move |((of, _), _)| *of == target).map(|((_, key), row)| (key.as_str(), row));
    rows.filter(move |(key, _)| after.as_deref() != Some(*key))
}

impl<'s> Reader<'s> {
    pub(super) fn target(self, id: TargetId) -> Option<&'s Target> {
        self.state.syncs.targets.get(self.view, &id.get())
    }

    /// The targets in an entity, in order of sync.
    pub(super) fn targets_in(self, entity: EntityId) -> impl Iterator<Item = &'s Target> {
        let places = self.state.syncs.places.range(self.view, (entity, String::new())..);
        let places = places.take_while(move |((of, _), _)| *of == entity);
        places.filter_map(move |(_, id)| self.target(TargetId::new(*id)))
    }

    /// The target, where this fence still holds it.
    pub(super) fn held(self, id: TargetId, fence: i64) -> Result<&'s Target> {
        let held = self.target(id).filter(|target| target.fence == fence && target.holder.is_some());
        held.ok_or_else(|| {
            Error::conflict("the run no longer holds the entity: another one took it over, or it was let go or deleted")
                .with("target", id)
        })
    }

    fn target_state(self, target: &Target) -> TargetState {
        TargetState {
            cursor: target.cursor.clone(),
            enumeration: target.enumeration.clone(),
            quarantined: rows(&self.state.syncs.quarantine, self.view, target.id, None).count() as u64,
        }
    }

    pub(super) fn targets(self, sync_id: Option<&str>) -> Result<Vec<TargetInfo>> {
        let all = self.state.syncs.targets.range(self.view, ..).map(|(_, target)| target);
        let info = |target: &Target| {
            Ok(TargetInfo {
                id: TargetId::new(target.id),
                sync_id: target.sync_id.clone(),
                entity: self.entity(&EntityRef::Id(target.entity_id))?,
                state: self.target_state(target),
                stakes: rows(&self.state.syncs.stakes, self.view, target.id, None).count() as u64,
                holder: target.holder.clone(),
            })
        };
        let wanted = all.filter(|target| sync_id.is_none_or(|sync_id| target.sync_id == sync_id));
        let mut targets = wanted.map(info).collect::<Result<Vec<TargetInfo>>>()?;
        let order = |target: &TargetInfo| {
            (target.sync_id.clone(), target.entity.connection_id.clone(), target.entity.name.clone(), target.id.get())
        };
        targets.sort_by_cached_key(order);
        Ok(targets)
    }
}

impl Writer<'_> {
    pub(super) fn put_target(&mut self, target: Target) {
        self.state.syncs.targets.put(target.id, target);
    }

    pub(super) fn acquire(&mut self, new: &NewHold) -> Result<Acquired> {
        let entity = self.reader().named(&new.entity, &new.connection_id).pop();
        let entity = entity.unwrap_or_else(|| self.insert_entity(&NewEntity::new(&new.entity, &new.connection_id)));
        let known = self.reader().targets_in(entity.id).find(|target| target.sync_id == new.sync_id).cloned();
        if let Some(Target { holder: Some((run_id, until)), .. }) = &known
            && !lapsed(*until, self.now)
        {
            return Ok(Acquired::Busy { run_id: run_id.clone(), until: *until });
        }
        let fresh = known.is_none();
        let mut target = known.unwrap_or_else(|| Target {
            id: self.next_sync_number(),
            sync_id: new.sync_id.clone(),
            entity_id: entity.id,
            cursor: None,
            enumeration: None,
            fence: 0,
            holder: None,
        });
        target.fence = target.fence.saturating_add(1);
        target.holder = Some((new.run_id.clone(), until(self.now, new.lease)));
        if fresh {
            self.state.syncs.places.put((entity.id, target.sync_id.clone()), target.id);
        }
        let state = self.reader().target_state(&target);
        let hold = Hold { target: TargetId::new(target.id), fence: target.fence, entity, state };
        self.put_target(target);
        Ok(Acquired::Held(Box::new(hold)))
    }

    pub(super) fn extend_hold(&mut self, hold: &Hold, lease: std::time::Duration) -> Result<()> {
        let mut target = self.reader().held(hold.target, hold.fence)?.clone();
        let lasts = until(self.now, lease);
        target.holder = target.holder.map(|(run_id, _)| (run_id, lasts));
        self.put_target(target);
        Ok(())
    }

    pub(super) fn release(&mut self, hold: &Hold) -> Result<()> {
        if let Some(target) = self.reader().held(hold.target, hold.fence).ok().cloned() {
            self.put_target(Target { holder: None, ..target });
        }
        Ok(())
    }

    /// Forgets what syncs did to an entity; the ledger stays.
    pub(crate) fn forget_targets(&mut self, entity: EntityId) {
        let targets: Vec<Target> = self.reader().targets_in(entity).cloned().collect();
        for target in targets {
            self.clear(target.id, |tables| &mut tables.stakes);
            self.clear(target.id, |tables| &mut tables.seen);
            self.clear(target.id, |tables| &mut tables.quarantine);
            self.state.syncs.targets.remove(target.id);
            self.state.syncs.places.remove((entity, target.sync_id));
        }
    }

    /// Removes all of one target from a table.
    pub(super) fn clear<V>(&mut self, target: i64, table: fn(&mut super::SyncTables) -> &mut OfTarget<V>) {
        let table = table(&mut self.state.syncs);
        let keys: Vec<String> = rows(table, View::Pending, target, None).map(|(key, _)| key.to_owned()).collect();
        keys.into_iter().for_each(|key| table.remove((target, key)));
    }
}
