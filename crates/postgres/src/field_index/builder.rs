//! One builder at a time.

use crate::{error::driver, store::PgStore};
use mastra_core::Result;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, Row as _};
use std::time::Duration;

/// How often the lock is asked for while another process builds.
const POLLED: Duration = Duration::from_millis(50);

/// The right to build and drop the field indexes of one schema, and a connection outside any transaction to do it on.
///
/// Postgres builds one index of a table at a time, so there is one lock for all of a schema. `CREATE INDEX CONCURRENTLY` waits
/// for the end of every transaction that it once meets with a snapshot, so whoever waits for the lock must not do so inside a
/// transaction, not even between the statements of one: each would wait for the other, and the server would not see it. A
/// session lock on the building connection has no transaction at all. Through a transaction pooler there is no session, and
/// the lock is a transaction of its own in which nothing else runs, begun anew with every try.
#[derive(Debug)]
pub(super) struct Builder {
    conn: PgConnection,
    /// The transaction that holds the lock, behind a pooler.
    held: Option<PgConnection>,
}

impl Builder {
    /// Waits for the right, as long as it takes.
    pub(super) async fn take(store: &PgStore) -> Result<Self> {
        let mut conn = connect(store).await?;
        let key = store.schema().advisory_key("mastra engine field indexes");
        if store.shared.persistent() {
            let attempt = format!("SELECT pg_try_advisory_lock({key})");
            while !answered(&mut conn, &attempt).await? {
                tokio::time::sleep(POLLED).await;
            }
            return Ok(Self { conn, held: None });
        }
        let mut held = connect(store).await?;
        let attempt = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = 0; \
             SELECT pg_try_advisory_xact_lock({key})"
        );
        while !answered(&mut held, &attempt).await? {
            run(&mut held, "ROLLBACK").await.map_err(driver)?;
            tokio::time::sleep(POLLED).await;
        }
        Ok(Self { conn, held: Some(held) })
    }

    /// Runs a statement outside any transaction.
    pub(super) async fn run(&mut self, sql: &str) -> sqlx::Result<()> {
        run(&mut self.conn, sql).await
    }

    /// Gives the right back. Where this is not reached, the end of the connection does it.
    pub(super) async fn finish(self) -> Result<()> {
        if let Some(mut held) = self.held {
            run(&mut held, "COMMIT").await.map_err(driver)?;
            held.close().await.map_err(driver)?;
        }
        self.conn.close().await.map_err(driver)
    }
}

/// A connection of its own: building takes as long as it takes, and no pool should lack a connection for it.
async fn connect(store: &PgStore) -> Result<PgConnection> {
    let mut conn = store.shared.writer.connect_options().connect().await.map_err(driver)?;
    if store.shared.persistent() {
        run(&mut conn, "SET statement_timeout = 0; SET lock_timeout = 0").await.map_err(driver)?;
    }
    Ok(conn)
}

async fn answered(conn: &mut PgConnection, sql: &str) -> Result<bool> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(conn).await.map_err(driver)?;
    row.try_get(0).map_err(driver)
}

async fn run(conn: &mut PgConnection, sql: &str) -> sqlx::Result<()> {
    // The text comes from the definitions here: names and paths are quoted.
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(conn).await.map(|_| ())
}
