//! Changing points.

use super::PointKey;
use crate::writer::Writer;
use mastra_core::{
    Error, Filter, Result,
    vector::{
        FlatPoints as _, IndexSpec, NewPoint, PointChanges, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport,
        Scope,
    },
};
use std::sync::Arc;

impl Writer<'_> {
    pub(crate) fn create_index(&mut self, spec: &IndexSpec) -> Result<()> {
        if self.reader().index(&spec.name).is_ok() {
            return Err(Error::already_exists("there is a vector index of this name").with("index", &spec.name));
        }
        self.state.indexes.put(spec.name.clone(), Arc::new(spec.clone()));
        Ok(())
    }

    pub(crate) fn delete_index(&mut self, index: &str) -> Result<()> {
        self.truncate_index(index)?;
        self.state.indexes.remove(index.to_owned());
        Ok(())
    }

    pub(crate) fn truncate_index(&mut self, index: &str) -> Result<()> {
        self.reader().index(index)?;
        let keys: Vec<PointKey> = self.reader().points_of_index(index).map(|(key, _)| key.clone()).collect();
        keys.into_iter().for_each(|key| self.state.points.remove(key));
        Ok(())
    }

    pub(crate) fn clear_namespace(&mut self, scope: &Scope) -> Result<u64> {
        self.delete_points(scope, &PointSelector::Filter(Filter::all()))
    }

    pub(crate) fn upsert_points(
        &mut self,
        scope: &Scope,
        points: &[NewPoint],
        options: &PointUpsertOptions,
    ) -> Result<PointUpsertReport> {
        let (changes, report) = self.reader().namespace(scope)?.plan_upsert(points, options)?;
        self.make(scope, changes);
        Ok(report)
    }

    pub(crate) fn update_points(&mut self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let changes = self.reader().namespace(scope)?.plan_update(selector, update)?;
        Ok(self.make(scope, changes))
    }

    pub(crate) fn delete_points(&mut self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        let changes = self.reader().namespace(scope)?.plan_delete(selector);
        Ok(self.make(scope, changes))
    }

    /// Makes the changes, and tells how many points they touch.
    fn make(&mut self, scope: &Scope, changes: PointChanges) -> u64 {
        let touched = changes.len() as u64;
        let key = |id: String| (scope.index.clone(), scope.namespace.clone(), id);
        changes.removed.into_iter().for_each(|id| self.state.points.remove(key(id)));
        changes.put.into_iter().for_each(|(id, point)| self.state.points.put(key(id), Arc::new(point)));
        touched
    }
}
