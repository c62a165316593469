//! Finding points.

use super::PointKey;
use crate::state::Reader;
use mastra_core::{
    Error, Result,
    vector::{FlatPoints, IndexDescription, IndexSpec, NamespaceInfo, Scope, StoredPoint},
};
use std::sync::Arc;

impl<'s> Reader<'s> {
    pub(crate) fn index(self, name: &str) -> Result<&'s Arc<IndexSpec>> {
        let found = self.state.indexes.get(self.view, name);
        found.ok_or_else(|| Error::not_found("there is no vector index of this name").with("index", name))
    }

    pub(crate) fn indexes(self) -> Vec<IndexSpec> {
        self.state.indexes.range(self.view, ..).map(|(_, spec)| IndexSpec::clone(spec)).collect()
    }

    pub(crate) fn describe_index(self, name: &str) -> Result<IndexDescription> {
        let spec = self.index(name)?;
        Ok(IndexDescription::new(IndexSpec::clone(spec), self.points_of_index(name).count() as u64))
    }

    /// Every point of an index, in order of namespace and id.
    pub(super) fn points_of_index(self, index: &str) -> impl Iterator<Item = (&'s PointKey, &'s Arc<StoredPoint>)> {
        let from: PointKey = (index.to_owned(), String::new(), String::new());
        let index = index.to_owned();
        self.state.points.range(self.view, from..).take_while(move |((other, _, _), _)| *other == index)
    }

    pub(crate) fn namespaces(self, index: &str) -> Result<Vec<NamespaceInfo>> {
        self.index(index)?;
        let mut found: Vec<NamespaceInfo> = Vec::new();
        for ((_, name, _), _) in self.points_of_index(index) {
            match found.last_mut().filter(|last| last.name == *name) {
                Some(last) => last.count += 1,
                None => found.push(NamespaceInfo { name: name.clone(), count: 1 }),
            }
        }
        Ok(found)
    }

    /// The points of a namespace; `NotFound` where the index is not there.
    pub(crate) fn namespace(self, scope: &Scope) -> Result<Namespace<'s>> {
        Ok(Namespace { reader: self, spec: self.index(&scope.index)?, scope: scope.clone() })
    }
}

/// The points of one namespace, as one reader sees them.
pub(crate) struct Namespace<'s> {
    reader: Reader<'s>,
    spec: &'s IndexSpec,
    scope: Scope,
}

impl Namespace<'_> {
    fn key(&self, id: &str) -> PointKey {
        (self.scope.index.clone(), self.scope.namespace.clone(), id.to_owned())
    }
}

impl FlatPoints for Namespace<'_> {
    fn spec(&self) -> &IndexSpec {
        self.spec
    }

    fn namespace(&self) -> &str {
        &self.scope.namespace
    }

    fn point(&self, id: &str) -> Option<&StoredPoint> {
        self.reader.state.points.get(self.reader.view, &self.key(id)).map(|point| &**point)
    }

    fn points_after(&self, after: &str) -> impl Iterator<Item = (&str, &StoredPoint)> {
        let rows = self.reader.state.points.range(self.reader.view, self.key(after)..);
        rows.take_while(|((index, namespace, _), _)| *index == self.scope.index && *namespace == self.scope.namespace)
            .map(|((_, _, id), point)| (id.as_str(), &**point))
            .skip_while(move |(id, _)| *id == after)
    }
}
