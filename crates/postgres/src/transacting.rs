//! A connection with a transaction open on it.

use crate::error::driver;
use mastra_core::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, pool::PoolConnection, postgres::PgCopyIn};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;

/// A transaction that owns its connection. Dropping it rolls back.
///
/// The driver's own type gives every connection back to the pool. One whose user went away in the middle of a `COPY` must not go back: the
/// driver then takes the answer to each statement for that of the next one.
/// <https://docs.rs/sqlx/0.9.0/sqlx/postgres/struct.PgCopyIn.html>
#[derive(Debug)]
pub(crate) struct Transacting {
    /// `None` once it went its way.
    connection: Option<PoolConnection<Postgres>>,
    open: bool,
    copying: AtomicBool,
    /// Where it began: the connection goes back to the pool in a task, wherever the transaction is dropped.
    runtime: Option<Handle>,
}

impl Transacting {
    /// Begins with this statement, which is made of constants and numbers alone.
    pub(crate) async fn begin(connection: PoolConnection<Postgres>, statement: String) -> Result<Self> {
        let (copying, runtime) = (AtomicBool::new(false), Handle::try_current().ok());
        // Open from here on: whoever gives up now may have begun.
        let mut begun = Self { connection: Some(connection), open: true, copying, runtime };
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(begun.connection()?).await.map_err(driver)?;
        Ok(begun)
    }

    pub(crate) async fn commit(mut self) -> Result<()> {
        sqlx::raw_sql("COMMIT").execute(self.connection()?).await.map_err(driver)?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<()> {
        sqlx::raw_sql("ROLLBACK").execute(self.connection()?).await.map_err(driver)?;
        self.open = false;
        Ok(())
    }

    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or_else(ended)
    }

    /// The connection, as something that can be copied into.
    pub(crate) fn line(&mut self) -> Result<Line<'_>> {
        let conn = self.connection.as_deref_mut().ok_or_else(ended)?;
        Ok(Line { conn, copying: &self.copying })
    }

    /// Whether somebody went away in the middle of a `COPY`.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.copying.load(Ordering::Relaxed)
    }
}

impl Drop for Transacting {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let _entered = self.runtime.as_ref().map(Handle::enter);
        if self.is_out_of_step() {
            // The server rolls back once it is gone.
            connection.close_on_drop();
        } else if let (true, Some(runtime)) = (self.open, &self.runtime) {
            runtime.spawn(async move {
                if sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await.is_err() {
                    connection.close_on_drop();
                }
            });
        }
    }
}

/// The error of a transaction that is used behind its end.
pub(crate) fn ended() -> Error {
    Error::invalid_input("the transaction has ended")
}

/// A connection in a transaction, into which can be copied.
#[derive(Debug)]
pub struct Line<'a> {
    conn: &'a mut PgConnection,
    copying: &'a AtomicBool,
}

impl Line<'_> {
    /// The connection.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.conn
    }

    /// Begins a `COPY … FROM STDIN`. Until it is finished the connection is of no other use, and is closed where that never happens.
    pub async fn copy_in(&mut self, statement: &str) -> Result<CopyIn<'_>> {
        self.copying.store(true, Ordering::Relaxed);
        match self.conn.copy_in_raw(statement).await {
            Ok(inner) => Ok(CopyIn { inner, copying: self.copying }),
            Err(error) => Err(settled(error, self.copying)),
        }
    }
}

/// A `COPY` that was begun.
#[must_use = "the connection is closed where a copy is not finished"]
pub struct CopyIn<'a> {
    inner: PgCopyIn<&'a mut PgConnection>,
    copying: &'a AtomicBool,
}

impl std::fmt::Debug for CopyIn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyIn").finish_non_exhaustive()
    }
}

impl CopyIn<'_> {
    /// Sends a part.
    pub async fn send(&mut self, data: &[u8]) -> Result<()> {
        self.inner.send(data).await.map(drop).map_err(driver)
    }

    /// Ends the copy; how many rows it was.
    pub async fn finish(self) -> Result<u64> {
        match self.inner.finish().await {
            Ok(rows) => {
                self.copying.store(false, Ordering::Relaxed);
                Ok(rows)
            }
            Err(error) => Err(settled(error, self.copying)),
        }
    }
}

/// An answer of the server is read to its end by the driver, so that the connection is in step again.
fn settled(error: sqlx::Error, copying: &AtomicBool) -> Error {
    if error.as_database_error().is_some() {
        copying.store(false, Ordering::Relaxed);
    }
    driver(error)
}
