//! Running a case on a fresh store.

use super::in_transaction::EachInTransaction;
use crate::failure::{Failure, Outcome, not_claimed};
use crate::verdict::{Verdict, within};
use futures::future::{BoxFuture, LocalBoxFuture};
use mastra_core::{Engine, Result, capabilities::FilterCapabilities, vector::VectorStore};
use std::{any::Any, fmt, future::Future, sync::Arc, time::Duration};

/// A case that takes longer hangs.
const HANGS: Duration = Duration::from_secs(600);

/// How far a store goes: each level stands on those before it, so that a newcomer is green early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Making an index, writing, searching and deleting by ids; scores and refusals.
    Basic,
    /// Reading by ids, changing, walking, counting.
    Points,
    /// The filter language, in every operation.
    Filters,
    /// Namespaces, and that nothing crosses them.
    Namespaces,
    /// Search by words, and both fused.
    Text,
    /// Indexes, and whether claims are true.
    Administration,
    /// Many writers, transactions, several handles.
    Shared,
    /// Indexes that choose candidates: recall and honesty.
    Approximate,
}

impl Level {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Basic,
        Self::Points,
        Self::Filters,
        Self::Namespaces,
        Self::Text,
        Self::Administration,
        Self::Shared,
        Self::Approximate,
    ];

    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Points => "points",
            Self::Filters => "filters",
            Self::Namespaces => "namespaces",
            Self::Text => "text",
            Self::Administration => "administration",
            Self::Shared => "shared",
            Self::Approximate => "approximate",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fresh, empty store that nothing else uses, and what has to live as long as it.
pub struct TestVectors {
    pub(crate) store: Arc<dyn VectorStore>,
    pub(crate) engine: Option<Arc<dyn Engine>>,
    pub(crate) reopen: Option<Reopen>,
    pub(crate) required: FilterCapabilities,
    pub(crate) level: Level,
    cleanup: Option<BoxFuture<'static, ()>>,
    guards: Vec<Box<dyn Any + Send>>,
}

/// Opens the same data again.
pub(crate) type Reopen = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn VectorStore>>> + Send + Sync>;

/// Makes a fresh store.
pub type VectorFactory<'f> = &'f (dyn Fn() -> LocalBoxFuture<'f, Result<TestVectors>> + 'f);

impl TestVectors {
    /// A fresh store.
    pub fn new(store: impl VectorStore + 'static) -> Self {
        Self::from(Arc::new(store) as Arc<dyn VectorStore>)
    }

    /// Runs the cases up to this level alone. Those beyond it are named on standard error.
    #[must_use]
    pub fn up_to(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The engine that keeps its records in the same database. A store that claims `write.transactions` has to say it; the suite then
    /// runs inside its transactions too.
    #[must_use]
    pub fn engine(mut self, engine: Arc<dyn Engine>) -> Self {
        self.engine = Some(engine);
        self
    }

    /// The operators that this store has to offer: all of them, unless it is said here that it is of another kind.
    #[must_use]
    pub fn required_filters(mut self, required: FilterCapabilities) -> Self {
        self.required = required;
        self
    }

    /// Keeps something until the case is over: a temporary directory, a server.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Runs once the case is over, whatever its outcome, while the store is still open.
    #[must_use]
    pub fn cleanup(mut self, cleanup: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cleanup = Some(Box::pin(cleanup));
        self
    }

    /// How to open the same data a second time. A store that claims `admin.persistent` or `admin.multi_process` has to say it.
    #[must_use]
    pub fn reopen<F, R>(mut self, reopen: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Arc<dyn VectorStore>>> + Send + 'static,
    {
        self.reopen = Some(Arc::new(move || Box::pin(reopen())));
        self
    }

    /// The store.
    pub fn store(&self) -> &dyn VectorStore {
        &*self.store
    }

    /// Cleans up, and lets everything go.
    pub async fn end(self) {
        if let Some(cleanup) = self.cleanup {
            cleanup.await;
        }
        drop(self.store);
        drop(self.engine);
        drop(self.guards);
    }
}

impl fmt::Debug for TestVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestVectors").field("store", &self.store).field("level", &self.level).finish_non_exhaustive()
    }
}

impl From<Arc<dyn VectorStore>> for TestVectors {
    fn from(store: Arc<dyn VectorStore>) -> Self {
        Self {
            store,
            engine: None,
            reopen: None,
            required: FilterCapabilities::all(),
            level: Level::Approximate,
            cleanup: None,
            guards: Vec::new(),
        }
    }
}

/// What a case is run on.
#[derive(Clone, Copy)]
pub enum VectorBody {
    /// Any store: by itself, and with every call in a transaction of the engine beside it.
    Store(for<'s> fn(&'s dyn VectorStore) -> LocalBoxFuture<'s, Outcome>),
    /// A store by itself: what transactions would answer no otherwise.
    Alone(for<'s> fn(&'s dyn VectorStore) -> LocalBoxFuture<'s, Outcome>),
    /// A store that tasks share.
    Shared(fn(Arc<dyn VectorStore>) -> LocalBoxFuture<'static, Outcome>),
    /// A store with all that its factory says of it.
    Test(for<'t> fn(&'t TestVectors) -> LocalBoxFuture<'t, Outcome>),
}

/// One case of the suite.
#[derive(Clone)]
pub struct VectorCase {
    /// Its name, such as `scores::ties_go_by_id`.
    pub name: &'static str,
    /// The level that it belongs to.
    pub level: Level,
    /// Whether every call is made in a transaction of the engine.
    pub in_transaction: bool,
    body: VectorBody,
}

impl fmt::Debug for VectorCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for VectorCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        f.write_str(if self.in_transaction { " (in transactions)" } else { "" })
    }
}

impl VectorCase {
    /// A case on a store.
    pub const fn new(name: &'static str, level: Level, body: VectorBody) -> Self {
        Self { name, level, in_transaction: false, body }
    }

    /// The same with every call in a transaction; none where the case needs more than a store.
    pub fn inside_transactions(&self) -> Option<Self> {
        matches!(self.body, VectorBody::Store(_)).then(|| Self { in_transaction: true, ..self.clone() })
    }

    /// Runs the case on a fresh store. What is beyond the store's level or not claimed is named on standard error, and is no failure.
    pub async fn run(&self, factory: VectorFactory<'_>) -> Outcome {
        self.verdict(factory).await.outcome(self)
    }

    /// The same, and says whether there was something to run.
    pub async fn verdict(&self, factory: VectorFactory<'_>) -> Verdict {
        let verdict = self.verdict_unless(factory, std::future::pending()).await;
        verdict.unwrap_or_else(|| Verdict::Failed(Failure::new("the case was given up")))
    }

    /// The same, given up once it is to stop: what the factory made is cleaned up then, too.
    pub(crate) async fn verdict_unless(&self, factory: VectorFactory<'_>, stopped: impl Future<Output = ()>) -> Option<Verdict> {
        let fresh = match factory().await {
            Ok(fresh) => fresh,
            Err(error) => return Some(Verdict::Failed(Failure::from(error).about("the factory gave no store"))),
        };
        let verdict = if self.level > fresh.level {
            Some(Verdict::BeyondLevel(self.level))
        } else {
            within(HANGS, self.on(&fresh), stopped).await.map(Verdict::from)
        };
        fresh.end().await;
        verdict
    }

    async fn on(&self, fresh: &TestVectors) -> Outcome {
        match self.body {
            VectorBody::Shared(body) => body(Arc::clone(&fresh.store)).await,
            VectorBody::Test(body) => body(fresh).await,
            VectorBody::Store(body) if self.in_transaction => match &fresh.engine {
                // That a claim comes with an engine is a case of its own.
                Some(engine) if fresh.store.capabilities().write.transactions => {
                    body(&EachInTransaction::new(Arc::clone(engine), Arc::clone(&fresh.store))).await
                }
                _ => not_claimed("write.transactions"),
            },
            VectorBody::Store(body) | VectorBody::Alone(body) => body(&*fresh.store).await,
        }
    }
}

/// Runs a case to its end in a runtime of its own.
pub fn run_vector_case(case: &VectorCase, factory: VectorFactory<'_>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
    runtime.block_on(case.run(factory))
}
