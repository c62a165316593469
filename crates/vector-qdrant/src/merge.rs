//! Merging metadata. Qdrant's own merge removes a key whose new value is null, and knows nothing of what stands beside as JSON, so a merge
//! is made here, of what was read, and written only where the metadata are still of that revision: a condition of the write itself, which
//! holds between processes too. What another writer changed meanwhile is read and merged again, so none of both is lost.

use crate::{
    filter::{empty, matching},
    known::Known,
    name,
    payload::{self, REVISION, Read, Reads},
    store::QdrantVectors,
    walk::has_id,
    write::{Batch, selected},
};
use mastra_core::{
    Error, Result,
    vector::{Include, MetadataChange, PointSelector},
};
use qdrant_client::qdrant::{
    Filter, PointId,
    r#match::MatchValue,
    points_update_operation::{Operation, SetPayload},
};
use serde_json::Value;
use std::time::Duration;

/// How often a point is tried. Of all who write a point at once, one comes through each time.
const ROUNDS: u32 = 64;
/// The longest pause between two tries, in milliseconds.
const PAUSE: u64 = 32;

impl QdrantVectors {
    /// Merges into points that were read with their revisions. Of points that are gone, or match no longer, nothing is written.
    ///
    /// Errors: `Conflict` where others wrote the same points all the time.
    pub(crate) async fn merge_metadata(
        &self,
        known: &Known,
        namespace: &str,
        found: Vec<Read>,
        selector: &PointSelector,
        change: &MetadataChange,
    ) -> Result<()> {
        let matcher = match selector {
            PointSelector::Filter(filter) => Some(filter.clone().matcher()),
            _ => None,
        };
        let metadata = |read: &Read| read.point.metadata.clone().unwrap_or(Value::Null);
        let mut open = found;
        for round in 0..ROUNDS {
            let revision = payload::fresh_revision();
            let mut batch = Batch::new(self, known);
            let mut written = Vec::new();
            for read in open {
                let old = metadata(&read);
                let new = change.apply(&old);
                if new == old {
                    continue;
                }
                let id = PointId::from(name::point(namespace, &read.point.id));
                let own = payload::metadata(&new, revision)?;
                let bytes = own.values().map(payload::size).sum();
                batch.push(conditional(id.clone(), read.revision, own), bytes).await?;
                written.push(id);
            }
            batch.send().await?;
            let now = self.read_ids(known, &written, Reads::new(Include::ID).with_revision()).await?;
            let still = |read: &Read| matcher.as_ref().is_none_or(|matcher| matcher.matches(&metadata(read)));
            open = now.into_iter().filter(|read| read.revision != Some(revision) && still(read)).collect();
            if open.is_empty() {
                return Ok(());
            }
            // Those who met go on apart.
            let most = PAUSE.min(1 << round.min(5));
            tokio::time::sleep(Duration::from_millis(revision.unsigned_abs() % (most + 1))).await;
        }
        Err(Error::conflict("other writers changed these points all the time; try again").with("points", open.len()))
    }
}

/// Writes where the metadata are of this revision still.
fn conditional(id: PointId, revision: Option<i64>, payload: payload::Payload) -> Operation {
    let same = match revision {
        Some(revision) => matching(REVISION.to_owned(), MatchValue::Integer(revision)),
        None => empty(REVISION.to_owned()),
    };
    let filter = Filter { must: vec![has_id(vec![id]), same], ..Filter::default() };
    Operation::SetPayload(SetPayload { payload, points_selector: selected(filter), ..SetPayload::default() })
}
