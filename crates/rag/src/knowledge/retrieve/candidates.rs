//! What the store finds, as far as it is still true.

use super::{Retrieval, SearchMode, assemble::keeps};
use crate::{
    embed::{EmbedKind, EmbedderExt as _},
    knowledge::{
        KnowledgeBase,
        point::{About, data_filter},
    },
};
use mastra_core::{
    RecordId, RecordStore as _, Result,
    text::TextQuery,
    vector::{Exactness, Include, Vector, VectorHit, VectorOperations as _, VectorQuery, VectorSearch},
};
use std::collections::HashMap;

/// The most candidates that a search asks for, however many are outdated.
pub(super) const MOST: usize = 1_000;

/// A chunk that was found, of a record that still says so.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) about: About,
    pub(super) text: String,
    pub(super) vector: Option<Vec<f32>>,
    /// What the store ordered by.
    pub(super) score: f64,
    /// How near its vector is to the query's.
    pub(super) similarity: Option<f64>,
    /// Its place in the store's answer, from 0.
    pub(super) place: usize,
}

/// How the candidates were found.
pub(super) struct Found {
    pub(super) exactness: Exactness,
    /// What was compared in the end.
    pub(super) mode: SearchMode,
    pub(super) looked_at: usize,
    pub(super) outdated: usize,
    /// What was dropped below the least score.
    pub(super) far: usize,
}

impl KnowledgeBase {
    pub(super) async fn candidates(&self, retrieval: &Retrieval) -> Result<(Vec<Candidate>, Found)> {
        let vector = match retrieval.mode {
            SearchMode::Text => None,
            _ => Some(self.parts.embedder.embed_one(&retrieval.query, EmbedKind::Query).await?),
        };
        // A question need not be a query for words: it may hold none, or a lone quote, or more than are searched. Its meaning is enough.
        let mode = match retrieval.mode {
            SearchMode::Hybrid if TextQuery::parse(&retrieval.query).is_err() => SearchMode::Vector,
            mode => mode,
        };
        let mut depth = retrieval.depth().min(MOST);
        loop {
            let answer = self.parts.vectors.query(&self.scope(), &self.query(retrieval, mode, vector.clone(), depth)?).await?;
            let (looked_at, more) = (answer.hits.len(), answer.shortfall.is_none());
            let mut candidates = self.current(answer.hits, vector.as_deref()).await?;
            let outdated = looked_at - candidates.len();
            // The store asks this of vectors alone: what it found by words has to be as near.
            candidates.retain(|candidate| {
                retrieval.min_score.is_none_or(|least| candidate.similarity.is_none_or(|near| near >= least))
            });
            let far = looked_at - outdated - candidates.len();
            let mut keeps = keeps(retrieval);
            let shown = candidates.iter().filter(|candidate| keeps(&candidate.about)).count();
            if shown >= retrieval.top_k || !more || depth == MOST {
                return Ok((candidates, Found { exactness: answer.exactness, mode, looked_at, outdated, far }));
            }
            depth = depth.saturating_mul(4).min(MOST);
        }
    }

    fn query(&self, retrieval: &Retrieval, mode: SearchMode, vector: Option<Vec<f32>>, depth: usize) -> Result<VectorQuery> {
        let search = match (mode, vector) {
            (SearchMode::Vector, Some(vector)) => VectorSearch::Vector(Vector::dense(vector)),
            (SearchMode::Hybrid, Some(vector)) => {
                VectorQuery::hybrid(vector, &retrieval.query).weights(retrieval.weights.vector, retrieval.weights.text).search
            }
            _ => VectorSearch::Text(retrieval.query.clone()),
        };
        let mut query = VectorQuery::new(search).top_k(depth).filter(data_filter(&retrieval.filter)?).include(Include::ALL);
        if mode != SearchMode::Text {
            query = query.model(&self.version.model);
        }
        query.min_score = retrieval.min_score;
        Ok(query)
    }

    /// The hits whose record is of the generation that they were made of.
    async fn current(&self, hits: Vec<VectorHit>, query: Option<&[f32]>) -> Result<Vec<Candidate>> {
        let mut read = Vec::with_capacity(hits.len());
        for (place, hit) in hits.into_iter().enumerate() {
            // Points that no knowledge base made are no answer.
            if let Some(about) = hit.metadata.as_ref().and_then(|metadata| About::read(metadata).ok()) {
                let vector = hit.vector.map(Vector::into_vec);
                let similarity = match hit.distance {
                    Some(distance) => Some(1.0 - distance),
                    None => vector.as_deref().zip(query).map(|(vector, query)| cosine(vector, query)),
                };
                read.push(Candidate { about, text: hit.text.unwrap_or_default(), vector, score: hit.score, similarity, place });
            }
        }
        let mut ids: Vec<String> = read.iter().map(|candidate| candidate.about.external_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let records = match self.parts.engine.get_records_by_external_ids(&self.entity(), &ids).await {
            Err(error) if error.is_not_found() => Vec::new(),
            found => found?,
        };
        let generations: HashMap<RecordId, i64> = records.into_iter().map(|record| (record.id, record.generation)).collect();
        read.retain(|candidate| generations.get(&candidate.about.record_id) == Some(&candidate.about.generation));
        Ok(read)
    }
}

/// The angle between two vectors, as its cosine.
pub(super) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut dot, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    let length = (of_a * of_b).sqrt();
    if length > 0.0 { (dot / length).clamp(-1.0, 1.0) } else { 0.0 }
}
