//! An index whose points are all in memory.

use super::{FlatPoints, PointChanges, StoredPoint};
use crate::vector::index::{IndexDescription, IndexSpec, NamespaceInfo};
use std::{collections::BTreeMap, fmt, ops::Bound, sync::Arc};

/// An index whose points are all in memory, by namespace: what a store of files, or of a service without search, reads into and answers from.
///
/// ```
/// use mastra_core::vector::{FlatIndex, FlatPoints as _, IndexSpec, NewPoint, VectorQuery};
///
/// let mut index = FlatIndex::new(IndexSpec::new("docs", 2));
/// let points = [NewPoint::new("a", [1.0, 0.0])];
/// let (changes, report) = index.namespace("tenant").plan_upsert(&points, &Default::default())?;
/// // Here a store writes the changes down.
/// index.apply(changes);
/// let answer = index.namespace("tenant").search(&VectorQuery::vector([1.0, 0.0]))?;
/// assert_eq!(report.ids, ["a"]);
/// assert_eq!((answer.hits.len(), index.describe().count, index.namespaces().len()), (1, 1, 1));
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Clone)]
pub struct FlatIndex {
    spec: Arc<IndexSpec>,
    /// None of them is empty.
    namespaces: BTreeMap<String, BTreeMap<String, StoredPoint>>,
}

impl FlatIndex {
    /// An empty index.
    pub fn new(spec: IndexSpec) -> Self {
        Self { spec: Arc::new(spec), namespaces: BTreeMap::new() }
    }

    /// How it was made.
    pub fn spec(&self) -> &Arc<IndexSpec> {
        &self.spec
    }

    /// The points of a namespace, to be searched, read and planned on; one that holds none is empty.
    pub fn namespace<'i>(&'i self, name: &'i str) -> FlatNamespace<'i> {
        static NONE: BTreeMap<String, StoredPoint> = BTreeMap::new();
        FlatNamespace { spec: &self.spec, name, points: self.namespaces.get(name).unwrap_or(&NONE) }
    }

    /// Makes changes.
    pub fn apply(&mut self, changes: PointChanges) {
        let points = self.namespaces.entry(changes.namespace.clone()).or_default();
        for id in &changes.removed {
            points.remove(id);
        }
        points.extend(changes.put);
        if points.is_empty() {
            self.namespaces.remove(&changes.namespace);
        }
    }

    /// Every point with its namespace and id, in the order of these.
    pub fn points(&self) -> impl Iterator<Item = (&str, &str, &StoredPoint)> {
        self.namespaces
            .iter()
            .flat_map(|(namespace, points)| points.iter().map(move |(id, point)| (namespace.as_str(), id.as_str(), point)))
    }

    /// As [`VectorStore::describe_index`](crate::vector::VectorStore::describe_index).
    pub fn describe(&self) -> IndexDescription {
        IndexDescription::new(IndexSpec::clone(&self.spec), self.namespaces().iter().map(|namespace| namespace.count).sum())
    }

    /// As [`VectorStore::list_namespaces`](crate::vector::VectorStore::list_namespaces).
    pub fn namespaces(&self) -> Vec<NamespaceInfo> {
        let info = |(name, points): (&String, &BTreeMap<_, _>)| NamespaceInfo { name: name.clone(), count: points.len() as u64 };
        self.namespaces.iter().map(info).collect()
    }
}

/// What it is and how much it holds, never what.
impl fmt::Debug for FlatIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatIndex").field("spec", &self.spec).field("count", &self.describe().count).finish_non_exhaustive()
    }
}

/// A namespace of a [`FlatIndex`].
#[derive(Clone, Copy)]
pub struct FlatNamespace<'i> {
    spec: &'i IndexSpec,
    name: &'i str,
    points: &'i BTreeMap<String, StoredPoint>,
}

impl FlatPoints for FlatNamespace<'_> {
    fn spec(&self) -> &IndexSpec {
        self.spec
    }

    fn namespace(&self) -> &str {
        self.name
    }

    fn point(&self, id: &str) -> Option<&StoredPoint> {
        self.points.get(id)
    }

    fn points_after(&self, id: &str) -> impl Iterator<Item = (&str, &StoredPoint)> {
        self.points.range::<str, _>((Bound::Excluded(id), Bound::Unbounded)).map(|(id, point)| (id.as_str(), point))
    }
}

impl fmt::Debug for FlatNamespace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlatNamespace").field("index", &self.spec.name).field("count", &self.points.len()).finish_non_exhaustive()
    }
}
