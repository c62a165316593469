//! The order of the candidates.

use super::{
    Retrieval,
    candidates::{Candidate, cosine},
};
use mastra_core::{Error, Result};
use serde::Serialize;

/// What a reranker's judgement, the vector score and the place weigh.
pub const BLEND: (f64, f64, f64) = (0.4, 0.4, 0.2);

/// What the score of a passage was made of. What was not asked is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// How near its vector is to the query's, from -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vector: Option<f64>,
    /// What the store ordered it by.
    pub store: f64,
    /// What the reranker says, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<f64>,
    /// 1 for the first of the store's order, less for each behind it.
    pub position: f64,
}

/// A candidate in its place.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    pub(super) candidate: Candidate,
    pub(super) score: f64,
    pub(super) scores: Scores,
}

pub(super) fn told(retrieval: &Retrieval) -> String {
    match &retrieval.reranker {
        Some(_) => format!("semantic {}, vector {}, position {}", BLEND.0, BLEND.1, BLEND.2),
        None => format!("maximal marginal relevance, {} for relevance", retrieval.relevance),
    }
}

/// All candidates, best first.
pub(super) async fn rank(retrieval: &Retrieval, candidates: Vec<Candidate>) -> Result<Vec<Ranked>> {
    let total = candidates.len().max(1) as f64;
    let with_place = |candidate: Candidate| {
        let position = 1.0 - candidate.place as f64 / total.max(candidate.place as f64 + 1.0);
        let scores = Scores { vector: candidate.similarity, store: candidate.score, semantic: None, position };
        Ranked { score: candidate.score, candidate, scores }
    };
    let ranked: Vec<Ranked> = candidates.into_iter().map(with_place).collect();
    match &retrieval.reranker {
        None => Ok(varied(ranked, retrieval.relevance)),
        Some(reranker) => {
            let texts: Vec<&str> = ranked.iter().map(|ranked| ranked.candidate.text.as_str()).collect();
            let judged = reranker.score(&retrieval.query, &texts).await?;
            if judged.len() != ranked.len() || judged.iter().any(|score| !score.is_finite()) {
                return Err(Error::corrupt(
                    "the reranker gave another number of scores than it was given texts, or none that is a number",
                ));
            }
            Ok(blended(ranked, &judged))
        }
    }
}

fn blended(mut ranked: Vec<Ranked>, judged: &[f64]) -> Vec<Ranked> {
    let (semantic, vector, position) = BLEND;
    for (ranked, judged) in ranked.iter_mut().zip(judged) {
        let judged = judged.clamp(0.0, 1.0);
        ranked.scores.semantic = Some(judged);
        ranked.score = semantic * judged + vector * ranked.scores.vector.unwrap_or_default() + position * ranked.scores.position;
    }
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.candidate.place.cmp(&b.candidate.place)));
    ranked
}

/// Maximal marginal relevance: the next is the one that is relevant, and unlike those before it. The store's order is the relevance, so that
/// words count where they were searched.
fn varied(mut left: Vec<Ranked>, relevance: f64) -> Vec<Ranked> {
    if relevance >= 1.0 {
        return left;
    }
    let mut chosen: Vec<Ranked> = Vec::with_capacity(left.len());
    // How like the chosen ones each of the others is, at most.
    let mut likeness: Vec<f64> = vec![0.0; left.len()];
    while !left.is_empty() {
        let value = |(at, ranked): (usize, &Ranked)| {
            relevance * ranked.scores.position - (1.0 - relevance) * likeness.get(at).copied().unwrap_or_default()
        };
        let best = left
            .iter()
            .enumerate()
            .map(|(at, ranked)| (at, value((at, ranked))))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        let Some((at, _)) = best else { break };
        let next = left.remove(at);
        likeness.remove(at);
        for (ranked, likeness) in left.iter().zip(&mut likeness) {
            if let (Some(a), Some(b)) = (&ranked.candidate.vector, &next.candidate.vector) {
                *likeness = likeness.max(cosine(a, b));
            }
        }
        chosen.push(next);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::point::About;
    use mastra_core::RecordId;

    fn candidate(place: usize, vector: [f32; 2], similarity: f64) -> Candidate {
        let about = About {
            record_id: RecordId::generate(),
            external_id: place.to_string(),
            generation: 1,
            order: 0,
            of: 1,
            start: 0,
            end: 1,
            headings: Vec::new(),
            hash: String::new(),
            data: serde_json::Value::Null,
        };
        let text = place.to_string();
        Candidate { about, text, vector: Some(vector.to_vec()), score: similarity, similarity: Some(similarity), place }
    }

    fn ranked(candidates: Vec<Candidate>) -> Vec<Ranked> {
        let total = candidates.len() as f64;
        let scores = |candidate: &Candidate| Scores {
            vector: candidate.similarity,
            store: candidate.score,
            semantic: None,
            position: 1.0 - candidate.place as f64 / total,
        };
        candidates.into_iter().map(|candidate| Ranked { score: candidate.score, scores: scores(&candidate), candidate }).collect()
    }

    fn places(ranked: &[Ranked]) -> Vec<usize> {
        ranked.iter().map(|ranked| ranked.candidate.place).collect()
    }

    #[test]
    fn what_says_the_same_again_comes_later() {
        let candidates =
            || ranked(vec![candidate(0, [1.0, 0.0], 0.9), candidate(1, [1.0, 0.001], 0.89), candidate(2, [0.0, 1.0], 0.5)]);
        assert_eq!(places(&varied(candidates(), 0.5)), [0, 2, 1]);
        assert_eq!(places(&varied(candidates(), 1.0)), [0, 1, 2]);
    }

    #[test]
    fn the_blend_is_of_judgement_vector_and_place() {
        let candidates = ranked(vec![candidate(0, [1.0, 0.0], 0.5), candidate(1, [0.0, 1.0], 0.5)]);
        let blended = blended(candidates, &[0.0, 1.0]);
        assert_eq!(places(&blended), [1, 0]);
        let first = blended.first().unwrap();
        assert!((first.score - (0.4 + 0.4 * 0.5 + 0.2 * 0.5)).abs() < 1e-9, "{first:?}");
    }
}
