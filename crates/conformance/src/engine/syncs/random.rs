//! Pages at random end like the same pages on maps.

use super::{at_work, info, page, set_aside, stakes, syncs};
use crate::failure::{Outcome, ensure_eq};
use crate::random::Random;
use mastra_core::{
    RecordStore,
    sync::{EnumerationChange, Hold, PageCommit, QuarantineQuery, SyncStore, Unseen},
};
use std::collections::{BTreeMap, BTreeSet};

const IDS: [&str; 9] = ["a", "b", "B", "é", "it's", "\u{1f600}", "10", "9", "z z"];

/// What the law makes of pages.
#[derive(Debug, Default)]
struct Model {
    cursor: Option<String>,
    enumeration: Option<(Option<String>, bool)>,
    stakes: BTreeMap<String, String>,
    seen: BTreeSet<String>,
    aside: BTreeMap<String, u32>,
}

impl Model {
    fn commit(&mut self, page: &PageCommit) {
        self.cursor = page.cursor.clone().or(self.cursor.take());
        match &page.enumeration {
            EnumerationChange::Keep => {}
            EnumerationChange::Begin => {
                self.enumeration = Some((None, false));
                self.seen.clear();
            }
            EnumerationChange::Advance(cursor) => {
                self.enumeration = self.enumeration.take().map(|(_, read)| (cursor.clone(), read))
            }
            EnumerationChange::Read => self.enumeration = self.enumeration.take().map(|(cursor, _)| (cursor, true)),
            EnumerationChange::End => {
                self.enumeration = None;
                self.seen.clear();
            }
        }
        self.seen.extend(page.seen.iter().cloned());
        self.stakes.extend(page.stakes.iter().map(|stake| (stake.external_id.clone(), stake.content.clone())));
        self.stakes.retain(|id, _| !page.dropped.contains(id));
        page.quarantined.iter().for_each(|item| *self.aside.entry(item.key.clone()).or_default() += 1);
        self.aside.retain(|key, _| !page.settled.contains(key));
    }

    /// A page that means something now.
    fn draw(&self, random: &mut Random, mut page: PageCommit) -> PageCommit {
        let under_way = self.enumeration.is_some();
        page.enumeration = match random.below(12) {
            0 => EnumerationChange::Begin,
            1..=3 if under_way => EnumerationChange::Advance((random.below(3) > 0).then(|| random.below(100).to_string())),
            4 if under_way => EnumerationChange::Read,
            5 if under_way => EnumerationChange::End,
            _ => EnumerationChange::Keep,
        };
        let sees = matches!(page.enumeration, EnumerationChange::Begin) || under_way;
        let ends = matches!(page.enumeration, EnumerationChange::End);
        let mut some = |share: usize| -> Vec<&str> { IDS.into_iter().filter(|_| random.below(share) == 0).collect() };
        let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let (written, gone, failed, settled) = (some(4), some(6), some(8), some(6));
        page.seen = if sees && !ends { owned(some(5)) } else { Vec::new() };
        page.dropped = owned(gone.into_iter().filter(|id| !written.contains(id)).collect());
        page.settled = owned(settled.into_iter().filter(|id| !failed.contains(id)).collect());
        page.quarantined = failed.into_iter().map(set_aside).collect();
        page.stakes = stakes(written);
        let content = random.below(1_000).to_string();
        page.stakes.iter_mut().for_each(|stake| stake.content.clone_from(&content));
        page.cursor = (random.below(3) == 0).then_some(content);
        page
    }

    async fn is_stored(&self, syncs: &dyn SyncStore, hold: &Hold) -> Outcome {
        let target = info(syncs, hold).await?;
        ensure_eq!(target.state.cursor, self.cursor, "the cursor");
        let enumeration = target.state.enumeration.map(|one| (one.cursor, one.read));
        ensure_eq!(enumeration, self.enumeration, "the enumeration");
        let stakes = syncs.list_stakes(hold.target, None, 100).await?;
        let stakes: Vec<(&str, &str)> = stakes.iter().map(|stake| (stake.external_id.as_str(), stake.content.as_str())).collect();
        ensure_eq!(stakes, self.stakes.iter().map(|(id, content)| (id.as_str(), content.as_str())).collect::<Vec<_>>(), "stakes");
        let unseen: Vec<&str> = self.stakes.keys().filter(|id| !self.seen.contains(*id)).map(String::as_str).collect();
        let found = syncs.list_unseen(hold.target, 100).await?;
        ensure_eq!(found.iter().map(|stake| stake.external_id.as_str()).collect::<Vec<_>>(), unseen, "unseen");
        let count = Unseen { stakes: self.stakes.len() as u64, unseen: unseen.len() as u64 };
        ensure_eq!(syncs.count_unseen(hold.target).await?, count, "unseen, in numbers");
        let aside = syncs.list_quarantined(&QuarantineQuery::default()).await?;
        let aside: Vec<(&str, u32)> = aside.iter().map(|item| (item.key.as_str(), item.attempts)).collect();
        ensure_eq!(aside, self.aside.iter().map(|(key, attempts)| (key.as_str(), *attempts)).collect::<Vec<_>>(), "set aside");
        ensure_eq!((target.stakes, target.state.quarantined), (stakes.len() as u64, aside.len() as u64), "as the target counts");
        Ok(())
    }
}

/// Whatever pages come one after the other, the store holds what the law makes of them.
pub async fn pages_end_like_pages_on_maps(store: &dyn RecordStore) -> Outcome {
    let syncs = syncs(store)?;
    let mut random = Random::seeded("pages of a sync");
    let (run, hold) = at_work(syncs).await?;
    let mut model = Model::default();
    for round in 0..60 {
        let next = model.draw(&mut random, page(&run, &hold));
        syncs.commit_page(&next).await?;
        model.commit(&next);
        model.is_stored(syncs, &hold).await.map_err(|failure| failure.about(format!("behind page {round}, {next:?}")))?;
    }
    Ok(())
}
