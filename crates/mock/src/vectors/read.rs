//! Finding points.

use super::{PointKey, Stored};
use crate::state::Reader;
use mastra_core::{
    Count, Error, Page, Result,
    filter::Matcher,
    text::TextQuery,
    vector::{
        Include, IndexDescription, IndexSpec, NamespaceInfo, Placed, Point, PointCountQuery, Scope, ScrollQuery, VectorAnswer,
        VectorHit, VectorQuery, VectorRanking, VectorSearch, fuse, score,
    },
};
use std::{collections::HashSet, sync::Arc};

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
    pub(super) fn points_of_index(self, index: &str) -> impl Iterator<Item = (&'s PointKey, &'s Arc<Stored>)> {
        let from: PointKey = (index.to_owned(), String::new(), String::new());
        let index = index.to_owned();
        self.state.points.range(self.view, from..).take_while(move |((other, _, _), _)| *other == index)
    }

    /// Every point of a namespace behind an id, in order of id.
    pub(super) fn points(self, scope: &Scope, after: &str) -> impl Iterator<Item = (&'s str, &'s Arc<Stored>)> {
        let from: PointKey = (scope.index.clone(), scope.namespace.clone(), after.to_owned());
        let (scope, after) = (scope.clone(), after.to_owned());
        self.state
            .points
            .range(self.view, from..)
            .take_while(move |((index, namespace, _), _)| *index == scope.index && *namespace == scope.namespace)
            .map(|((_, _, id), stored)| (id.as_str(), stored))
            .filter(move |(id, _)| *id != after)
    }

    pub(super) fn point(self, scope: &Scope, id: &str) -> Option<&'s Arc<Stored>> {
        self.state.points.get(self.view, &(scope.index.clone(), scope.namespace.clone(), id.to_owned()))
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

    pub(crate) fn points_of_ids(self, scope: &Scope, ids: &[String], include: Include) -> Result<Vec<Point>> {
        self.index(&scope.index)?;
        let mut seen = HashSet::new();
        let ids = ids.iter().filter(|id| seen.insert(id.as_str()));
        Ok(ids.filter_map(|id| Some(self.point(scope, id)?.point(id, include))).collect())
    }

    pub(crate) fn scroll(self, scope: &Scope, query: &ScrollQuery) -> Result<Page<Point>> {
        self.index(&scope.index)?;
        let after = query.position(scope)?.unwrap_or_default();
        let matcher = query.filter.clone().matcher();
        let mut rows = self.points(scope, &after).filter(|(_, stored)| matcher.matches(&stored.metadata));
        let items: Vec<Point> = rows.by_ref().take(query.limit).map(|(id, stored)| stored.point(id, query.include)).collect();
        let last = items.last().filter(|_| rows.next().is_some());
        let next_cursor = last.map(|last| query.cursor_after(scope, &last.id)).transpose()?;
        Ok(Page { items, next_cursor })
    }

    pub(crate) fn count_points(self, scope: &Scope, query: &PointCountQuery) -> Result<Count> {
        self.index(&scope.index)?;
        let matcher = query.filter.clone().matcher();
        let rows = self.points(scope, "").filter(|(_, stored)| matcher.matches(&stored.metadata));
        let most = query.cap.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX).saturating_add(1));
        let counted = rows.take(most).count() as u64;
        let capped = query.cap.is_some_and(|cap| counted > cap);
        Ok(Count { value: query.cap.map_or(counted, |cap| counted.min(cap)), capped })
    }

    pub(crate) fn nearest(self, scope: &Scope, query: &VectorQuery) -> Result<VectorAnswer> {
        let spec = self.index(&scope.index)?;
        spec.still_takes(query.search.vector(), query.model.as_deref())?;
        let matcher = query.filter.clone().matcher();
        let placed = match &query.search {
            VectorSearch::Vector(vector) => self.dense(scope, spec, query, vector.as_slice(), &matcher)?,
            VectorSearch::Text(text) => self.words(scope, query, text, &matcher)?,
            VectorSearch::Hybrid { vector, text, weights } => fuse(
                &self.dense(scope, spec, query, vector.as_slice(), &matcher)?,
                &self.words(scope, query, text, &matcher)?,
                *weights,
                query.top_k,
            ),
            _ => return Err(Error::unsupported("this store does not offer such a search")),
        };
        let hits = placed.into_iter().filter_map(|placed| {
            let point = self.point(scope, &placed.id)?.point(&placed.id, query.include);
            Some(VectorHit::new(point, placed.score, placed.distance, query.include))
        });
        Ok(VectorAnswer::exact(hits.collect(), query.top_k))
    }

    fn dense(
        self,
        scope: &Scope,
        spec: &IndexSpec,
        query: &VectorQuery,
        asked: &[f32],
        matcher: &Matcher,
    ) -> Result<Vec<Placed>> {
        let asked = score::stored(spec.element, asked);
        let mut ranking = VectorRanking::new(query.depth());
        for (id, stored) in self.points(scope, "").filter(|(_, stored)| matcher.matches(&stored.metadata)) {
            let distance = score::distance(spec.metric, &asked, &stored.vector);
            let worth = score::score(spec.metric, distance);
            if query.min_score.is_none_or(|least| worth >= least) {
                ranking.push(Placed::new(id, worth, Some(distance)));
            }
        }
        Ok(ranking.finish())
    }

    fn words(self, scope: &Scope, query: &VectorQuery, text: &str, matcher: &Matcher) -> Result<Vec<Placed>> {
        let asked = TextQuery::parse(text)?;
        let mut ranking = VectorRanking::new(query.depth());
        for (id, stored) in self.points(scope, "").filter(|(_, stored)| matcher.matches(&stored.metadata)) {
            if let Some(worth) = asked.score(&stored.words) {
                ranking.push(Placed::new(id, worth, None));
            }
        }
        Ok(ranking.finish())
    }
}
