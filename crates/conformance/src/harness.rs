//! Running a case on a fresh engine.

use crate::failure::{Failure, Outcome, not_claimed, refused};
use crate::verdict::{Verdict, within};
use futures::future::{BoxFuture, LocalBoxFuture};
use mastra_core::{Engine, EntityQuery, ErrorKind, RecordStore, Result};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A case that takes longer hangs.
const HANGS: Duration = Duration::from_secs(300);

/// A fresh, empty engine that nothing else uses, and what has to live as long as it.
pub struct TestEngine {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) reopen: Option<Reopen>,
    cleanup: Option<BoxFuture<'static, ()>>,
    guards: Vec<Box<dyn Any + Send>>,
}

/// Opens the same data again.
pub(crate) type Reopen = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Engine>>> + Send + Sync>;

/// Makes a fresh engine.
pub type Factory<'f> = &'f (dyn Fn() -> LocalBoxFuture<'f, Result<TestEngine>> + 'f);

impl TestEngine {
    /// A fresh engine.
    pub fn new(engine: impl Engine + 'static) -> Self {
        Self::from(Arc::new(engine) as Arc<dyn Engine>)
    }

    /// Keeps something until the case is over: a temporary directory, a server.
    #[must_use]
    pub fn keep(mut self, guard: impl Any + Send) -> Self {
        self.guards.push(Box::new(guard));
        self
    }

    /// Runs once the case is over, whatever its outcome, while the engine is still open.
    #[must_use]
    pub fn cleanup(mut self, cleanup: impl Future<Output = ()> + Send + 'static) -> Self {
        self.cleanup = Some(Box::pin(cleanup));
        self
    }

    /// How to open the same data a second time. A backend that claims `admin.persistent` or `admin.multi_process` has to say it.
    #[must_use]
    pub fn reopen<F, R>(mut self, reopen: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Arc<dyn Engine>>> + Send + 'static,
    {
        self.reopen = Some(Arc::new(move || Box::pin(reopen())));
        self
    }

    /// The engine.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Cleans up, and lets everything go.
    pub async fn end(self) {
        if let Some(cleanup) = self.cleanup {
            cleanup.await;
        }
        drop(self.engine);
        drop(self.guards);
    }
}

impl fmt::Debug for TestEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestEngine").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl From<Arc<dyn Engine>> for TestEngine {
    fn from(engine: Arc<dyn Engine>) -> Self {
        Self { engine, reopen: None, cleanup: None, guards: Vec::new() }
    }
}

/// What a case is run on.
#[derive(Clone, Copy)]
pub enum Body {
    /// Any store: the engine itself, and an open transaction.
    Store(for<'s> fn(&'s dyn RecordStore) -> LocalBoxFuture<'s, Outcome>),
    /// A whole engine.
    Engine(fn(Arc<dyn Engine>) -> LocalBoxFuture<'static, Outcome>),
    /// A whole engine that can be opened again.
    Test(for<'t> fn(&'t TestEngine) -> LocalBoxFuture<'t, Outcome>),
}

/// One case of the suite.
#[derive(Clone)]
pub struct Case {
    /// Its name, such as `upsert::unchanged_records_are_left_alone`.
    pub name: &'static str,
    /// Whether it runs inside a transaction, which is rolled back in the end.
    pub in_transaction: bool,
    body: Body,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        f.write_str(if self.in_transaction { " (in a transaction)" } else { "" })
    }
}

impl Case {
    /// A case on an engine.
    pub const fn new(name: &'static str, body: Body) -> Self {
        Self { name, in_transaction: false, body }
    }

    /// The same inside a transaction; none where the case needs the whole engine.
    pub fn inside_transaction(&self) -> Option<Self> {
        matches!(self.body, Body::Store(_)).then(|| Self { in_transaction: true, ..self.clone() })
    }

    /// Runs the case on a fresh engine. What is not claimed is named on standard error, and is no failure.
    pub async fn run(&self, factory: Factory<'_>) -> Outcome {
        self.verdict(factory).await.outcome(self)
    }

    /// The same, and says whether there was something to run.
    pub async fn verdict(&self, factory: Factory<'_>) -> Verdict {
        let verdict = self.verdict_unless(factory, std::future::pending()).await;
        verdict.unwrap_or_else(|| Verdict::Failed(Failure::new("the case was given up")))
    }

    /// The same, given up once it is to stop: what the factory made is cleaned up then, too.
    pub(crate) async fn verdict_unless(&self, factory: Factory<'_>, stopped: impl Future<Output = ()>) -> Option<Verdict> {
        let fresh = match factory().await {
            Ok(fresh) => fresh,
            Err(error) => return Some(Verdict::Failed(Failure::from(error).about("the factory gave no engine"))),
        };
        let outcome = within(HANGS, self.on(&fresh), stopped).await;
        fresh.end().await;
        outcome.map(Verdict::from)
    }

    async fn on(&self, fresh: &TestEngine) -> Outcome {
        match self.body {
            Body::Engine(body) => body(Arc::clone(&fresh.engine)).await,
            Body::Test(body) => body(fresh).await,
            Body::Store(body) if self.in_transaction => inside_transaction(&*fresh.engine, body).await,
            Body::Store(body) => body(&*fresh.engine).await,
        }
    }
}

async fn inside_transaction(
    engine: &dyn Engine,
    body: for<'s> fn(&'s dyn RecordStore) -> LocalBoxFuture<'s, Outcome>,
) -> Outcome {
    if !engine.capabilities().write.transactions {
        refused(engine.begin().await, ErrorKind::Unsupported)?;
        return not_claimed("write.transactions");
    }
    let transaction = engine.begin().await?;
    body(&transaction).await?;
    transaction.rollback().await?;
    let left = engine.list_entities(&EntityQuery::default()).await?.items;
    crate::failure::ensure!(left.is_empty(), "the rollback left {} entities behind", left.len());
    Ok(())
}

/// Runs a case to its end in a runtime of its own.
pub fn run_blocking(case: &Case, factory: Factory<'_>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("no runtime: {error}")))?;
    runtime.block_on(case.run(factory))
}
