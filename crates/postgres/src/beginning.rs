//! Beginning a transaction, to the end.

use futures::future::BoxFuture;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr as _, Transaction, pool::PoolConnection};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::runtime::Handle;

type Begin = BoxFuture<'static, sqlx::Result<Transaction<'static, Postgres>>>;

/// A transaction that begins.
///
/// The driver knows of a transaction once the server has answered. A caller who gave up before would leave it a connection inside
/// a transaction that nobody ends, and every later user of that connection would work in it. So what was begun without its
/// caller comes to its end in a task, and is rolled back there.
pub(crate) struct Beginning {
    begin: Option<Begin>,
    runtime: Option<Handle>,
}

impl Beginning {
    /// Begins with this statement, which is made of constants and numbers alone.
    pub(crate) fn new(connection: PoolConnection<Postgres>, statement: String) -> Self {
        let begin = Transaction::begin(connection, Some(AssertSqlSafe(statement).into_sql_str()));
        Self { begin: Some(begin), runtime: Handle::try_current().ok() }
    }
}

impl Future for Beginning {
    type Output = sqlx::Result<Transaction<'static, Postgres>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Behind its end there is nothing to begin.
        let Some(begin) = self.begin.as_mut() else { return Poll::Ready(Err(sqlx::Error::BeginFailed)) };
        let begun = ready!(begin.as_mut().poll(cx));
        self.begin = None;
        Poll::Ready(begun)
    }
}

impl Drop for Beginning {
    fn drop(&mut self) {
        if let (Some(begin), Some(runtime)) = (self.begin.take(), &self.runtime) {
            runtime.spawn(begin);
        }
    }
}
