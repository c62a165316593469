//! What stands for a connection: the engine's own, on which each call is a transaction, and that of an open transaction.

use crate::clock::Clock;
use crate::faults::{Faults, Lost};
use crate::state::{Reader, State};
use crate::table::View;
use crate::writer::Writer;
use mastra_core::{Capabilities, EngineInfo, Error, Result, vector::VectorCapabilities};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// The store that engines of one name share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: EngineInfo,
    state: RwLock<State>,
    generations: AtomicI64,
    sync_numbers: AtomicI64,
    pub(crate) clock: Clock,
    /// Counts commits, for those who wait for one.
    commits: watch::Sender<u64>,
    /// Held by the one writer; fair, so that nobody starves.
    writer: Arc<Mutex<()>>,
}

impl Shared {
    pub(crate) fn new(namespace: String) -> Self {
        Self {
            info: EngineInfo { system: "mastra.mock", namespace },
            state: RwLock::default(),
            generations: AtomicI64::new(0),
            sync_numbers: AtomicI64::new(0),
            clock: Clock::default(),
            commits: watch::Sender::default(),
            writer: Arc::default(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, state: &mut State) {
        state.commit();
        self.commits.send_modify(|commits| *commits = commits.wrapping_add(1));
    }

    /// Tells of every commit from now on.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }
}

/// One engine's hold on a store.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    pub(crate) faults: Faults,
    pub(crate) capabilities: Capabilities,
    pub(crate) vector_capabilities: VectorCapabilities,
    pub(crate) lock_timeout: Duration,
    closed: AtomicBool,
}

impl Handle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        capabilities: Capabilities,
        vector_capabilities: VectorCapabilities,
        lock_timeout: Duration,
    ) -> Self {
        Self {
            shared,
            faults: Faults::default(),
            capabilities,
            vector_capabilities,
            lock_timeout,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Where every call begins.
    pub(crate) async fn enter(&self, operation: &'static str) -> Result<Option<Lost>> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(Error::unavailable("the engine is closed").retryable(false));
        }
        self.faults.meet(operation).await
    }

    /// Waits to be the one writer.
    pub(crate) async fn lock(&self) -> Result<OwnedMutexGuard<()>> {
        let lock = Arc::clone(&self.shared.writer).lock_owned();
        tokio::time::timeout(self.lock_timeout, lock).await.map_err(|_| {
            Error::timeout("another transaction did not end in time").with("waited_ms", self.lock_timeout.as_millis())
        })
    }

    /// Reads what is committed, outside any call's accounting.
    pub(crate) fn read_committed<T>(&self, run: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        self.read(View::Committed, run)
    }

    fn read<T>(&self, view: View, run: impl FnOnce(Reader<'_>) -> Result<T>) -> Result<T> {
        run(Reader { state: &self.shared.read(), view, now: self.shared.clock.now() })
    }

    fn write<T>(&self, state: &mut State, run: impl FnOnce(Writer<'_>) -> Result<T>) -> Result<T> {
        let Shared { generations, sync_numbers, clock, .. } = &*self.shared;
        run(Writer { state, generations, sync_numbers, now: clock.now() })
    }
}

/// What operations run on. A call either has all its effect or none.
pub(crate) trait Connection: Send + Sync + std::fmt::Debug + 'static {
    fn handle(&self) -> &Arc<Handle>;

    fn read<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(Reader<'_>) -> Result<T> + Send,
    ) -> impl Future<Output = Result<T>> + Send;

    fn write<T: Send>(
        &self,
        operation: &'static str,
        run: impl FnOnce(Writer<'_>) -> Result<T> + Send,
    ) -> impl Future<Output = Result<T>> + Send;
}

/// Each call is a transaction of its own, and readers see the last commit.
#[derive(Debug, Clone)]
pub struct EachCall(pub(crate) Arc<Handle>);

impl Connection for EachCall {
    fn handle(&self) -> &Arc<Handle> {
        &self.0
    }

    async fn read<T: Send>(&self, operation: &'static str, run: impl FnOnce(Reader<'_>) -> Result<T> + Send) -> Result<T> {
        match self.0.enter(operation).await? {
            Some(_) => Err(lost()),
            None => self.0.read(View::Committed, run),
        }
    }

    async fn write<T: Send>(&self, operation: &'static str, run: impl FnOnce(Writer<'_>) -> Result<T> + Send) -> Result<T> {
        let fate = self.0.enter(operation).await?;
        if fate == Some(Lost::Request) {
            return Err(lost());
        }
        let _one_writer = self.0.lock().await?;
        let mut state = self.0.shared.write();
        let done = self.0.write(&mut state, run);
        match done {
            Ok(_) => self.0.shared.commit(&mut state),
            Err(_) => state.roll_back(),
        }
        if fate == Some(Lost::Acknowledgement) { Err(lost()) } else { done }
    }
}

/// An open transaction: the one writer until it ends. Dropping it rolls back.
#[derive(Debug)]
pub struct Open {
    handle: Arc<Handle>,
    /// Its connection was lost, so that it can only roll back.
    broken: AtomicBool,
    _one_writer: OwnedMutexGuard<()>,
}

impl Open {
    pub(crate) async fn begin(handle: &Arc<Handle>) -> Result<Self> {
        if handle.enter("begin").await?.is_some() {
            return Err(lost());
        }
        let one_writer = handle.lock().await?;
        Ok(Self { handle: Arc::clone(handle), broken: AtomicBool::new(false), _one_writer: one_writer })
    }

    pub(crate) async fn commit(&self) -> Result<()> {
        let fate = self.enter("commit").await?;
        if fate == Some(Lost::Request) {
            return Err(self.lose());
        }
        let shared = &self.handle.shared;
        shared.commit(&mut shared.write());
        if fate.is_some() { Err(self.lose()) } else { Ok(()) }
    }

    pub(crate) async fn roll_back(&self) -> Result<()> {
        self.handle.shared.write().roll_back();
        self.enter("rollback").await?.map_or(Ok(()), |_| Err(lost()))
    }

    async fn enter(&self, operation: &'static str) -> Result<Option<Lost>> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(lost());
        }
        self.handle.enter(operation).await
    }

    fn lose(&self) -> Error {
        self.broken.store(true, Ordering::Relaxed);
        self.handle.shared.write().roll_back();
        lost()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // What was committed is no longer pending. The lock is a field, so it is let go behind this.
        self.handle.shared.write().roll_back();
    }
}

impl Connection for Open {
    fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    async fn read<T: Send>(&self, operation: &'static str, run: impl FnOnce(Reader<'_>) -> Result<T> + Send) -> Result<T> {
        match self.enter(operation).await? {
            Some(_) => Err(self.lose()),
            None => self.handle.read(View::Pending, run),
        }
    }

    async fn write<T: Send>(&self, operation: &'static str, run: impl FnOnce(Writer<'_>) -> Result<T> + Send) -> Result<T> {
        if self.enter(operation).await?.is_some() {
            return Err(self.lose());
        }
        self.handle.write(&mut self.handle.shared.write(), run)
    }
}

/// The error of a connection that broke.
pub(crate) fn lost() -> Error {
    Error::unavailable("the connection was lost")
}
