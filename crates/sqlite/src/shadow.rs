//! Reading a database in memory while a transaction is open on it.
//!
//! Such a database lives in one connection. A file has its write-ahead log, so that others read the last committed state; here a
//! copy of the database stands in for it, made when a transaction begins, and kept for the next one as long as nothing was written.

use crate::{
    connection::{Lease, Role, Slots},
    error::Mapped as _,
};
use futures::future::{Either, select};
use mastra_core::Result;
use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What stands in for the database while a transaction is open.
#[derive(Debug)]
pub(crate) struct Shadow {
    options: SqliteConnectOptions,
    acquire_timeout: Duration,
    open: watch::Sender<Option<Arc<Slots>>>,
    /// The last copy, and how much the database had been changed when it was made.
    last: Mutex<Option<(i64, Arc<Slots>)>>,
}

impl Shadow {
    pub(crate) fn new(options: SqliteConnectOptions, acquire_timeout: Duration) -> Arc<Self> {
        Arc::new(Self { options, acquire_timeout, open: watch::Sender::new(None), last: Mutex::new(None) })
    }

    /// Makes the state of the database readable beside the transaction that is about to begin in `lease`.
    pub(crate) async fn cast(self: &Arc<Self>, lease: &mut Lease) -> Result<Cast> {
        let connection = lease.connection()?;
        let changes: i64 = sqlx::query_scalar("SELECT total_changes()").fetch_one(&mut *connection).await.mapped()?;
        let last = self.last().clone();
        let slots = match last {
            Some((before, slots)) if before == changes => slots,
            _ => {
                let bytes = connection.serialize(None).await.mapped()?;
                let mut copy = self.options.clone().disable_statement_logging().connect().await.mapped()?;
                copy.deserialize(None, bytes, true).await.mapped()?;
                let slots = Slots::new(self.options.clone(), Role::Reader, 1, self.acquire_timeout);
                slots.put(copy);
                *self.last() = Some((changes, Arc::clone(&slots)));
                slots
            }
        };
        self.open.send_replace(Some(slots));
        Ok(Cast(Arc::clone(self)))
    }

    /// A connection that reads: the database's own, or the copy as soon as a transaction is open.
    pub(crate) async fn lease(&self, own: &Arc<Slots>) -> Result<Lease> {
        let mut open = self.open.subscribe();
        let copy = open.borrow_and_update().clone();
        if let Some(copy) = copy {
            return copy.lease().await;
        }
        let opened = async move {
            // The sender is ours: it does not go away while it is waited for.
            let found = open.wait_for(Option::is_some).await.ok().and_then(|open| open.clone());
            match found {
                Some(copy) => copy.lease().await,
                None => std::future::pending().await,
            }
        };
        match select(pin!(own.lease()), pin!(opened)).await {
            Either::Left((lease, _)) | Either::Right((lease, _)) => lease,
        }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<(i64, Arc<Slots>)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the copy in place until the transaction is over.
#[derive(Debug)]
pub(crate) struct Cast(Arc<Shadow>);

impl Drop for Cast {
    fn drop(&mut self) {
        self.0.open.send_replace(None);
    }
}
