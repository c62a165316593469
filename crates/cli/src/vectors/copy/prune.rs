//! Points that stand in the index written to and not in the one read from.

use super::Sides;
use mastra_core::Result;
use mastra_core::vector::{Include, PointSelector, ScrollQuery};
use std::collections::HashSet;

/// Points that are looked for at once.
const PAGE: usize = 1_000;

impl Sides<'_> {
    /// Removes them, and says how many they were. Whose they are nobody knows, so only where it was asked for.
    pub(super) async fn prune(&self) -> Result<u64> {
        let mut removed = 0;
        for namespace in self.to.list_namespaces(&self.to_index).await? {
            let counts = self.counts(&namespace.name).await?;
            // As many on both sides may still be others.
            if counts.to == 0 {
                continue;
            }
            let (source, target) = self.scopes(&namespace.name);
            let mut walk = ScrollQuery::new().limit(PAGE).include(Include::ID);
            loop {
                let page = self.to.scroll(&target, &walk).await?;
                let ids: Vec<String> = page.items.into_iter().map(|point| point.id).collect();
                let kept = if ids.is_empty() { Vec::new() } else { self.from.get(&source, &ids, Include::ID).await? };
                let kept: HashSet<String> = kept.into_iter().map(|point| point.id).collect();
                let gone: Vec<String> = ids.into_iter().filter(|id| !kept.contains(id)).collect();
                if !gone.is_empty() {
                    removed += self.to.delete(&target, &PointSelector::Ids(gone)).await?;
                }
                match page.next_cursor {
                    Some(next) => walk = walk.cursor(Some(next)),
                    None => break,
                }
            }
        }
        Ok(removed)
    }
}
