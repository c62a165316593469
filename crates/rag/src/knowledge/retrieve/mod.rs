//! Finding passages again: candidates, the freshness of each, an order, and what to show of them.

mod assemble;
mod candidates;
mod options;
mod rank;

pub use options::{Reranker, Retrieval, SearchMode};
pub use rank::{BLEND, Scores};

use super::KnowledgeBase;
use mastra_core::{RecordId, Result, vector::Exactness};
use serde::Serialize;
use std::ops::Range;

/// A piece of a record that answers a query, and where it stands: a citation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passage {
    /// The record.
    pub record_id: RecordId,
    /// Its id in its entity.
    pub external_id: String,
    /// The headings above the passage.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// The passage: the chunk that was found, with those beside it where they were asked for.
    pub text: String,
    /// Where the chunk that was found stands in [`KnowledgeBase::text`] of its record, in bytes.
    pub span: Range<usize>,
    /// Its place among the record's chunks.
    pub order: u32,
    /// What it is ordered by: higher is better.
    pub score: f64,
    /// What the score was made of.
    pub scores: Scores,
}

/// What a search came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retrieved {
    /// The passages, best first.
    pub passages: Vec<Passage>,
    /// How the store looked.
    pub exactness: Exactness,
    /// Changes that are still to be indexed: what they say is not found yet.
    pub waiting: u64,
    /// What was done, step by step, where it was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// One step of a search, as [`Retrieval::explain`] shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What was done.
    pub step: &'static str,
    /// How many passages there were behind it.
    pub left: usize,
    /// What is worth knowing about it.
    pub detail: String,
}

impl KnowledgeBase {
    /// Finds passages that answer a query.
    ///
    /// More candidates than wanted are asked of the store; those whose record has changed or gone since are dropped, so that nothing is shown
    /// that no longer stands in a record. The rest is ordered: by a [`Reranker`] blended with vector score and place, else by maximal
    /// marginal relevance, which passes over what says the same once more. Costs one call of the embedder (none for text alone), one query and
    /// one read of records a round, usually one round, and one read of points for neighbours.
    ///
    /// In [`SearchMode::Hybrid`], a query that cannot be read as one for words is searched by its meaning alone.
    ///
    /// Errors: `InvalidInput` for a blank query, `top_k` 0 or beyond 1,000, or a filter on a field that was not named as one; those of embedder and stores.
    pub async fn search(&self, retrieval: &Retrieval) -> Result<Retrieved> {
        retrieval.check(self)?;
        self.alive(self.search_here(retrieval).await).await
    }

    async fn search_here(&self, retrieval: &Retrieval) -> Result<Retrieved> {
        let mut steps = Vec::new();
        let mut step = |step: &'static str, left: usize, detail: String| {
            if retrieval.explain {
                steps.push(Step { step, left, detail });
            }
        };
        // Asked first: what is indexed while this searches may be counted, but nothing that was missed goes uncounted.
        let lag = self.lag().await?;
        let (candidates, found) = self.candidates(retrieval).await?;
        step("candidates", found.looked_at, format!("{} from {}, {:?}", found.mode, self.version.index, found.exactness));
        let dropped = match found.far {
            0 => String::new(),
            far => format!(", and {far} below the least score"),
        };
        let detail = format!("{} of another generation than their record were dropped{dropped}", found.outdated);
        step("current", candidates.len(), detail);
        let ranked = rank::rank(retrieval, candidates).await?;
        step("ranked", ranked.len(), rank::told(retrieval));
        let kept = assemble::deduplicated(retrieval, ranked);
        step(
            "deduplicated",
            kept.len(),
            if retrieval.one_per_record { "one of each record" } else { "every chunk counts" }.to_owned(),
        );
        let passages = self.assemble(retrieval, kept).await?;
        step("assembled", passages.len(), format!("at most {}, {} neighbours a side", retrieval.top_k, retrieval.neighbours));
        Ok(Retrieved { passages, exactness: found.exactness, waiting: lag.waiting + lag.claimed, steps })
    }
}
