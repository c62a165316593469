//! How good an answer is.

use super::corpus::{Answer, Question};
use std::ops::Range;

/// The ranks that recall is taken at.
pub(super) const DEPTHS: [usize; 3] = [1, 5, 10];
/// How many passages a reader is shown: the default of a search.
pub(super) const SHOWN: usize = 5;
/// How deep ranks and gains count.
pub(super) const DEPTH: usize = 10;

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) document: String,
    /// The chunk's place in the document, in bytes.
    pub(super) span: Range<usize>,
    /// What is shown of it, neighbours included.
    pub(super) text: String,
}

/// What one question came to. All but `context` lie between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Judgement {
    /// The share of what had to be found that is among the first 1, 5 and 10 passages.
    pub(super) passage: [f64; 3],
    /// The same, where any passage of the right document will do.
    pub(super) document: [f64; 3],
    /// 1 over the rank of the first passage that answers; 0 beyond the tenth.
    pub(super) reciprocal_rank: f64,
    /// Discounted gain over the best that there can be.
    pub(super) ndcg: f64,
    /// The share whose words stand whole in one of the first five texts.
    pub(super) whole: f64,
    /// The characters of the first five texts.
    pub(super) context: f64,
}

/// Judges the passages that were found for a question, best first.
pub(super) fn judge(question: &Question, found: &[Found]) -> Judgement {
    let targets = question.targets();
    // For each target the first rank, from 0, that a passage hits it by this measure.
    let first = |hits: fn(&Found, &Answer) -> bool| -> Vec<Option<usize>> {
        let hit_by = |answers: &[Answer]| found.iter().position(|found| answers.iter().any(|answer| hits(found, answer)));
        targets.iter().map(|answers| hit_by(answers)).collect()
    };
    let (passages, documents, whole) = (first(holds), first(|found, answer| found.document == answer.document), first(shows));
    Judgement {
        passage: DEPTHS.map(|depth| share(&passages, depth)),
        document: DEPTHS.map(|depth| share(&documents, depth)),
        reciprocal_rank: passages
            .iter()
            .flatten()
            .min()
            .filter(|rank| **rank < DEPTH)
            .map_or(0.0, |rank| 1.0 / (*rank as f64 + 1.0)),
        ndcg: ndcg(&passages),
        whole: share(&whole, SHOWN),
        context: found.iter().take(SHOWN).map(|found| found.text.chars().count()).sum::<usize>() as f64,
    }
}

/// Whether a chunk has at least half of a quote.
fn holds(found: &Found, answer: &Answer) -> bool {
    let overlap = |span: &Range<usize>| found.span.end.min(span.end).saturating_sub(found.span.start.max(span.start));
    found.document == answer.document && answer.spans.iter().any(|span| 2 * overlap(span) >= span.len())
}

/// Whether the text that is shown has the whole quote.
fn shows(found: &Found, answer: &Answer) -> bool {
    found.document == answer.document && found.text.contains(&answer.quote)
}

fn share(ranks: &[Option<usize>], depth: usize) -> f64 {
    let hit = ranks.iter().flatten().filter(|rank| **rank < depth).count();
    hit as f64 / ranks.len().max(1) as f64
}

/// A passage gains 1 where it is the first to hit something, over the logarithm of its rank; what says the same again gains nothing. The best is
/// one of them at each of the first ranks.
fn ndcg(ranks: &[Option<usize>]) -> f64 {
    let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
    let mut places: Vec<usize> = ranks.iter().flatten().copied().filter(|rank| *rank < DEPTH).collect();
    places.sort_unstable();
    // What one passage hits beside the first counts as if it stood at the next ranks: no order is better than all in one.
    let mut next = 0;
    for place in &mut places {
        *place = (*place).max(next);
        next = *place + 1;
    }
    let gained: f64 = places.into_iter().filter(|rank| *rank < DEPTH).map(discount).sum();
    let best: f64 = (0..ranks.len().min(DEPTH)).map(discount).sum();
    if best > 0.0 { gained / best } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::corpus::Corpus;
    use std::collections::BTreeMap;

    const TEXT: &str = "0123456789abcdefghij";

    fn question(kind: &str, quotes: &[&str]) -> Question {
        let answers: Vec<_> = quotes.iter().map(|quote| serde_json::json!({"document": "a", "quote": quote})).collect();
        let line = serde_json::json!({"id": "q", "kind": kind, "question": "?", "answers": answers}).to_string();
        let documents = BTreeMap::from([("a".to_owned(), TEXT.to_owned()), ("b".to_owned(), TEXT.to_owned())]);
        Corpus::new(documents, &line).unwrap().questions.remove(0)
    }

    fn found(document: &str, span: Range<usize>) -> Found {
        Found { document: document.into(), text: TEXT[span.clone()].into(), span }
    }

    fn near(is: f64, expected: f64) {
        assert!((is - expected).abs() < 1e-9, "{is} is not {expected}");
    }

    #[test]
    fn half_of_a_quote_is_enough_and_less_is_not() {
        let question = question("name", &["4567"]);
        let at = |span| judge(&question, &[found("a", span)]).passage[0];
        near(at(0..6), 1.0);
        near(at(0..5), 0.0);
        near(at(6..20), 1.0);
        near(at(7..20), 0.0);
        near(at(5..7), 1.0);
        near(judge(&question, &[found("b", 0..20)]).passage[0], 0.0);
    }

    #[test]
    fn any_answer_will_do_and_ranks_are_those_of_the_first() {
        let question = question("name", &["0123", "ghij"]);
        let judged = judge(&question, &[found("b", 0..5), found("a", 8..12), found("a", 14..20), found("a", 0..6)]);
        assert_eq!(judged.passage, [0.0, 1.0, 1.0]);
        assert_eq!(judged.document, [0.0, 1.0, 1.0]);
        near(judged.reciprocal_rank, 1.0 / 3.0);
        // 1 / log2(3 + 1), and the best is 1.
        near(judged.ndcg, 0.5);
        near(judged.whole, 1.0);
        near(judged.context, 21.0);
    }

    #[test]
    fn of_two_places_both_are_needed() {
        let question = question("multi", &["0123", "ghij"]);
        let judged = judge(&question, &[found("a", 0..6), found("a", 6..12), found("a", 14..20)]);
        assert_eq!(judged.passage, [0.5, 1.0, 1.0]);
        near(judged.reciprocal_rank, 1.0);
        // (1 + 1 / log2(4)) / (1 + 1 / log2(3))
        near(judged.ndcg, 1.5 / (1.0 + 1.0 / 3_f64.log2()));
        near(judge(&question, &[found("a", 0..20)]).ndcg, 1.0);
        near(judge(&question, &[found("b", 0..20), found("a", 0..6)]).ndcg, (1.0 / 3_f64.log2()) / (1.0 + 1.0 / 3_f64.log2()));
    }

    #[test]
    fn what_comes_behind_the_tenth_counts_for_nothing() {
        let question = question("name", &["0123"]);
        let mut passages = vec![found("b", 0..6); 10];
        passages.push(found("a", 0..6));
        assert_eq!(judge(&question, &passages), Judgement { context: 30.0, ..Judgement::default() });
        assert_eq!(judge(&question, &[]), Judgement::default());
    }

    #[test]
    fn a_quote_that_was_cut_is_found_but_not_shown_whole() {
        let question = question("name", &["4567"]);
        let judged = judge(&question, &[found("a", 0..7)]);
        assert_eq!((judged.passage[0], judged.whole), (1.0, 0.0));
        let wider = Found { text: TEXT.into(), ..found("a", 0..7) };
        near(judge(&question, &[wider]).whole, 1.0);
    }
}
