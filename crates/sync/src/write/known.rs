//! What earlier runs stored, for a source that asks.

use super::scope::RunScope;
use crate::source::Known;
use async_trait::async_trait;
use mastra_core::{EntityId, Result, sync::TargetId};
use std::collections::HashMap;

/// The versions in the stakes of a target.
#[derive(Debug)]
pub(super) struct Stakes {
    pub(super) run: RunScope,
    pub(super) entity: EntityId,
    pub(super) target: TargetId,
}

#[async_trait]
impl Known for Stakes {
    async fn versions(&self, external_ids: &[String]) -> Result<HashMap<String, String>> {
        let views = self.run.syncs()?.read_stakes(self.entity, Some(self.target), external_ids).await?;
        // A record that somebody else changed or deleted is to be read again, whatever its source says of it.
        let known = views.into_iter().filter_map(|view| {
            let (own, mark) = (view.own?, view.record?);
            let untouched = !mark.deleted && mark.generation == own.generation;
            Some((view.external_id, own.version.filter(|_| untouched)?))
        });
        Ok(known.collect())
    }
}
