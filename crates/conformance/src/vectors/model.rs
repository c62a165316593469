//! What sequential calls come to, in a map: filters, scores and words are core's, everything else is written down here.

use mastra_core::{
    Filter,
    text::{TextQuery, index_string},
    vector::{IndexSpec, MetadataChange, NewPoint, Placed, PointSelector, PointUpdate, VectorQuery, VectorSearch, score},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One point.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) vector: Vec<f32>,
    pub(crate) metadata: Value,
    pub(crate) text: Option<String>,
}

/// The points of one namespace.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    spec: IndexSpec,
    pub(crate) points: BTreeMap<String, Kept>,
}

impl Model {
    pub(crate) fn new(spec: &IndexSpec) -> Self {
        Self { spec: spec.clone(), points: BTreeMap::new() }
    }

    /// Writes points, after removing what the filter matches and the batch does not hold; gives how many those were.
    pub(crate) fn upsert(&mut self, batch: &[NewPoint], replace_where: Option<&Filter>) -> u64 {
        let written: BTreeSet<&str> = batch.iter().filter_map(|point| point.id.as_deref()).collect();
        let before = self.points.len();
        if let Some(filter) = replace_where {
            self.points.retain(|id, kept| written.contains(id.as_str()) || !filter.matches(&kept.metadata));
        }
        let removed = before - self.points.len();
        for point in batch {
            let Some(id) = &point.id else { continue };
            let vector = score::stored(self.spec.element, point.vector.as_slice());
            self.points.insert(id.clone(), Kept { vector, metadata: point.metadata.clone(), text: point.text.clone() });
        }
        removed as u64
    }

    fn chosen(&self, selector: &PointSelector) -> Vec<String> {
        match selector {
            PointSelector::Ids(ids) => {
                let ids: BTreeSet<&String> = ids.iter().collect();
                ids.into_iter().filter(|id| self.points.contains_key(*id)).cloned().collect()
            }
            PointSelector::Filter(filter) => self.matching(filter),
            _ => Vec::new(),
        }
    }

    pub(crate) fn update(&mut self, selector: &PointSelector, update: &PointUpdate) -> u64 {
        let chosen = self.chosen(selector);
        for id in &chosen {
            let Some(kept) = self.points.get_mut(id) else { continue };
            if let Some(vector) = &update.vector {
                kept.vector = score::stored(self.spec.element, vector.as_slice());
            }
            match &update.metadata {
                Some(MetadataChange::Merge(Value::Object(new))) => {
                    if let Value::Object(old) = &mut kept.metadata {
                        new.iter().for_each(|(key, value)| drop(old.insert(key.clone(), value.clone())));
                    }
                }
                Some(MetadataChange::Replace(new)) => kept.metadata = new.clone(),
                _ => {}
            }
            if let Some(text) = &update.text {
                kept.text.clone_from(text);
            }
        }
        chosen.len() as u64
    }

    pub(crate) fn delete(&mut self, selector: &PointSelector) -> u64 {
        let chosen = self.chosen(selector);
        chosen.iter().for_each(|id| drop(self.points.remove(id)));
        chosen.len() as u64
    }

    /// The ids of the points that match, in order.
    pub(crate) fn matching(&self, filter: &Filter) -> Vec<String> {
        self.points.iter().filter(|(_, kept)| filter.matches(&kept.metadata)).map(|(id, _)| id.clone()).collect()
    }

    /// Every point that a search finds, best first, without regard to `top_k`.
    pub(crate) fn ranked(&self, query: &VectorQuery) -> Vec<Placed> {
        match &query.search {
            VectorSearch::Vector(asked) => self.dense(query, asked.as_slice()),
            VectorSearch::Text(text) => self.words(query, text),
            // What a query of both comes to is reckoned where it is asked.
            _ => Vec::new(),
        }
    }

    pub(crate) fn dense(&self, query: &VectorQuery, asked: &[f32]) -> Vec<Placed> {
        let asked = score::stored(self.spec.element, asked);
        let each = self.points.iter().filter(|(_, kept)| query.filter.matches(&kept.metadata)).map(|(id, kept)| {
            let distance = score::distance(self.spec.metric, &asked, &kept.vector);
            Placed::new(id, score::score(self.spec.metric, distance), Some(distance))
        });
        sorted(each.filter(|placed| query.min_score.is_none_or(|least| placed.score >= least)).collect())
    }

    pub(crate) fn words(&self, query: &VectorQuery, text: &str) -> Vec<Placed> {
        let Ok(asked) = TextQuery::parse(text) else { return Vec::new() };
        let each = self
            .points
            .iter()
            .filter(|(_, kept)| query.filter.matches(&kept.metadata))
            .filter_map(|(id, kept)| Some(Placed::new(id, asked.score(&index_string(kept.text.as_deref()?))?, None)));
        sorted(each.collect())
    }
}

fn sorted(mut placed: Vec<Placed>) -> Vec<Placed> {
    placed.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    placed
}
