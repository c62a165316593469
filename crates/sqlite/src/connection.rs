//! Connections: one that writes, and a few that read.
//!
//! A pool of our own, because SQLite's needs are smaller and sharper than a server's: no health checks between two calls, one fair
//! queue for the writer, and a connection that is never returned with a transaction open.

use crate::error::{Code, Mapped as _};
use mastra_core::{Error, Result};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections of one role, lent one at a time to whoever waited longest.
pub(crate) struct Slots {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    role: Role,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Transactions that write, one after the other.
    Writer,
    /// Snapshots.
    Reader,
    /// Both, since the database lives in this connection alone.
    Only,
}

impl Slots {
    pub(crate) fn new(options: SqliteConnectOptions, role: Role, size: usize, acquire_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            options: options.disable_statement_logging(),
            idle: Mutex::new(Vec::new()),
            permits: Arc::new(Semaphore::new(size)),
            acquire_timeout,
            role,
        })
    }

    /// Adds a connection that was opened elsewhere.
    pub(crate) fn put(&self, connection: SqliteConnection) {
        self.idle().push(connection);
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// A connection, as soon as it is this caller's turn; `Timeout` where that takes too long.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let waiting = tokio::time::timeout(self.acquire_timeout, Arc::clone(&self.permits).acquire_owned());
        let permit =
            waiting.await.map_err(|_| self.late())?.map_err(|_| Error::unavailable("the engine is closed").retryable(false))?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.mapped()?,
        };
        Ok(Lease { connection: Some(connection), slots: Arc::clone(self), permit: Some(permit), open: false })
    }

    fn late(&self) -> Error {
        let seconds = self.acquire_timeout.as_secs_f64();
        let message = match self.role {
            Role::Writer => "another transaction of this engine kept the writer for longer than the acquire timeout",
            Role::Reader => "every reading connection was in use for longer than the acquire timeout",
            Role::Only => "the in-memory database was in use for longer than the acquire timeout; end the transaction first",
        };
        Error::timeout(message).with("seconds", seconds)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        // A vector of connections is whole whatever panicked beside it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the role: later leases fail, idle connections are closed, lent ones close on their return.
    pub(crate) async fn close(&self) -> Result<()> {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            connection.close().await.mapped()?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slots").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A connection on loan. Dropping it rolls back what is open and returns it.
pub(crate) struct Lease {
    connection: Option<SqliteConnection>,
    slots: Arc<Slots>,
    permit: Option<OwnedSemaphorePermit>,
    open: bool,
}

impl Lease {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.connection.as_mut().ok_or_else(|| Error::internal("a connection was used behind its return"))
    }

    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<()> {
        sqlx::query(sql).execute(self.connection()?).await.map(drop).mapped()
    }

    /// Begins a transaction; from here on, dropping rolls back.
    pub(crate) async fn begin(&mut self, sql: &'static str) -> Result<()> {
        // Said first: a future that is dropped while SQLite begins leaves a transaction behind.
        self.expect_transaction();
        let begun = self.run(sql).await;
        if begun.is_err() {
            self.open = false;
        }
        begun
    }

    /// Says that the next statement begins a transaction: from here on, dropping rolls back.
    pub(crate) fn expect_transaction(&mut self) {
        self.open = true;
    }

    /// Says that a statement has ended the transaction.
    pub(crate) fn expect_no_transaction(&mut self) {
        self.open = false;
    }

    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> Result<()> {
        end(self.connection()?).await?;
        self.open = false;
        Ok(())
    }
}

/// Rolls back whatever is open.
async fn end(connection: &mut SqliteConnection) -> Result<()> {
    match sqlx::query("ROLLBACK").execute(connection).await {
        Ok(_) => Ok(()),
        // "no transaction is active": SQLite rolls back by itself when the disk is full or fails.
        Err(error) if Code::of(&error) == Some(Code::Other(1)) => Ok(()),
        Err(error) => Err(crate::error::statement(error)),
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let slots = Arc::clone(&self.slots);
        if !self.open {
            slots.take_back(connection);
            return;
        }
        // Rolling back needs the connection's thread. Without a runtime to wait for it, closing the connection does it too.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let permit = self.permit.take();
            runtime.spawn(async move {
                if end(&mut connection).await.is_ok() {
                    slots.take_back(connection);
                }
                drop(permit);
            });
        } else if slots.role == Role::Only {
            slots.take_back(connection);
        }
    }
}

impl Slots {
    fn take_back(&self, connection: SqliteConnection) {
        if !self.permits.is_closed() {
            self.idle().push(connection);
        }
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("role", &self.slots.role).field("open", &self.open).finish_non_exhaustive()
    }
}
