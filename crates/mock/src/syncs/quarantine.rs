//! What was set aside.

use super::targets::Target;
use crate::{
    state::{Reader, to_usize},
    writer::Writer,
};
use mastra_core::{
    EntityRef, Result,
    sync::{NewQuarantined, QuarantineQuery, Quarantined, RunId, TargetId},
};
use std::sync::Arc;

/// How many items a list holds that says nothing of it.
const LISTED: u32 = 100;

impl Reader<'_> {
    pub(super) fn quarantined(self, query: &QuarantineQuery) -> Result<Vec<Quarantined>> {
        let from = query.after.as_ref().map_or((i64::MIN, String::new()), |(target, key)| (target.get(), key.clone()));
        let all = self.state.syncs.quarantine.range(self.view, from..).map(|(_, item)| item);
        let wanted = |item: &&Arc<Quarantined>| {
            query.after.as_ref().is_none_or(|(target, key)| item.target != *target || item.key != *key)
                && query.sync_id.as_ref().is_none_or(|sync_id| item.sync_id == *sync_id)
                && query.target.is_none_or(|target| item.target == target)
        };
        // An entity may have another name by now.
        let named = |item: &Arc<Quarantined>| {
            let target = self.target(item.target).map(|target| self.entity(&EntityRef::Id(target.entity_id)));
            let entity = target.transpose()?.map_or_else(|| item.entity.clone(), |entity| entity.name);
            Ok(Quarantined { entity, ..Quarantined::clone(item) })
        };
        all.filter(wanted).take(to_usize(query.limit.unwrap_or(LISTED).into())).map(named).collect()
    }
}

impl Writer<'_> {
    pub(super) fn set_aside(&mut self, target: &Target, new: &NewQuarantined, run_id: &RunId) {
        let key = (target.id, new.key.clone());
        let known = self.state.syncs.quarantine.get(self.reader().view, &key);
        let (attempts, first_failed_at) =
            known.map_or((1, self.now), |known| (known.attempts.saturating_add(1), known.first_failed_at));
        let entity = self.reader().entity(&EntityRef::Id(target.entity_id)).ok();
        let (entity, connection_id) = entity.map_or_else(Default::default, |entity| (entity.name, entity.connection_id));
        let item = Quarantined {
            target: TargetId::new(target.id),
            sync_id: target.sync_id.clone(),
            entity,
            connection_id,
            key: new.key.clone(),
            external_id: new.external_id.clone(),
            raw: new.raw.clone(),
            error: new.error.clone(),
            run_id: run_id.clone(),
            attempts,
            first_failed_at,
            last_failed_at: self.now,
        };
        self.state.syncs.quarantine.put(key, Arc::new(item));
    }
}
