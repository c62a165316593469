//! Which keys of a record are whose, and what an enumeration has not met.

use super::targets::{Target, rows};
use crate::state::{Reader, to_usize};
use mastra_core::{
    EntityId,
    sync::{RecordMark, Stake, StakeView, TargetId, Unseen},
};
use std::{collections::HashSet, sync::Arc};

impl<'s> Reader<'s> {
    fn stakes_of(self, target: TargetId, after: Option<&str>) -> impl Iterator<Item = &'s Arc<Stake>> + use<'s> {
        rows(&self.state.syncs.stakes, self.view, target.get(), after.map(str::to_owned)).map(|(_, stake)| stake)
    }

    fn stake(self, target: &Target, external_id: &str) -> Option<Stake> {
        let stake = self.state.syncs.stakes.get(self.view, &(target.id, external_id.to_owned()));
        stake.map(|stake| Stake::clone(stake))
    }

    fn is_seen(self, target: TargetId, stake: &Stake) -> bool {
        self.state.syncs.seen.get(self.view, &(target.get(), stake.external_id.clone())).is_some()
    }

    pub(super) fn stake_views(self, entity: EntityId, own: Option<TargetId>, external_ids: &[String]) -> Vec<StakeView> {
        let (mine, others): (Vec<&Target>, Vec<&Target>) =
            self.targets_in(entity).partition(|target| own.is_some_and(|own| own.get() == target.id));
        let view = |external_id: &String| StakeView {
            external_id: external_id.clone(),
            record: self.by_external_id(entity, external_id).map(|record| RecordMark {
                id: record.id,
                generation: record.generation,
                deleted: record.deleted_at.is_some(),
            }),
            own: mine.iter().find_map(|target| self.stake(target, external_id)),
            others: others.iter().filter_map(|target| Some((target.sync_id.clone(), self.stake(target, external_id)?))).collect(),
        };
        let mut met = HashSet::new();
        external_ids.iter().filter(|id| met.insert(id.as_str())).map(view).collect()
    }

    pub(super) fn stakes_behind(self, target: TargetId, after: Option<&str>, limit: u32) -> Vec<Stake> {
        self.stakes_of(target, after).take(to_usize(limit.into())).map(|stake| Stake::clone(stake)).collect()
    }

    pub(super) fn count_unseen(self, target: TargetId) -> Unseen {
        self.stakes_of(target, None).fold(Unseen::default(), |count, stake| Unseen {
            stakes: count.stakes + 1,
            unseen: count.unseen + u64::from(!self.is_seen(target, stake)),
        })
    }

    pub(super) fn unseen(self, target: TargetId, limit: u32) -> Vec<Stake> {
        let unseen = self.stakes_of(target, None).filter(|stake| !self.is_seen(target, stake));
        unseen.take(to_usize(limit.into())).map(|stake| Stake::clone(stake)).collect()
    }
}
