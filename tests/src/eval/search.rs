//! A knowledge base of the corpus, asked every question.

use super::{
    corpus::Corpus,
    metrics::{DEPTH, Found, Judgement, judge},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use mastra_core::{Engine, Error, NewRecord, RecordStore as _, Result, SyncBatch, vector::VectorStore};
use mastra_mock::MockEngine;
use mastra_rag::{
    chunk::{Chunker, ChunkerConfig},
    document::Format,
    embed::Embedder,
    knowledge::{IndexOptions, KnowledgeBase, Passage, Retrieval, SearchMode},
};
use mastra_sqlite::SqliteEngine;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

/// How many questions are asked at once.
const AT_ONCE: usize = 2;
const ENTITY: &str = "Documents";
const FIELD: &str = "text";

/// How a question is put to a knowledge base; what is not said here is the default of [`Retrieval`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Manner {
    pub(super) mode: SearchMode,
    /// 1 leaves variety out of account.
    pub(super) relevance: f64,
    pub(super) neighbours: u32,
    pub(super) one_per_record: bool,
    /// How many passages are asked for.
    pub(super) top_k: usize,
}

impl Manner {
    /// The defaults.
    pub(super) fn by(mode: SearchMode) -> Self {
        let Retrieval { relevance, neighbours, one_per_record, .. } = Retrieval::new("");
        Self { mode, relevance, neighbours, one_per_record, top_k: DEPTH }
    }

    fn of(self, question: &str) -> Retrieval {
        let mut retrieval = Retrieval::new(question).mode(self.mode).top_k(self.top_k);
        retrieval.relevance = self.relevance;
        retrieval.neighbours = self.neighbours;
        retrieval.one_per_record = self.one_per_record;
        retrieval
    }
}

/// Where a knowledge base is kept while it is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Store {
    Sqlite,
    Mock,
}

/// The corpus, indexed.
#[derive(Debug)]
pub(super) struct Indexed {
    base: KnowledgeBase,
    pub(super) chunks: u64,
    /// The folder of the file, which goes with it.
    _folder: Option<TempDir>,
}

impl Indexed {
    pub(super) async fn new(corpus: &Corpus, store: Store, chunker: &ChunkerConfig, embedder: Arc<dyn Embedder>) -> Result<Self> {
        let (engine, vectors, folder) = open(store).await?;
        let records = corpus.documents.iter().map(|(path, text)| NewRecord::new(path, json!({ FIELD: text })));
        engine.sync_records(&SyncBatch::new(ENTITY, "eval", records)).await?;
        let base = KnowledgeBase::builder("eval")
            .entity(ENTITY)
            .field(FIELD.parse()?)
            .format(Format::Markdown)
            .chunker(Chunker::new(chunker.clone())?)
            .embedder(embedder)
            .open(engine, vectors)
            .await?;
        let report = base.index(&IndexOptions { batch: 8, ..IndexOptions::default() }).await?;
        if report.waiting + report.set_aside + report.failed > 0 {
            let why = report.error.unwrap_or_default();
            return Err(Error::internal("the corpus could not be indexed whole").with("why", why));
        }
        Ok(Self { base, chunks: report.chunks, _folder: folder })
    }

    /// What is found for each question, in their order.
    pub(super) async fn ask(&self, corpus: &Corpus, manner: Manner) -> Result<Vec<Vec<Found>>> {
        let answers = corpus.questions.iter().map(|question| {
            let retrieval = manner.of(&question.question);
            async move { Ok(self.base.search(&retrieval).await?.passages.into_iter().map(found).collect()) }
        });
        stream::iter(answers).buffered(AT_ONCE).try_collect().await
    }
}

async fn open(store: Store) -> Result<(Arc<dyn Engine>, Arc<dyn VectorStore>, Option<TempDir>)> {
    match store {
        Store::Mock => {
            let engine = MockEngine::new();
            let vectors = Arc::new(engine.vectors());
            Ok((Arc::new(engine.checked()), vectors, None))
        }
        Store::Sqlite => {
            let folder = tempfile::tempdir()
                .map_err(|source| Error::unavailable("there is no folder for temporary files").with_source(source))?;
            let engine = SqliteEngine::builder(folder.path().join("eval.db")).connect().await?;
            let vectors = Arc::new(engine.inner().vectors());
            Ok((Arc::new(engine), vectors, Some(folder)))
        }
    }
}

fn found(passage: Passage) -> Found {
    Found { document: passage.external_id, span: passage.span, text: passage.text }
}

/// How good the answers to all questions are.
pub(super) fn judge_all(corpus: &Corpus, answers: &[Vec<Found>]) -> Vec<Judgement> {
    corpus.questions.iter().zip(answers).map(|(question, found)| judge(question, found)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mastra_rag::embed::Embedders;
    use std::collections::BTreeMap;

    fn corpus() -> Corpus {
        let documents = BTreeMap::from(
            [
                ("tea.md", "# Tea\n\nGreen tea is steeped at seventy-five degrees.\n\n# Coffee\n\nBeans are roasted dark.\n"),
                ("sea.md", "# Tides\n\nThe moon draws the water of the sea.\n\n# Salt\n\nA litre of it holds thirty-five grams of salt.\n"),
            ]
            .map(|(path, text)| (path.to_owned(), text.to_owned())),
        );
        let questions = [
            ("q1", "lexical", "what draws the water of the sea", "sea.md", "The moon draws the water of the sea."),
            ("q2", "number", "how is green tea steeped", "tea.md", "Green tea is steeped at seventy-five degrees."),
        ];
        let line = |(id, kind, question, document, quote): (&str, &str, &str, &str, &str)| {
            json!({"id": id, "kind": kind, "question": question, "answers": [{"document": document, "quote": quote}]}).to_string()
        };
        Corpus::new(documents, &questions.map(line).join("\n")).unwrap()
    }

    async fn answers(store: Store, manner: Manner) -> Vec<Vec<Found>> {
        let corpus = corpus();
        let embedder = Embedders::default().connect("hash/384").await.unwrap();
        let indexed = Indexed::new(&corpus, store, &ChunkerConfig::new().max_size(60).overlap(0), embedder).await.unwrap();
        assert!(indexed.chunks >= 4);
        indexed.ask(&corpus, manner).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_asked_for_is_found_alike_on_every_store_and_run() {
        let manner = Manner::by(SearchMode::Vector);
        let first = answers(Store::Sqlite, manner).await;
        let judged = judge_all(&corpus(), &first);
        assert!(judged.iter().all(|judged| judged.passage[0] == 1.0 && judged.whole == 1.0), "{judged:?}");
        assert_eq!(first, answers(Store::Sqlite, manner).await);
        assert_eq!(first, answers(Store::Mock, manner).await);
    }

    #[tokio::test]
    async fn the_manner_reaches_the_search() {
        let manner = Manner::by(SearchMode::Vector);
        let plain = answers(Store::Mock, manner).await;
        let wide = answers(Store::Mock, Manner { neighbours: 1, ..manner }).await;
        let context = |answers: &[Vec<Found>]| judge_all(&corpus(), answers).iter().map(|judged| judged.context).sum::<f64>();
        assert!(context(&wide) > context(&plain));
        let one = answers(Store::Mock, Manner { one_per_record: true, ..manner }).await;
        assert!(one.iter().all(|passages| passages.len() == 2), "two documents, one passage of each");
    }
}
