//! Connections that stay at hand between two reads.
//!
//! A connection that goes back to the driver's pool is tried there, by a round trip in a task of its own. Meanwhile the next
//! read finds it away and opens another, so that look-ups in a row wander over several connections, each asked twice as often as
//! needed. So a connection whose read came to its end waits here for the next one. The pool stays in charge of everything else:
//! what is broken, old, idle or wanted by somebody who waits goes back to it.

use sqlx::{PgPool, Postgres, pool::PoolConnection};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, time::timeout};

/// A connection that waited longer goes back to the pool, which tries it before it is used.
const IDLE: Duration = Duration::from_secs(1);

/// A connection that was away for longer goes back, so that the pool can end it at the end of its life.
const AWAY: Duration = Duration::from_secs(60);

/// How long the pool may take before it gets back what waits here.
const PATIENCE: Duration = Duration::from_millis(5);

/// The connections of a pool that wait for the next read.
#[derive(Debug)]
pub(crate) struct Kept {
    /// How many may wait.
    most: usize,
    /// Whether the pool opens another connection for one that it loses.
    replaced: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// How many calls wait for the pool: it gets everything, so that no connection waits here while a call waits there.
    wanted: usize,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    connection: PoolConnection<Postgres>,
    /// When it left the pool.
    left: Instant,
    since: Instant,
}

impl Kept {
    /// Keeps connections of a pool: as many as it may have, none where it is not the engine's own and others may wait for it.
    pub(crate) fn new(pool: &PgPool, own: bool) -> Arc<Self> {
        let most = if own { usize::try_from(pool.options().get_max_connections()).unwrap_or(1) } else { 0 };
        Arc::new(Self { most, replaced: pool.options().get_min_connections() > 0, state: Mutex::default() })
    }

    /// A connection to read with: one that waits, else one of the pool.
    pub(crate) async fn acquire(self: &Arc<Self>, pool: &PgPool) -> sqlx::Result<Lent> {
        let (connection, left) = match self.take() {
            Some(waiting) => (waiting.connection, waiting.left),
            None => (self.yielding(pool, pool.acquire()).await?, Instant::now()),
        };
        Ok(Lent { connection, left, kept: Arc::clone(self) })
    }

    /// Waits for a connection of the pool. Where it has none left it gets back what is kept, and whatever is returned meanwhile.
    pub(crate) async fn yielding<T>(&self, pool: &PgPool, acquiring: impl Future<Output = T>) -> T {
        let _wanted = Wanted::new(self);
        if pool.num_idle() == 0 && pool.size() >= pool.options().get_max_connections() {
            self.give_back();
        }
        let mut acquiring = pin!(acquiring);
        if let Ok(acquired) = timeout(PATIENCE, acquiring.as_mut()).await {
            return acquired;
        }
        // Others may have been quicker to take what was left when we looked.
        self.give_back();
        acquiring.await
    }

    /// Gives everything back, for good.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.give_back();
    }

    fn give_back(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        drop(waiting);
    }

    fn take(&self) -> Option<Waiting> {
        let mut state = self.state();
        let last = state.waiting.pop()?;
        if last.since.elapsed() < IDLE {
            return Some(last);
        }
        drop(state);
        drop(last);
        // The others wait longer still.
        self.give_back();
        None
    }

    fn keep(&self, connection: PoolConnection<Postgres>, left: Instant) {
        let mut state = self.state();
        if state.closed || state.wanted > 0 || state.waiting.len() >= self.most || left.elapsed() > AWAY {
            drop(state);
            drop(connection);
        } else {
            state.waiting.push(Waiting { connection, left, since: Instant::now() });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A list of connections is whole whatever panicked beside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A connection goes back to its pool in a task. Without a runtime it is closed instead; but a pool that wants to replace
        // it would need a task for that, so there it ends with the process.
        if Handle::try_current().is_ok() {
            return;
        }
        for waiting in std::mem::take(&mut self.state().waiting) {
            if self.replaced {
                std::mem::forget(waiting.connection);
            } else {
                drop(waiting.connection.detach());
            }
        }
    }
}

/// A call that waits for the pool, for as long as this lives.
struct Wanted<'a>(&'a Kept);

impl<'a> Wanted<'a> {
    fn new(kept: &'a Kept) -> Self {
        kept.state().wanted += 1;
        Self(kept)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.state().wanted -= 1;
    }
}

/// A connection for one read. Dropped, it goes back to the pool, which sees to whatever a read that was given up left behind.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) connection: PoolConnection<Postgres>,
    left: Instant,
    kept: Arc<Kept>,
}

impl Lent {
    /// Keeps the connection at hand: its read came to the end.
    pub(crate) fn keep(self) {
        self.kept.keep(self.connection, self.left);
    }

    /// Ends the connection, where the rest of an answer would have to be read before it could serve again.
    pub(crate) fn end(mut self) {
        self.connection.close_on_drop();
    }
}
