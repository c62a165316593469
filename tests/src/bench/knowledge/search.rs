//! Hybrid retrieval: how long one question takes, alone and among sixteen, beside one statement by hand.

use super::{
    corpus::Corpus,
    counting::Counting,
    homes::wrong,
    latency::{Answered, Searches, Side},
    load::{Piece, open},
    side::{Home, LEG, Place, RRF_K, RawKnowledge, Stores},
};
use mastra_core::Result;
use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, Retrieval, Retrieved, SearchMode};
use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::task::JoinSet;

/// Records that are loaded at a time: what lies in memory at once.
const PIECE: usize = 500;
/// Passages of an answer that are compared with the right ones.
const TOP: usize = 10;
/// Questions whose right answers are worked out.
const JUDGED: usize = 100;

/// A question, with its vector.
pub(super) type Question = (String, Vec<f32>);

/// Both sides, loaded.
pub(super) struct Loaded<R> {
    pub(super) stores: Stores,
    pub(super) base: KnowledgeBase,
    pub(super) raw: R,
    pub(super) documents: usize,
    pub(super) chunks: usize,
    /// Seconds for our side to load, and to build its graph.
    pub(super) seconds: (f64, f64),
}

/// Loads so many chunks, in pieces, without a graph; then builds it.
pub(super) async fn load<H: Home>(
    home: &H,
    number: usize,
    corpus: &Corpus,
    embedder: &Arc<Counting>,
    chunks: usize,
) -> Result<Loaded<H::Raw>> {
    let stores = home.ours(number).await?;
    let raw = home.raw(number, false).await?;
    let base = open(&stores, embedder).await?;
    home.without_graph(&stores, &base.version().index).await?;
    let (mut documents, mut loaded, mut seconds) = (0, 0, 0.0);
    while loaded < chunks {
        let piece = Piece::of(corpus, documents..documents + PIECE, embedder)?;
        let begun = Instant::now();
        piece.load_ours(&stores).await?;
        base.index(&IndexOptions { batch: 200, ..IndexOptions::default() }).await?;
        seconds += begun.elapsed().as_secs_f64();
        raw.load(&piece.raw).await?;
        raw.index(200, &piece.chunks).await?;
        documents += piece.ours.len();
        loaded += piece.count;
        embedder.forget();
        if documents.is_multiple_of(10 * PIECE) {
            eprintln!("{}: {loaded} of {chunks} chunks", home.name());
        }
    }
    let begun = Instant::now();
    home.build(&stores, &base.version().index).await?;
    let built = begun.elapsed().as_secs_f64();
    raw.build().await?;
    home.settle(number).await?;
    Ok(Loaded { stores, base, raw, documents, chunks: loaded, seconds: (seconds, built) })
}

/// Questions about the documents that were loaded. The embedder knows them from then on.
pub(super) fn questions(corpus: &Corpus, documents: usize, count: usize, embedder: &Counting) -> Vec<Question> {
    let mut questions = Vec::with_capacity(count);
    for number in 0..count {
        let (subject, text) = corpus.question(number, documents);
        embedder.learn(subject, &[text.as_str()]);
        let vector = embedder.known(&text).unwrap_or_default();
        questions.push((text, vector));
    }
    questions
}

/// Ten passages of twenty candidates, in the order of the fusion, or varied by maximal marginal relevance.
fn retrieval(question: &str, varied: bool) -> Retrieval {
    let retrieval = Retrieval::new(question).top_k(TOP);
    if varied { retrieval } else { Retrieval { relevance: 1.0, ..retrieval } }
}

fn places(answer: &Retrieved) -> Vec<Place> {
    answer.passages.iter().map(|passage| (passage.external_id.clone(), i64::from(passage.order))).collect()
}

impl<R: RawKnowledge> Loaded<R> {
    /// All questions, by turns, so many at once.
    pub(super) async fn ask(
        &self,
        questions: &Arc<[Question]>,
        at_once: usize,
        rounds: usize,
        truth: &Truth,
    ) -> Result<Searches> {
        let mut searches = Searches::new(self.chunks, at_once);
        let turn = if at_once == 1 { 10 } else { 5 * at_once };
        let sides = [Side::Ours, Side::Varied, Side::Raw];
        // Untimed: connections are opened, statements prepared, plans made.
        for side in sides {
            self.turn(side, questions, at_once, 0..questions.len().min(3 * at_once)).await?;
        }
        for round in 0..rounds {
            let mut answered: HashMap<Side, Vec<Answered>> = HashMap::new();
            for (step, first) in (0..questions.len()).step_by(turn).enumerate() {
                for shift in 0..sides.len() {
                    let Some(side) = sides.get((round + step + shift) % sides.len()) else { continue };
                    let range = first..questions.len().min(first + turn);
                    answered.entry(*side).or_default().extend(self.turn(*side, questions, at_once, range).await?);
                }
            }
            for side in sides {
                let answers = answered.remove(&side).unwrap_or_default();
                if answers.len() != questions.len() {
                    return Err(wrong("a question was not answered"));
                }
                let recall = match side {
                    Side::Ours => Some(truth.recall(&truth.ours, &answers)),
                    Side::Raw => Some(truth.recall(&truth.raw, &answers)),
                    Side::Varied => None,
                };
                searches.add(side, &answers, recall);
            }
        }
        Ok(searches)
    }

    async fn turn(
        &self,
        side: Side,
        questions: &Arc<[Question]>,
        at_once: usize,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<Answered>> {
        match side {
            Side::Raw => {
                let raw = self.raw.clone();
                ask_all(questions, at_once, range, move |words, vector| {
                    let raw = raw.clone();
                    async move {
                        let passages = raw.search(&words, &vector).await?;
                        Ok(passages.into_iter().take(TOP).map(|passage| passage.place).collect())
                    }
                })
                .await
            }
            Side::Ours | Side::Varied => {
                let base = self.base.clone();
                ask_all(questions, at_once, range, move |words, _| {
                    let base = base.clone();
                    async move { Ok(places(&base.search(&retrieval(&words, side == Side::Varied)).await?)) }
                })
                .await
            }
        }
    }

    /// What the right answers are: both legs looked through whole, by each side's own judgement of words.
    pub(super) async fn truth(&self, questions: &[Question]) -> Result<Truth> {
        let mut truth = Truth { ours: Vec::new(), raw: Vec::new() };
        for (words, vector) in questions.iter().take(JUDGED) {
            let near = self.raw.nearest(vector).await?;
            let leg = usize::try_from(LEG).unwrap_or_default();
            let search = Retrieval { overfetch: leg, relevance: 1.0, ..Retrieval::new(words).mode(SearchMode::Text).top_k(leg) };
            truth.ours.push(Right::of(&near, &places(&self.base.search(&search).await?)));
            truth.raw.push(Right::of(&near, &self.raw.said(words).await?));
        }
        Ok(truth)
    }
}

async fn ask_all<F, A>(
    questions: &Arc<[Question]>,
    at_once: usize,
    range: std::ops::Range<usize>,
    ask: F,
) -> Result<Vec<Answered>>
where
    F: Fn(String, Vec<f32>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Vec<Place>>> + Send,
{
    let next = Arc::new(AtomicUsize::new(range.start));
    let mut tasks = JoinSet::new();
    for _ in 0..at_once {
        let (questions, next, end, ask) = (Arc::clone(questions), Arc::clone(&next), range.end, ask.clone());
        tasks.spawn(async move {
            let mut answered = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some((words, vector)) = questions.get(number).filter(|_| number < end) else { return Ok(answered) };
                let (words, vector) = (words.clone(), vector.clone());
                let begun = Instant::now();
                let places = ask(words, vector).await?;
                answered.push(Answered { question: number, seconds: begun.elapsed().as_secs_f64(), places });
            }
        });
    }
    let mut answered = Vec::with_capacity(range.len());
    while let Some(done) = tasks.join_next().await {
        let done: Result<Vec<Answered>> = done.map_err(|source| wrong("a task of the benchmark panicked").with_source(source))?;
        answered.extend(done?);
    }
    Ok(answered)
}

/// The right answers to the first questions.
pub(super) struct Truth {
    ours: Vec<Right>,
    raw: Vec<Right>,
}

/// What each place is worth, and the least that is among the best.
struct Right {
    worth: HashMap<Place, f64>,
    least: f64,
    count: usize,
}

impl Right {
    fn of(near: &[Place], said: &[Place]) -> Self {
        let mut worth: HashMap<Place, f64> = HashMap::new();
        for leg in [near, said] {
            for (rank, place) in leg.iter().enumerate() {
                *worth.entry(place.clone()).or_default() += 1.0 / (RRF_K + rank as f64 + 1.0);
            }
        }
        let mut best: Vec<f64> = worth.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(TOP);
        Self { least: best.last().copied().unwrap_or_default(), count: best.len(), worth }
    }

    /// Which share of the best was found; of equals, any.
    fn recall(&self, found: &[Place]) -> f64 {
        if self.count == 0 {
            return 1.0;
        }
        let is_right = |place: &&Place| self.worth.get(*place).is_some_and(|worth| *worth >= self.least - 1e-9);
        found.iter().take(TOP).filter(is_right).count() as f64 / self.count as f64
    }
}

impl Truth {
    fn recall(&self, right: &[Right], answers: &[Answered]) -> f64 {
        let judged = answers.iter().filter_map(|answer| Some(right.get(answer.question)?.recall(&answer.places)));
        let recalls: Vec<f64> = judged.collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equals_any_is_right() {
        let place = |name: &str| (name.to_owned(), 0);
        let near: Vec<Place> = (0..10).map(|n| place(&format!("n{n}"))).collect();
        let said: Vec<Place> = (0..10).map(|n| place(&format!("s{n}"))).collect();
        let right = Right::of(&near, &said);
        let five = |legs: [&[Place]; 2]| legs.iter().flat_map(|leg| leg.iter().take(5).cloned()).collect::<Vec<_>>();
        assert_eq!(right.recall(&five([&near, &said])), 1.0);
        assert_eq!(right.recall(&near), 0.5);
    }
}
