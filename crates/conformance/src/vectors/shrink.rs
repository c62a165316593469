//! Making a question that is answered otherwise as small as it can be.

use super::differential::{Question, load};
use crate::{
    differential::smaller,
    failure::{Failure, Outcome},
};
use mastra_core::{
    Filter,
    vector::{PointUpsertOptions, Scope, VectorStore},
};
use serde_json::{Value, json};

/// More questions than this are not asked.
const QUESTIONS: usize = 500;

/// The failure of a question that is answered otherwise, with the fewest rows and the smallest filter as a case file.
pub(super) async fn smallest(store: &dyn VectorStore, question: &Question, difference: &str) -> Failure {
    let mut shrinking = Shrinking { store, scope: Scope::index("smallest"), questions: 0 };
    match shrinking.run(question).await {
        Ok(Some((question, difference))) => report(&question, &difference),
        Ok(None) => report(question, difference).about("asked again in an index of its own it is answered rightly"),
        Err(failure) => report(question, difference).about(failure.about("while making it smaller")),
    }
}

fn report(question: &Question, difference: &str) -> Failure {
    let filter = Filter::from_json(&question.filter).unwrap_or_default();
    let expected: Vec<String> = question.ranked(&filter).into_iter().map(|placed| placed.id).take(question.top_k).collect();
    let rows: Vec<Value> =
        question.rows.iter().map(|row| json!({ "id": row.id, "vector": row.vector, "metadata": row.metadata })).collect();
    let file = json!({ "suites": [{
        "name": "differential",
        "rows": rows,
        "cases": [{ "name": "found by chance", "filter": question.filter, "expect_ids": expected }],
    }] });
    let Question { metric, asked, top_k, min_score, .. } = question;
    Failure::new(format!(
        "{difference}; asked under {metric} by {asked:?}, top_k {top_k}, min_score {min_score:?}; as a case file:\n{file}"
    ))
}

struct Shrinking<'s> {
    store: &'s dyn VectorStore,
    scope: Scope,
    questions: usize,
}

impl Shrinking<'_> {
    async fn run(&mut self, question: &Question) -> Outcome<Option<(Question, String)>> {
        load(self.store, &self.scope, question).await?;
        let shrunk = self.shrink(question).await;
        self.store.delete_index(&self.scope.index).await?;
        shrunk
    }

    async fn shrink(&mut self, question: &Question) -> Outcome<Option<(Question, String)>> {
        let Some(mut difference) = self.differs(question).await? else { return Ok(None) };
        let mut question = question.clone();
        'smaller: while self.questions < QUESTIONS {
            for candidate in candidates(&question) {
                if self.questions >= QUESTIONS {
                    break;
                }
                if let Some(other) = self.differs(&candidate).await? {
                    (question, difference) = (candidate, other);
                    continue 'smaller;
                }
            }
            break;
        }
        Ok(Some((question, difference)))
    }

    /// What the store does otherwise on these rows; a filter that is none does not count.
    async fn differs(&mut self, question: &Question) -> Outcome<Option<String>> {
        let Ok(filter) = Filter::from_json(&question.filter) else { return Ok(None) };
        self.questions += 1;
        self.store.delete_all(&self.scope).await?;
        self.store.upsert(&self.scope, &question.points(), &PointUpsertOptions::new()).await?;
        question.difference(self.store, &self.scope, &filter).await
    }
}

/// Questions that are one step smaller: half of the rows, one row less, no bound, a smaller filter, less metadata.
fn candidates(question: &Question) -> Vec<Question> {
    let mut candidates = Vec::new();
    let count = question.rows.len();
    let mut part = count / 2;
    while part > 0 {
        for start in (0..count).step_by(part) {
            let mut less = question.clone();
            less.rows.drain(start..(start + part).min(count));
            if !less.rows.is_empty() {
                candidates.push(less);
            }
        }
        part /= 2;
    }
    if question.min_score.is_some() {
        candidates.push(Question { min_score: None, ..question.clone() });
    }
    candidates.extend(smaller(&question.filter).into_iter().map(|filter| Question { filter, ..question.clone() }));
    if count <= 4 {
        for (at, row) in question.rows.iter().enumerate() {
            for metadata in smaller(&row.metadata).into_iter().filter(Value::is_object) {
                let mut less = question.clone();
                less.rows.get_mut(at).into_iter().for_each(|row| row.metadata.clone_from(&metadata));
                candidates.push(less);
            }
        }
    }
    candidates
}
