//! How a broken store writes pages, and what it says of records.

use super::{BrokenSyncs, SyncMistake as Mistake};
use mastra_core::{
    EntityRef, EntityUpdate, RecordStore, Result,
    sync::{EnumerationChange, PageCommit, StakeView},
};
use std::collections::HashMap;

impl<S: RecordStore> BrokenSyncs<S> {
    pub(super) async fn write_mistakenly(&self, page: &PageCommit) -> Result<()> {
        let mut page = page.clone();
        self.mistake_holder(&mut page).await;
        self.mistake_content(&mut page).await?;
        let entity = self.newest_hold(page.target).map(|hold| EntityRef::Id(hold.entity.id));
        let entity = entity.filter(|_| self.is(Mistake::KeepsTheCursorToItself) && page.cursor.is_some());
        let before = match &entity {
            Some(entity) => self.inner.resolve_entity(entity).await.ok().map(|entity| entity.last_sync_id),
            None => None,
        };
        self.refusal(self.sound()?.commit_page(&page).await)?;
        if let (Some(entity), Some(last_sync_id)) = (entity, before) {
            let update = EntityUpdate { last_sync_id: Some(last_sync_id), ..EntityUpdate::default() };
            self.inner.update_entity(&entity, &update).await?;
        }
        Ok(())
    }

    /// Takes whoever comes for the one who holds the target.
    async fn mistake_holder(&self, page: &mut PageCommit) {
        if let (true, Some(hold)) = (self.is(Mistake::IgnoresTheFence), self.newest_hold(page.target)) {
            page.fence = hold.fence;
        }
        if self.is(Mistake::PagesIgnoreAttempts)
            && let Ok(syncs) = self.sound()
            && let Ok(run) = syncs.get_run(&page.ledger.run_id).await
        {
            page.ledger.attempt = run.attempt;
        }
    }

    async fn mistake_content(&self, page: &mut PageCommit) -> Result<()> {
        match self.mistake {
            Mistake::ForgetsSeen => page.seen.clear(),
            Mistake::KeepsSeen => {
                let mut memory = self.memory();
                let seen = memory.seen.entry(page.target).or_default();
                seen.extend(page.seen.iter().cloned());
                page.seen.clone_from(seen);
            }
            Mistake::KeepsDropped => page.dropped.clear(),
            Mistake::KeepsSettled => page.settled.clear(),
            Mistake::StaleGeneration => {
                page.stakes.iter_mut().for_each(|stake| stake.generation = stake.generation.or(Some(0)));
            }
            Mistake::LosesTheEnumerationsCursor if matches!(page.enumeration, EnumerationChange::Advance(_)) => {
                page.enumeration = EnumerationChange::Advance(None);
            }
            Mistake::NeverRead if page.enumeration == EnumerationChange::Read => page.enumeration = EnumerationChange::Keep,
            Mistake::GenerationOfNow => {
                let Some(hold) = self.newest_hold(page.target) else { return Ok(()) };
                let ids: Vec<String> = page.stakes.iter().map(|stake| stake.external_id.clone()).collect();
                let views = self.sound()?.read_stakes(hold.entity.id, None, &ids).await?;
                for (stake, view) in page.stakes.iter_mut().zip(views) {
                    stake.generation = view.record.map(|record| record.generation).or(stake.generation);
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn mistaken_views(&self, mut views: Vec<StakeView>, asked: &[String]) -> Vec<StakeView> {
        match self.mistake {
            Mistake::MixesStakes => {
                for view in &mut views {
                    view.own = view.own.take().or_else(|| view.others.first().map(|(_, stake)| stake.clone()));
                }
            }
            Mistake::SortsViews => views.sort_by(|one, other| one.external_id.cmp(&other.external_id)),
            Mistake::RevivesTheDeleted => {
                views.iter_mut().filter_map(|view| view.record.as_mut()).for_each(|record| record.deleted = false);
            }
            Mistake::RepeatsViews => {
                let known: HashMap<&str, &StakeView> = views.iter().map(|view| (view.external_id.as_str(), view)).collect();
                return asked.iter().filter_map(|id| known.get(id.as_str()).map(|view| StakeView::clone(view))).collect();
            }
            _ => {}
        }
        views
    }
}
