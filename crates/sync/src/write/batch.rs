//! Items in batches, each of which is decided and written at once.

use super::{
    decide::Incoming,
    draft::{Failure, Ready},
};
use std::collections::HashSet;

/// Items of which no two speak of one record, so that the order among them does not matter.
#[derive(Debug, Default, Clone)]
pub(super) struct Batch {
    pub(super) incoming: Vec<Incoming>,
    pub(super) unchanged: Vec<String>,
    pub(super) gone: Vec<String>,
    pub(super) failures: Vec<Failure>,
    /// Keys of items that were set aside, and are not any more.
    pub(super) settled: Vec<String>,
    /// How many items of the source it stands for.
    pub(super) read: u64,
}

impl Batch {
    fn push(&mut self, ready: Ready) {
        self.read += 1;
        match ready {
            Ready::Record(incoming) => self.incoming.push(incoming),
            Ready::Unchanged(id) => self.unchanged.push(id),
            Ready::Deleted(id) => self.gone.push(id),
            Ready::Failed(failure) => self.failures.push(failure),
        }
    }

    fn len(&self) -> usize {
        self.incoming.len() + self.unchanged.len() + self.gone.len() + self.failures.len()
    }

    /// The records that the source has.
    pub(super) fn present(&self) -> impl Iterator<Item = &String> {
        let incoming = self.incoming.iter().map(|incoming| &incoming.external_id);
        incoming.chain(&self.unchanged).chain(self.failures.iter().filter_map(|failure| failure.external_id.as_ref()))
    }

    /// The two halves of a batch that was refused, to find what is wrong with it; `None` where it is one record.
    pub(super) fn halves(mut self) -> Option<(Self, Self)> {
        if self.incoming.len() < 2 {
            return None;
        }
        let second = self.incoming.split_off(self.incoming.len() / 2);
        let read = second.len() as u64;
        self.read = self.read.saturating_sub(read);
        Some((self, Self { incoming: second, read, ..Self::default() }))
    }
}

/// Cuts items into batches of at most `size`. An id that comes again ends like one after the other: where only the last mention counts, the
/// earlier one is left out; else a new batch begins.
pub(super) fn cut(items: impl IntoIterator<Item = Ready>, size: usize, last_counts: bool) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::default();
    let mut ids: HashSet<String> = HashSet::new();
    for ready in items {
        let repeated = ready.external_id().is_some_and(|id| ids.contains(id));
        let replaced = repeated && last_counts && replace(&mut batch, &ready);
        if (repeated && !replaced) || batch.len() >= size {
            batches.push(std::mem::take(&mut batch));
            ids.clear();
        }
        ids.extend(ready.external_id().map(str::to_owned));
        batch.push(ready);
    }
    if batch.len() > 0 || batches.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Takes the earlier mention of a record out where the new one replaces it wholly; it still counts as read.
fn replace(batch: &mut Batch, ready: &Ready) -> bool {
    let Ready::Record(new) = ready else { return false };
    let before = batch.incoming.len();
    batch.incoming.retain(|old| old.external_id != new.external_id);
    batch.incoming.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn record(id: &str, content: &str) -> Ready {
        Ready::Record(Incoming {
            external_id: id.into(),
            data: Map::new(),
            entity_type: None,
            version: None,
            content: content.into(),
        })
    }

    fn shape(batches: &[Batch]) -> Vec<Vec<(&str, &str)>> {
        batches
            .iter()
            .map(|batch| batch.incoming.iter().map(|one| (one.external_id.as_str(), one.content.as_str())).collect())
            .collect()
    }

    #[test]
    fn a_repeated_id_ends_like_one_after_the_other() {
        let items = || [record("a", "1"), record("b", "2"), record("a", "3")];
        assert_eq!(shape(&cut(items(), 10, true)), [vec![("b", "2"), ("a", "3")]]);
        assert_eq!(shape(&cut(items(), 10, false)), [vec![("a", "1"), ("b", "2")], vec![("a", "3")]]);
        assert_eq!(cut(items(), 10, true)[0].read, 3);
        let gone = cut([record("a", "1"), Ready::Deleted("a".into()), record("a", "2")], 10, true);
        assert_eq!(gone.len(), 3);
    }

    #[test]
    fn batches_are_of_the_size_and_one_is_there_for_nothing() {
        let items = (0..25).map(|at| record(&at.to_string(), ""));
        assert_eq!(cut(items, 10, true).iter().map(Batch::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(cut([], 10, true).len(), 1);
    }
}
