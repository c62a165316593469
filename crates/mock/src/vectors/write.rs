//! Changing points.

use super::{PointKey, Stored};
use crate::writer::Writer;
use mastra_core::{
    Error, Result,
    text::index_string,
    vector::{IndexSpec, NewPoint, PointSelector, PointUpdate, PointUpsertOptions, PointUpsertReport, Scope, score},
};
use std::{collections::HashSet, sync::Arc};
use uuid::Uuid;

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

    pub(crate) fn delete_namespace(&mut self, scope: &Scope) -> Result<u64> {
        self.reader().index(&scope.index)?;
        let ids: Vec<String> = self.reader().points(scope, "").map(|(id, _)| id.to_owned()).collect();
        Ok(self.remove_points(scope, ids))
    }

    fn remove_points(&mut self, scope: &Scope, ids: Vec<String>) -> u64 {
        let removed = ids.len() as u64;
        ids.into_iter().for_each(|id| self.state.points.remove((scope.index.clone(), scope.namespace.clone(), id)));
        removed
    }

    fn put_point(&mut self, scope: &Scope, id: &str, point: Stored) {
        self.state.points.put((scope.index.clone(), scope.namespace.clone(), id.to_owned()), Arc::new(point));
    }

    pub(crate) fn upsert_points(
        &mut self,
        scope: &Scope,
        points: &[NewPoint],
        options: &PointUpsertOptions,
    ) -> Result<PointUpsertReport> {
        let spec = Arc::clone(self.reader().index(&scope.index)?);
        spec.still_takes(None, options.model.as_deref())?;
        points.iter().try_for_each(|point| spec.still_takes(Some(&point.vector), None))?;
        let id = |point: &NewPoint| point.id.clone().unwrap_or_else(|| Uuid::now_v7().to_string());
        let ids: Vec<String> = points.iter().map(id).collect();
        let mut removed = 0;
        if let Some(filter) = &options.replace_where {
            let written: HashSet<&str> = ids.iter().map(String::as_str).collect();
            let mut matching = self.select(scope, &PointSelector::Filter(filter.clone()))?;
            matching.retain(|(id, _)| !written.contains(id.as_str()));
            removed = self.remove_points(scope, matching.into_iter().map(|(id, _)| id).collect());
        }
        for (id, point) in ids.iter().zip(points) {
            let stored = Stored {
                vector: score::stored(spec.element, point.vector.as_slice()),
                metadata: point.metadata.clone(),
                words: point.text.as_deref().map(index_string).unwrap_or_default(),
                text: point.text.clone(),
            };
            self.put_point(scope, id, stored);
        }
        Ok(PointUpsertReport::new(ids, Some(removed)))
    }

    pub(crate) fn update_points(&mut self, scope: &Scope, selector: &PointSelector, update: &PointUpdate) -> Result<u64> {
        let spec = Arc::clone(self.reader().index(&scope.index)?);
        spec.still_takes(update.vector.as_ref(), update.model.as_deref())?;
        let points = self.select(scope, selector)?;
        let changed = points.len() as u64;
        for (id, stored) in points {
            let mut stored = Stored::clone(&stored);
            if let Some(vector) = &update.vector {
                stored.vector = score::stored(spec.element, vector.as_slice());
            }
            if let Some(change) = &update.metadata {
                stored.metadata = change.apply(&stored.metadata);
            }
            if let Some(text) = &update.text {
                stored.words = text.as_deref().map(index_string).unwrap_or_default();
                stored.text.clone_from(text);
            }
            self.put_point(scope, &id, stored);
        }
        Ok(changed)
    }

    pub(crate) fn delete_points(&mut self, scope: &Scope, selector: &PointSelector) -> Result<u64> {
        self.reader().index(&scope.index)?;
        let ids = self.select(scope, selector)?.into_iter().map(|(id, _)| id).collect();
        Ok(self.remove_points(scope, ids))
    }

    fn select(&self, scope: &Scope, selector: &PointSelector) -> Result<Vec<(String, Arc<Stored>)>> {
        let reader = self.reader();
        match selector {
            PointSelector::Ids(ids) => {
                let ids: HashSet<&String> = ids.iter().collect();
                Ok(ids.into_iter().filter_map(|id| Some((id.clone(), Arc::clone(reader.point(scope, id)?)))).collect())
            }
            PointSelector::Filter(filter) => {
                let matcher = filter.clone().matcher();
                let matching = reader.points(scope, "").filter(|(_, stored)| matcher.matches(&stored.metadata));
                Ok(matching.map(|(id, stored)| (id.to_owned(), Arc::clone(stored))).collect())
            }
            _ => Err(Error::unsupported("this store does not offer such a selection")),
        }
    }
}
