//! What other ways of matching words would find: not the product, but what to hold it against.
//!
//! The product's text leg takes chunks that hold every word of the question (decision 0004). These take chunks by hand, over the same cuts, and
//! fuse with the product's own vector leg.

use super::{
    corpus::Corpus,
    metrics::{DEPTH, Found},
};
use mastra_core::{
    Result,
    text::{TextQuery, index_string, tokens},
    vector::{RRF_K, leg_depth},
};
use mastra_rag::{
    chunk::{Chunker, ChunkerConfig},
    document::Document,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Words of English that say little by themselves.
const STOP_WORDS: &str = "a about an and any are as at be been by can could did do does for from had has have he her his how i if in into is it \
    its may me my no not of on one or our she should so some than that the their them then there these they this those to was we were what when \
    where which who whom whose why will with would you your";

/// How soon more mentions stop counting, and how much long texts are held back, as BM25 usually has them.
const SATURATION: f64 = 1.2;
const LENGTH_WEIGHT: f64 = 0.75;

/// A way of matching words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// As the product does: every word.
    Every,
    /// Every word that is no stop word.
    EveryTelling,
    /// Any word, each worth the same.
    Any,
    /// Any word, the rarer the better: BM25 over the corpus.
    AnyByRarity,
}

impl Words {
    pub(super) const ALL: [Self; 4] = [Self::Every, Self::EveryTelling, Self::Any, Self::AnyByRarity];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Every => "every word (as the product)",
            Self::EveryTelling => "every word but stop words",
            Self::Any => "any word, without weights",
            Self::AnyByRarity => "any word, by rarity (BM25)",
        }
    }
}

/// The chunks of a corpus, with their words counted.
#[derive(Debug)]
pub(super) struct Reference {
    chunks: Vec<Found>,
    words: Vec<HashMap<String, f64>>,
    lengths: Vec<f64>,
    /// How many chunks hold a word.
    holding: HashMap<String, f64>,
}

impl Reference {
    pub(super) fn new(corpus: &Corpus, config: &ChunkerConfig) -> Result<Self> {
        let chunker = Chunker::new(config.clone())?;
        let (mut chunks, mut words, mut lengths, mut holding) = (Vec::new(), Vec::new(), Vec::new(), HashMap::new());
        for (path, text) in &corpus.documents {
            for chunk in chunker.chunk(&Document::from_markdown(text.as_str()))? {
                let mut counts: HashMap<String, f64> = HashMap::new();
                for token in tokens(&chunk.text) {
                    *counts.entry(token).or_default() += 1.0;
                }
                for word in counts.keys() {
                    *holding.entry(word.clone()).or_default() += 1.0;
                }
                lengths.push(counts.values().sum());
                words.push(counts);
                chunks.push(Found { document: path.clone(), span: chunk.span, text: chunk.text });
            }
        }
        Ok(Self { chunks, words, lengths, holding })
    }

    /// The best chunks for a question, best first; no more than a leg of a hybrid search has.
    pub(super) fn find(&self, question: &str, how: Words) -> Vec<Found> {
        let asked: BTreeSet<String> = tokens(question).collect();
        let telling: Vec<&str> =
            asked.iter().map(String::as_str).filter(|word| !STOP_WORDS.split_whitespace().any(|stop| stop == *word)).collect();
        let every = match how {
            Words::Every => TextQuery::parse(question).ok(),
            Words::EveryTelling => TextQuery::parse(&telling.join(" ")).ok(),
            Words::Any | Words::AnyByRarity => None,
        };
        let worth = |at: usize, chunk: &Found| match (&every, how) {
            (Some(query), _) => query.score(&index_string(&chunk.text)),
            (None, Words::Any | Words::AnyByRarity) => self.any(at, &asked, how),
            (None, _) => None,
        };
        let mut found: Vec<(f64, usize)> =
            self.chunks.iter().enumerate().filter_map(|(at, chunk)| Some((worth(at, chunk)?, at))).collect();
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.into_iter().take(leg_depth(DEPTH)).filter_map(|(_, at)| self.chunks.get(at).cloned()).collect()
    }

    fn any(&self, at: usize, asked: &BTreeSet<String>, how: Words) -> Option<f64> {
        let (counts, length) = (self.words.get(at)?, self.lengths.get(at)?);
        let all = self.chunks.len() as f64;
        let usual = self.lengths.iter().sum::<f64>() / all;
        let norm = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length / usual);
        let worth = |word: &String| {
            let (count, holding) = (counts.get(word)?, self.holding.get(word)?);
            let rarity = if how == Words::AnyByRarity { (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln() } else { 1.0 };
            Some(rarity * count * (SATURATION + 1.0) / (count + norm))
        };
        let worth: Vec<f64> = asked.iter().filter_map(worth).collect();
        (!worth.is_empty()).then(|| worth.iter().sum())
    }
}

/// Both legs in one order, by reciprocal ranks, as every store fuses them.
pub(super) fn fused(vector: &[Found], words: &[Found]) -> Vec<Found> {
    let mut all: BTreeMap<(&str, usize), (f64, &Found)> = BTreeMap::new();
    for list in [vector, words] {
        for (rank, found) in (1..).zip(list) {
            all.entry((&found.document, found.span.start)).or_insert((0.0, found)).0 += 1.0 / (RRF_K + f64::from(rank));
        }
    }
    let mut order: Vec<(f64, &Found)> = all.into_values().collect();
    // A stable sort: ties stay in order of document and place.
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.into_iter().take(DEPTH).map(|(_, found)| found.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        let documents = [("a", "the sea and the moon"), ("b", "the moon alone"), ("c", "the rest of the world is quiet")];
        let documents = documents.map(|(path, text)| (path.to_owned(), text.to_owned()));
        let corpus = Corpus { documents: documents.into(), questions: Vec::new() };
        Reference::new(&corpus, &ChunkerConfig::new()).unwrap()
    }

    fn found(question: &str, how: Words) -> Vec<String> {
        reference().find(question, how).into_iter().map(|found| found.document).collect()
    }

    #[test]
    fn ways_differ_in_the_words_that_they_need() {
        let question = "moon of the sea";
        assert!(found(question, Words::Every).is_empty());
        assert_eq!(found(question, Words::EveryTelling), ["a"]);
        assert_eq!(found(question, Words::AnyByRarity)[0], "a");
        assert_eq!(found(question, Words::Any).len(), 3, "all of them hold a word");
    }

    #[test]
    fn what_stands_in_both_lists_comes_first() {
        let all = reference().find("the", Words::Any);
        let by = |document: &str| all.iter().find(|found| found.document == document).unwrap().clone();
        let order = fused(&[by("a"), by("b")], &[by("c"), by("b")]);
        assert_eq!(order.iter().map(|found| found.document.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
    }
}
