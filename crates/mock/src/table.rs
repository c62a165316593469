//! A table with the uncommitted changes of its one writer beside it.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::RangeBounds;

/// Which rows a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Those of the last commit.
    Committed,
    /// Those that the open transaction would commit.
    Pending,
}

/// Rows by key. There is one writer at a time, so one set of pending changes is enough; committing and rolling back cost what
/// was changed, not what is stored.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    committed: BTreeMap<K, V>,
    /// `None` marks a row that the commit removes.
    pending: BTreeMap<K, Option<V>>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { committed: BTreeMap::new(), pending: BTreeMap::new() }
    }
}

impl<K: Ord, V> Table<K, V> {
    pub(crate) fn put(&mut self, key: K, value: V) {
        self.pending.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: K) {
        self.pending.insert(key, None);
    }

    pub(crate) fn commit(&mut self) {
        for (key, change) in std::mem::take(&mut self.pending) {
            match change {
                Some(value) => self.committed.insert(key, value),
                None => self.committed.remove(&key),
            };
        }
    }

    pub(crate) fn roll_back(&mut self) {
        self.pending.clear();
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, view: View, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        match (view, self.pending.get(key)) {
            (View::Pending, Some(change)) => change.as_ref(),
            _ => self.committed.get(key),
        }
    }

    /// The rows whose keys lie in the range, in order of key.
    pub(crate) fn range<'t>(
        &'t self,
        view: View,
        keys: impl RangeBounds<K> + Clone,
    ) -> impl Iterator<Item = (&'t K, &'t V)> + 't {
        let mut stored = self.committed.range(keys.clone()).peekable();
        let mut changed = match view {
            View::Committed => None,
            View::Pending => Some(self.pending.range(keys).peekable()),
        };
        std::iter::from_fn(move || {
            loop {
                let change = changed.as_mut().and_then(|changed| changed.peek().copied());
                let Some((key, value)) = change.filter(|(key, _)| stored.peek().is_none_or(|(other, _)| key <= other)) else {
                    return stored.next();
                };
                changed.as_mut().and_then(Iterator::next);
                stored.next_if(|(other, _)| *other == key);
                if let Some(value) = value {
                    return Some((key, value));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &Table<i32, &'static str>, view: View) -> Vec<(i32, &'static str)> {
        table.range(view, ..).map(|(key, value)| (*key, *value)).collect()
    }

    #[test]
    fn changes_are_seen_by_their_writer_alone_until_the_commit() {
        let mut table = Table::default();
        (1..=4).for_each(|key| table.put(key, "old"));
        table.commit();
        table.put(0, "new");
        table.put(2, "changed");
        table.remove(3);
        table.put(9, "new");
        assert_eq!(rows(&table, View::Committed), [(1, "old"), (2, "old"), (3, "old"), (4, "old")]);
        let pending = [(0, "new"), (1, "old"), (2, "changed"), (4, "old"), (9, "new")];
        assert_eq!(rows(&table, View::Pending), pending);
        assert_eq!((table.get(View::Pending, &3), table.get(View::Committed, &3)), (None, Some(&"old")));
        table.commit();
        assert_eq!(rows(&table, View::Committed), pending);
    }

    #[test]
    fn rolling_back_leaves_what_was_committed() {
        let mut table = Table::default();
        table.put(1, "old");
        table.commit();
        table.remove(1);
        table.put(2, "new");
        table.roll_back();
        assert_eq!(rows(&table, View::Pending), [(1, "old")]);
    }
}
