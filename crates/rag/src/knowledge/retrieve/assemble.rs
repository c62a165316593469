//! What is shown: no more than was asked for, with what stands beside it.

use super::{Passage, Retrieval, rank::Ranked};
use crate::knowledge::{
    KnowledgeBase,
    point::{self, About},
};
use mastra_core::{
    RecordId, Result,
    vector::{Include, VectorOperations as _},
};
use std::collections::{HashMap, HashSet};

/// Characters of a token, about.
const TOKEN: usize = 4;

/// Without a second passage of a record, where one was enough; never the same text twice.
pub(super) fn deduplicated(retrieval: &Retrieval, ranked: Vec<Ranked>) -> Vec<Ranked> {
    let mut keeps = keeps(retrieval);
    ranked.into_iter().filter(|ranked| keeps(&ranked.candidate.about)).collect()
}

/// Whether a passage says something beside those that were kept before it.
pub(super) fn keeps(retrieval: &Retrieval) -> impl FnMut(&About) -> bool {
    let one = retrieval.one_per_record;
    let (mut records, mut texts): (HashSet<RecordId>, HashSet<String>) = (HashSet::new(), HashSet::new());
    // What is not kept takes nothing else's place.
    move |about| {
        let new = !(one && records.contains(&about.record_id)) && texts.insert(about.hash.clone());
        if new {
            records.insert(about.record_id);
        }
        new
    }
}

impl KnowledgeBase {
    pub(super) async fn assemble(&self, retrieval: &Retrieval, ranked: Vec<Ranked>) -> Result<Vec<Passage>> {
        let ranked: Vec<Ranked> = ranked.into_iter().take(retrieval.top_k).collect();
        let beside = if retrieval.neighbours == 0 { HashMap::new() } else { self.beside(retrieval.neighbours, &ranked).await? };
        let (mut passages, mut tokens) = (Vec::with_capacity(ranked.len()), 0);
        for Ranked { candidate, score, scores } in ranked {
            let about = candidate.about;
            let text = around(&about, candidate.text, retrieval.neighbours, &beside);
            tokens += text.chars().count().div_ceil(TOKEN);
            if retrieval.max_tokens.is_some_and(|most| tokens > most) && !passages.is_empty() {
                break;
            }
            passages.push(Passage {
                record_id: about.record_id,
                external_id: about.external_id,
                headings: about.headings,
                text,
                span: about.start..about.end,
                order: about.order,
                score,
                scores,
            });
        }
        Ok(passages)
    }

    /// The texts of the chunks beside those that were found, by the ids of their points, with where they begin and end.
    async fn beside(&self, neighbours: u32, ranked: &[Ranked]) -> Result<HashMap<String, (String, usize, usize)>> {
        let mut ids = Vec::new();
        for Ranked { candidate, .. } in ranked {
            let about = &candidate.about;
            let last = about.order.saturating_add(neighbours).min(about.of.saturating_sub(1));
            let orders = about.order.saturating_sub(neighbours)..=last;
            ids.extend(
                orders.filter(|order| *order != about.order).map(|order| point::id(about.record_id, about.generation, order)),
            );
        }
        ids.sort_unstable();
        ids.dedup();
        let include = Include { metadata: true, text: true, ..Include::ID };
        let points = self.parts.vectors.get(&self.scope(), &ids, include).await?;
        let read = |point: mastra_core::vector::Point| {
            let about = About::read(point.metadata.as_ref()?).ok()?;
            Some((point.id, (point.text.unwrap_or_default(), about.start, about.end)))
        };
        Ok(points.into_iter().filter_map(read).collect())
    }
}

/// A chunk with those beside it, what overlaps said once.
fn around(about: &About, text: String, neighbours: u32, beside: &HashMap<String, (String, usize, usize)>) -> String {
    let id = |order| point::id(about.record_id, about.generation, order);
    let first =
        (about.order.saturating_sub(neighbours)..about.order).rev().map_while(|order| beside.get(&id(order))).collect::<Vec<_>>();
    let (mut joined, mut end) = (String::new(), None);
    let mut add = |text: &str, start: usize, stop: usize| {
        // Bytes that the chunk before has said already.
        let said = end.map_or(0, |end: usize| end.saturating_sub(start));
        if end.is_some_and(|end| start > end) {
            joined.push('\n');
        }
        joined.push_str(text.get(said..).unwrap_or(text));
        end = Some(stop);
    };
    for (text, start, stop) in first.into_iter().rev() {
        add(text, *start, *stop);
    }
    add(&text, about.start, about.end);
    for (text, start, stop) in (1..=neighbours).map_while(|next| beside.get(&id(about.order.saturating_add(next)))) {
        add(text, *start, *stop);
    }
    joined
}
