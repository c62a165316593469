//! What commits with a page of records.

use super::{targets::Target, until};
use crate::writer::Writer;
use mastra_core::{
    EntityRef, EntityUpdate, Error, Result,
    sync::{Enumeration, EnumerationChange, LedgerEntry, PageCommit, Stake, StakeWrite},
};
use std::sync::Arc;

impl Writer<'_> {
    pub(super) fn commit_page(&mut self, page: &PageCommit) -> Result<()> {
        let mut target = self.reader().held(page.target, page.fence)?.clone();
        self.reader().own_run(&page.ledger.run_id, page.ledger.attempt)?;
        let stakes = page.stakes.iter().map(|stake| self.stake(&target, stake)).collect::<Result<Vec<Stake>>>()?;

        target.holder = target.holder.map(|(run_id, _)| (run_id, until(self.now, page.lease)));
        if let Some(cursor) = &page.cursor {
            target.cursor = Some(cursor.clone());
            let update = EntityUpdate { last_sync_id: Some(Some(cursor.clone())), ..EntityUpdate::default() };
            self.update_entity(&EntityRef::Id(target.entity_id), &update)?;
        }
        self.change_enumeration(&mut target, page);
        for stake in stakes {
            self.state.syncs.stakes.put((target.id, stake.external_id.clone()), Arc::new(stake));
        }
        page.dropped.iter().for_each(|id| self.state.syncs.stakes.remove((target.id, id.clone())));
        page.quarantined.iter().for_each(|item| self.set_aside(&target, item, &page.ledger.run_id));
        page.settled.iter().for_each(|key| self.state.syncs.quarantine.remove((target.id, key.clone())));
        self.put_target(target);
        self.record(&page.ledger)
    }

    fn stake(&self, target: &Target, new: &StakeWrite) -> Result<Stake> {
        let generation = match new.generation {
            Some(generation) => generation,
            None => {
                let record = self.reader().by_external_id(target.entity_id, &new.external_id);
                let absent = || Error::invalid_input("a stake in a record that is not there says nothing of its generation");
                record.ok_or_else(absent)?.generation
            }
        };
        Ok(Stake {
            external_id: new.external_id.clone(),
            content: new.content.clone(),
            generation,
            created: new.created,
            version: new.version.clone(),
            keys: new.keys.clone(),
            written_at: self.now,
        })
    }

    fn change_enumeration(&mut self, target: &mut Target, page: &PageCommit) {
        match &page.enumeration {
            EnumerationChange::Keep => {}
            EnumerationChange::Begin => {
                self.clear(target.id, |tables| &mut tables.seen);
                target.enumeration = Some(Enumeration { started_at: self.now, cursor: None, read: false });
            }
            EnumerationChange::Advance(cursor) => {
                target.enumeration.iter_mut().for_each(|enumeration| enumeration.cursor.clone_from(cursor));
            }
            EnumerationChange::Read => target.enumeration.iter_mut().for_each(|enumeration| enumeration.read = true),
            EnumerationChange::End => {
                self.clear(target.id, |tables| &mut tables.seen);
                target.enumeration = None;
            }
        }
        if page.enumeration != EnumerationChange::End {
            page.seen.iter().for_each(|id| self.state.syncs.seen.put((target.id, id.clone()), ()));
        }
    }

    fn record(&mut self, entry: &LedgerEntry) -> Result<()> {
        let mut run = self.reader().own_run(&entry.run_id, entry.attempt)?.clone();
        run.heartbeat_at = self.now;
        run.revision = run.revision.saturating_add(1);
        match run.targets.iter_mut().find(|target| target.entity_id == entry.target.entity_id) {
            Some(target) => target.clone_from(&entry.target),
            None => run.targets.push(entry.target.clone()),
        }
        self.put_run(run);
        Ok(())
    }
}
