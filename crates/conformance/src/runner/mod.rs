//! The suites outside a test harness: every case on a fresh backend, several at once, and what each came to.

mod results;
mod stop;
mod work;

pub use results::{CaseResult, NotRun, Results, Subject};
pub use stop::Stop;

use crate::{harness::TestEngine, telling::be_quiet, vectors::Level, vectors::TestVectors};
use futures::future::BoxFuture;
use mastra_core::{Error, Result};
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use work::Work;

/// Makes a fresh engine for each case.
pub(crate) type Engines = Arc<dyn Fn() -> BoxFuture<'static, Result<TestEngine>> + Send + Sync>;

/// Makes a fresh store for each case.
pub(crate) type Stores = Arc<dyn Fn() -> BoxFuture<'static, Result<TestVectors>> + Send + Sync>;

/// Told of each case that ended.
type Watcher = Arc<dyn Fn(&Progress<'_>) + Send + Sync>;

/// Runs the suites, or case files, on the backends that factories make: each case on a fresh one, several at once, each in a runtime
/// of its own on a thread of its own.
///
/// ```
/// use mastra_conformance::{TestEngine, runner::Runner};
/// # mod my_backend {
/// #     pub async fn connect(_: &str) -> mastra_core::Result<std::sync::Arc<dyn mastra_core::Engine>> {
/// #         Err(mastra_core::Error::unsupported("an example"))
/// #     }
/// # }
///
/// let runner = Runner::new()
///     .engines(|| async { my_backend::connect("my-backend://fresh").await.map(TestEngine::from) })
///     .only("upsert::unchanged");
/// let results = runner.run()?;
/// for case in results.failed() {
///     println!("{case}");
/// }
/// println!("{} passed, {} failed", results.passed(), results.failures());
/// # assert!(results.failures() > 0);
/// # Ok::<(), mastra_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Runner {
    engines: Option<Engines>,
    stores: Option<Stores>,
    files: Vec<(String, String)>,
    level: Level,
    only: Vec<String>,
    threads: usize,
    stop: Stop,
    watcher: Option<Watcher>,
}

/// How far a run has come.
#[derive(Debug)]
#[non_exhaustive]
pub struct Progress<'r> {
    /// The case that ended.
    pub last: &'r CaseResult,
    /// How many cases and files have ended.
    pub done: usize,
    /// Of how many.
    pub all: usize,
}

impl Default for Runner {
    fn default() -> Self {
        Self::new()
    }
}

impl Runner {
    /// A runner that knows no backend yet: every case, on twice as many threads as there are processors, at most eight.
    pub fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get() * 2).min(8);
        Self {
            engines: None,
            stores: None,
            files: Vec::new(),
            level: Level::Approximate,
            only: Vec::new(),
            threads,
            stop: Stop::default(),
            watcher: None,
        }
    }

    /// Runs the suite of engines on what this makes: a fresh, empty engine at each call.
    #[must_use]
    pub fn engines<F, C>(mut self, factory: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = Result<TestEngine>> + Send + 'static,
    {
        self.engines = Some(Arc::new(move || Box::pin(factory())));
        self
    }

    /// Runs the suite of vector stores on what this makes: a fresh, empty store at each call.
    #[must_use]
    pub fn vectors<F, C>(mut self, factory: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = Result<TestVectors>> + Send + 'static,
    {
        self.stores = Some(Arc::new(move || Box::pin(factory())));
        self
    }

    /// Runs this case file instead of the suites; may be repeated. One whose suites have `rows` is asked of vectors, one with `records`
    /// of engines; where there are only stores of vectors they are asked both.
    #[must_use]
    pub fn case_file(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.files.push((name.into(), json.into()));
        self
    }

    /// Leaves out the cases of vectors beyond this level.
    #[must_use]
    pub fn up_to(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Runs only cases whose name contains this, and files of such a name; may be repeated, and then any of them will do.
    #[must_use]
    pub fn only(mut self, name: impl Into<String>) -> Self {
        self.only.push(name.into());
        self
    }

    /// How many cases run at once, at least one: one where all of them share a store.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Ends the run early once this is set.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Is told of each case that ended, on the thread that ran it.
    #[must_use]
    pub fn watch(mut self, watcher: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Arc::new(watcher));
        self
    }

    /// The names of what would run, in the order of the report.
    ///
    /// `InvalidInput` where nothing would: no backend is known, no name fits, a file is of another kind than the backends.
    pub fn list(&self) -> Result<Vec<String>> {
        Ok(self.work()?.iter().map(Work::to_string).collect())
    }

    /// Runs everything and blocks until it has ended; call it where blocking is allowed. The order of the results is that of the list,
    /// whichever ended first.
    ///
    /// What a backend does wrong is a failed case, never an error; `InvalidInput` is as of [`Runner::list`].
    pub fn run(&self) -> Result<Results> {
        let work = self.work()?;
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let ended: Mutex<Vec<(usize, CaseResult)>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.threads.min(work.len()) {
                scope.spawn(|| {
                    be_quiet();
                    while !self.stop.is_set() {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(result) = work.get(at).map(|item| item.run(self)) else { break };
                        // What was stopped in the middle came to nothing.
                        let Some(result) = result else { continue };
                        let progress =
                            Progress { last: &result, done: done.fetch_add(1, Ordering::Relaxed) + 1, all: work.len() };
                        self.watcher.iter().for_each(|watcher| watcher(&progress));
                        ended.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                    }
                });
            }
        });
        let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.sort_by_key(|(at, _)| *at);
        Ok(Results { stopped: self.stop.is_set(), cases: ended.into_iter().map(|(_, result)| result).collect() })
    }

    fn work(&self) -> Result<Vec<Work>> {
        if self.engines.is_none() && self.stores.is_none() {
            return Err(Error::invalid_input("there is neither an engine nor a store of vectors to run cases on"));
        }
        let mut work = if self.files.is_empty() { work::suites(self) } else { work::files(self)? };
        if !self.only.is_empty() {
            work.retain(|item| self.only.iter().any(|name| item.to_string().contains(name)));
            if work.is_empty() {
                let asked = self.only.join(", ");
                return Err(Error::invalid_input("no case has such a name").with("name", asked));
            }
        }
        Ok(work)
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner")
            .field("engines", &self.engines.is_some())
            .field("vectors", &self.stores.is_some())
            .field("level", &self.level)
            .field("only", &self.only)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}
