//! What a batch comes to: what is stored is read, and each record is decided.

use super::{
    decide::{self, Decision, Incoming, Withdrawal},
    plan::{PlannedAction, PlannedChange},
    settings::Settings,
};
use mastra_core::{
    EntityId, EntityRef, Error, NewRecord, Record, RecordStore, Result,
    sync::{StakeView, StakeWrite, SyncMode, TargetId},
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// What to write for a batch.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    pub(super) writes: Vec<NewRecord>,
    pub(super) stakes: Vec<StakeWrite>,
    pub(super) deletes: Vec<String>,
    pub(super) dropped: Vec<String>,
    /// How many of `writes` only take keys out of records that others keep.
    pub(super) trimmed: usize,
    /// What would be done, where that was asked for.
    pub(super) changes: Vec<PlannedChange>,
    /// Which of `writes` hold the data of which incoming records.
    lent: Vec<(usize, usize)>,
}

impl Judgement {
    /// How many of `writes` are records that were not there.
    pub(super) fn creates(&self) -> usize {
        self.lent.len()
    }

    /// Gives the incoming records their data back, which may have to be written once more. There is nothing to write after it.
    pub(super) fn give_back(&mut self, incoming: &mut [Incoming]) {
        for (write, of) in std::mem::take(&mut self.lent) {
            if let (Some(write), Some(incoming)) = (self.writes.get_mut(write), incoming.get_mut(of))
                && let Value::Object(data) = write.data.take()
            {
                incoming.data = data;
            }
        }
        self.writes.clear();
    }
}

/// Where to read, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) store: &'a dyn RecordStore,
    pub(super) sync_id: &'a str,
    pub(super) entity: EntityId,
    pub(super) target: Option<TargetId>,
    pub(super) settings: &'a Settings,
    /// Whether the changes themselves are wanted.
    pub(super) plans: bool,
}

impl Place<'_> {
    /// What is known of records, in the order of their ids, of which no two are the same.
    async fn views(&self, ids: &[String]) -> Result<Vec<StakeView>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let syncs = self.store.syncs().ok_or_else(|| Error::unsupported("this engine remembers nothing of syncs"))?;
        let views = syncs.read_stakes(self.entity, self.target, ids).await?;
        // A record that nothing is known of must not be taken for one that is not there.
        if views.len() != ids.len() || views.iter().zip(ids).any(|(view, id)| view.external_id != *id) {
            return Err(Error::internal("the store did not answer for the records that it was asked for"));
        }
        Ok(views)
    }

    async fn records(&self, ids: &[String]) -> Result<HashMap<String, Record>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.store.get_records_by_external_ids(&EntityRef::Id(self.entity), ids).await?;
        Ok(found.into_iter().map(|record| (record.external_id.clone(), record)).collect())
    }

    /// Decides what becomes of records that the source has, and of such as it says are gone, no two of one id.
    pub(super) async fn judge(&self, incoming: &[Incoming], gone: &[String]) -> Result<Judgement> {
        self.judge_lent(&mut incoming.to_vec(), gone).await
    }

    /// The same. Data that is written as it came is lent to the judgement until [`Judgement::give_back`].
    pub(super) async fn judge_lent(&self, incoming: &mut [Incoming], gone: &[String]) -> Result<Judgement> {
        let ids: Vec<String> = incoming.iter().map(|incoming| incoming.external_id.clone()).chain(gone.iter().cloned()).collect();
        let views = self.views(&ids).await?;
        let (views, views_of_gone) = views.split_at_checked(incoming.len()).unwrap_or_default();
        let append = self.settings.mode == SyncMode::Append;
        let wanted = incoming
            .iter()
            .zip(views)
            .filter(|(incoming, view)| is_live(view) && !decide::is_untouched(incoming, view))
            .map(|(incoming, _)| &incoming.external_id);
        let withdrawn = views_of_gone.iter().filter(|view| is_live(view) && view.own.is_some()).map(|view| &view.external_id);
        let wanted: Vec<String> = wanted.chain(withdrawn).cloned().collect();
        let records = self.records(&wanted).await?;
        let moved = |view: &StakeView| {
            let read = records.get(&view.external_id).map(|record| record.generation);
            read.is_some_and(|read| view.record.is_none_or(|mark| mark.generation != read))
        };
        if !self.plans && views.iter().chain(views_of_gone).any(moved) {
            // Whoever wrote it in between may have a stake in it that was not read.
            return Err(Error::conflict("a record was written while it was read").retryable(true));
        }
        let mut judgement = Judgement::default();
        for (at, (incoming, view)) in incoming.iter_mut().zip(views).enumerate() {
            if decide::is_untouched(incoming, view) {
                continue;
            }
            let existing = records.get(&incoming.external_id);
            let decision = if existing.is_some() {
                decide::decide(self.sync_id, incoming, view, existing, &self.settings.policy, append)
            } else {
                judgement.lent.push((judgement.writes.len(), at));
                decide::create(incoming, &self.settings.policy)
            };
            if self.plans {
                judgement.changes.extend(planned(&decision, existing));
            }
            judgement.writes.extend(decision.write);
            judgement.stakes.extend(decision.stake);
        }
        self.withdraw(views_of_gone, &records, &mut judgement);
        Ok(judgement)
    }

    fn withdraw(&self, gone: &[StakeView], records: &HashMap<String, Record>, judgement: &mut Judgement) {
        for view in gone {
            let id = &view.external_id;
            // What others wrote is theirs to delete.
            let Some(own) = &view.own else { continue };
            judgement.dropped.push(id.clone());
            let existing = records.get(id);
            match decide::withdraw(own, &view.others, existing, &self.settings.policy) {
                Withdrawal::Nothing => {}
                Withdrawal::Delete => {
                    judgement.deletes.push(id.clone());
                    if self.plans {
                        judgement.changes.push(PlannedChange {
                            external_id: id.clone(),
                            action: PlannedAction::Delete,
                            before: existing.map(|record| record.data.clone()),
                            after: None,
                            kept: Vec::new(),
                        });
                    }
                }
                Withdrawal::RemoveKeys(keys) => {
                    let mut write = NewRecord::new(id.as_str(), Value::Object(Map::new())).remove_keys(keys);
                    write.expected_generation = existing.map(|record| record.generation);
                    let decision = Decision { write: Some(write), ..Decision::default() };
                    if self.plans {
                        judgement.changes.extend(planned(&decision, existing));
                    }
                    judgement.writes.extend(decision.write);
                    judgement.trimmed += 1;
                }
            }
        }
    }
}

fn is_live(view: &StakeView) -> bool {
    view.record.is_some_and(|mark| !mark.deleted)
}

/// What a decision would do, before and after.
fn planned(decision: &Decision, existing: Option<&Record>) -> Option<PlannedChange> {
    let write = decision.write.as_ref()?;
    let before = existing.map(|record| record.data.clone());
    let mut after = before.clone().unwrap_or_else(|| Value::Object(Map::new()));
    if let (Value::Object(after), Value::Object(data)) = (&mut after, &write.data) {
        write.remove_keys.iter().for_each(|key| drop(after.remove(key)));
        after.extend(data.clone());
    }
    Some(PlannedChange {
        external_id: write.external_id.clone(),
        action: if existing.is_some() { PlannedAction::Update } else { PlannedAction::Create },
        before,
        after: Some(after),
        kept: decision.kept.clone(),
    })
}
