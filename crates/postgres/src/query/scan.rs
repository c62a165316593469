//! Reading rows until there are enough of them.

use super::statement::Statement;
use crate::{error::driver, store::Session};
use mastra_core::Result;
use sqlx::{AssertSqlSafe, Row as _, postgres::PgRow};
use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
};

/// The most rows of one `FETCH`.
const MOST_ROWS: usize = 4_000;

/// The most rows of the first `FETCH`, when nothing is known of their size.
pub(crate) const FIRST_ROWS: usize = 256;

/// What one `FETCH` should bring, about: large enough that the way there and back does not matter, small enough to hold.
const BYTES: usize = 1 << 20;

/// Numbers the cursors: an operation that was given up leaves its own open in a caller's transaction.
static CURSORS: AtomicU64 = AtomicU64::new(0);

/// The rows of a statement, fetched as they are asked for.
///
/// A cursor on the server: one view of the data, as few rows as are read, memory for one batch. Its plan is made for the values
/// that are bound to it.
pub(crate) struct Scan<'a> {
    session: Session<'a>,
    cursor: String,
    rows: VecDeque<PgRow>,
    batch: usize,
    finished: bool,
}

impl<'a> Scan<'a> {
    /// Opens the statement in a transaction, to fetch so many rows first. `whole` says that all will be read.
    pub(crate) async fn open(mut session: Session<'a>, statement: Statement, first: usize, whole: bool) -> Result<Self> {
        // Else the server plans to read a tenth of the rows. In a caller's transaction the setting has to go again.
        if whole && !session.is_callers() {
            sqlx::raw_sql("SET LOCAL cursor_tuple_fraction = 1").execute(session.conn()?).await.map_err(driver)?;
        }
        let mut declare = statement;
        let cursor = format!("mastra_scan_{}", CURSORS.fetch_add(1, Ordering::Relaxed));
        declare.sql.insert_str(0, &format!("DECLARE {cursor} NO SCROLL CURSOR WITHOUT HOLD FOR "));
        declare.query(false)?.execute(session.conn()?).await.map_err(driver)?;
        Ok(Self { session, cursor, rows: VecDeque::new(), batch: first.clamp(1, FIRST_ROWS), finished: false })
    }

    /// The next row.
    pub(crate) async fn next(&mut self) -> Result<Option<PgRow>> {
        if self.rows.is_empty() {
            self.rows = self.batch().await?.into();
        }
        Ok(self.rows.pop_front())
    }

    /// The next rows; none behind the last.
    pub(crate) async fn batch(&mut self) -> Result<Vec<PgRow>> {
        if self.finished {
            return Ok(Vec::new());
        }
        let fetch = format!("FETCH {} FROM {}", self.batch, self.cursor);
        let query = sqlx::query(AssertSqlSafe(fetch)).persistent(false);
        let rows = query.fetch_all(self.session.conn()?).await.map_err(driver)?;
        self.finished = rows.len() < self.batch;
        let bytes: usize = rows.iter().map(size).sum();
        let fitting = BYTES * rows.len() / bytes.max(1);
        self.batch = fitting.clamp(1, self.batch.saturating_mul(4)).min(MOST_ROWS);
        Ok(rows)
    }

    /// Ends the reading.
    pub(crate) async fn close(mut self) -> Result<()> {
        let close = format!("CLOSE {}", self.cursor);
        sqlx::raw_sql(AssertSqlSafe(close)).execute(self.session.conn()?).await.map_err(driver)?;
        self.session.finish().await
    }
}

/// How many bytes a row's values take.
fn size(row: &PgRow) -> usize {
    let bytes = |at| row.try_get_raw(at).ok().and_then(|value| value.as_bytes().ok()).map_or(0, <[u8]>::len);
    (0..row.len()).map(bytes).sum()
}
