//! The work that is measured, step by step, so that others can take turns with it.

use super::{
    data::DataSet,
    figures::Concurrency,
    truth::{Among, TOP_K},
};
use mastra_core::{
    Error, RecordId, Result,
    vector::{Exactness, IndexKind, IndexSpec, NewPoint, PointUpsertOptions, Scope, VectorQuery, VectorStore},
};
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

/// How a store is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BenchOptions {
    /// Points an upsert; 500 by default.
    pub batch: usize,
    /// Candidates that a graph search keeps; 100 by default.
    pub ef: u32,
    /// The name of the index; one that nothing else has by default.
    pub index: Option<String>,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { batch: 500, ef: 100, index: None }
    }
}

impl BenchOptions {
    /// Points an upsert.
    #[must_use]
    pub fn batch(mut self, points: usize) -> Self {
        self.batch = points;
        self
    }

    /// Candidates that a graph search keeps.
    #[must_use]
    pub fn ef(mut self, candidates: u32) -> Self {
        self.ef = candidates;
        self
    }

    /// The name of the index, which must not be there.
    #[must_use]
    pub fn index(mut self, name: impl Into<String>) -> Self {
        self.index = Some(name.into());
        self
    }
}

/// What was found for a question.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which question.
    pub question: usize,
    /// The hits, best first.
    pub ids: Vec<String>,
    /// Whether the store said that the answer is exact.
    pub exact: bool,
}

/// A store, an index in it, and everything that is asked of it, made before any clock runs.
#[derive(Debug)]
pub struct Workload {
    store: Arc<dyn VectorStore>,
    spec: IndexSpec,
    scope: Arc<Scope>,
    all: Arc<[VectorQuery]>,
    matching: Arc<[VectorQuery]>,
}

impl Workload {
    /// Names an index and makes the queries.
    pub fn new(store: &Arc<dyn VectorStore>, data: &DataSet, options: &BenchOptions) -> Result<Self> {
        let kind = if store.capabilities().kind.hnsw { IndexKind::hnsw() } else { IndexKind::Flat };
        let fresh = || format!("bench-{}", RecordId::generate().as_uuid().simple());
        let name = options.index.clone().unwrap_or_else(fresh);
        let spec = IndexSpec::new(&name, data.dimension()).kind(kind).field("category".parse()?).field("price".parse()?);
        let filter = DataSet::filter()?;
        let query = |question: &Vec<f32>| VectorQuery::vector(question.clone()).top_k(TOP_K).ef(options.ef);
        let all: Vec<VectorQuery> = data.questions().iter().map(query).collect();
        let matching = all.iter().map(|query| query.clone().filter(filter.clone())).collect();
        Ok(Self { store: Arc::clone(store), spec, scope: Arc::new(Scope::index(name)), all: all.into(), matching })
    }

    /// How neighbours are found.
    pub fn kind(&self) -> &'static str {
        self.spec.kind.as_str()
    }

    /// The index that is worked on.
    pub fn index(&self) -> &str {
        &self.spec.name
    }

    /// Makes the index.
    pub async fn create(&self) -> Result<()> {
        self.store.create_index(&self.spec).await
    }

    /// Deletes it.
    pub async fn delete(&self) -> Result<()> {
        self.store.delete_index(&self.spec.name).await
    }

    /// Writes points.
    pub async fn upsert(&self, points: &[NewPoint]) -> Result<()> {
        self.store.upsert(&self.scope, points, &PointUpsertOptions::default()).await.map(drop)
    }

    /// Fails as `Internal` unless the index holds so many points.
    pub async fn check_count(&self, expected: usize) -> Result<()> {
        let count = self.store.describe_index(&self.spec.name).await?.count;
        if count != expected as u64 {
            return Err(Error::internal("the store does not hold what was written")
                .with("points", count)
                .with("expected", expected));
        }
        Ok(())
    }

    /// Asks these questions and gives the answers in no order.
    pub async fn ask(&self, among: Among, concurrency: Concurrency, questions: Range<usize>) -> Result<Vec<Found>> {
        let queries = match among {
            Among::All => &self.all,
            Among::Matching => &self.matching,
        };
        let end = questions.end.min(queries.len());
        if concurrency == Concurrency::One {
            let mut found = Vec::with_capacity(questions.len());
            for question in questions.start..end {
                found.extend(ask(&*self.store, &self.scope, queries, question).await?);
            }
            return Ok(found);
        }
        let next = Arc::new(AtomicUsize::new(questions.start));
        let mut tasks = JoinSet::new();
        for _ in 0..concurrency.tasks() {
            let (store, scope, queries) = (Arc::clone(&self.store), Arc::clone(&self.scope), Arc::clone(queries));
            let next = Arc::clone(&next);
            tasks.spawn(async move {
                let mut found = Vec::new();
                loop {
                    let question = next.fetch_add(1, Ordering::Relaxed);
                    if question >= end {
                        return Ok::<_, Error>(found);
                    }
                    found.extend(ask(&*store, &scope, &queries, question).await?);
                }
            });
        }
        let mut found = Vec::with_capacity(questions.len());
        while let Some(done) = tasks.join_next().await {
            found.extend(done.map_err(|source| Error::internal("a task of the benchmark panicked").with_source(source))??);
        }
        Ok(found)
    }
}

async fn ask(store: &dyn VectorStore, scope: &Scope, queries: &[VectorQuery], question: usize) -> Result<Option<Found>> {
    let Some(query) = queries.get(question) else { return Ok(None) };
    let answer = store.query(scope, query).await?;
    let exact = answer.exactness == Exactness::Exact;
    Ok(Some(Found { question, ids: answer.hits.into_iter().map(|hit| hit.id).collect(), exact }))
}
