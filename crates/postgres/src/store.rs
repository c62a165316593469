//! Where statements run: on connections of a pool, or inside one open transaction. The same code serves both.

use crate::{
    error::driver,
    field_index::FieldIndexes,
    foundation::{Database, VectorsBeside},
    kept::{Kept, Lent},
    pooler::Pooler,
    quote::Schema,
    syncs::Watch,
    transacting::{Line, Transacting, ended},
};
use mastra_core::{Capabilities, EngineInfo, Error, Result, vector::VectorOperations};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, postgres::PgArguments, query::Query};
use std::{
    fmt,
    ops::DerefMut,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{Mutex, MutexGuard},
};

/// What every handle of one engine shares.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) info: EngineInfo,
    pub(crate) capabilities: Capabilities,
    pub(crate) schema: Schema,
    pub(crate) pooler: Pooler,
    /// Where it cannot be a setting of the session: the statement timeout, set anew in every transaction.
    pub(crate) local_timeout: Option<Duration>,
    pub(crate) reader: PgPool,
    pub(crate) writer: PgPool,
    /// Connections of the reader's pool, between two reads.
    pub(crate) kept: Arc<Kept>,
    /// Whether the pools were given, so that they outlive the engine.
    pub(crate) lent: bool,
    /// Whether reads go to another server than writes, where the latest may be missing.
    pub(crate) split: bool,
    /// Whether the engine was closed.
    pub(crate) closed: AtomicBool,
    /// Which field indexes there are.
    pub(crate) field_indexes: FieldIndexes,
    /// The vectors that are kept beside the records, where there are any.
    pub(crate) vectors: OnceLock<Arc<dyn VectorsBeside>>,
    /// Hears of changes of runs.
    pub(crate) watch: Watch,
}

/// Settings of a transaction that writes batches, in the round trip that begins it.
///
/// Statistics lag behind a load, and a plan is kept for a statement while the table grows a thousandfold. A scan that was best
/// for fifty rows, or for an entity that the statistics do not know yet, would be repeated for each row of a batch. Without
/// scans of whole tables, and without sorts where an index gives the order, a look-up by key has one plan only. Compiling a plan
/// takes longer than running it once.
const WRITE_SETTINGS: &str = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off; ";

impl Shared {
    /// Whether statements may be kept prepared on a connection; a transaction pooler hands the connection to others.
    pub(crate) fn persistent(&self) -> bool {
        self.pooler == Pooler::None
    }

    /// A statement of ours, with the arguments still to bind; kept prepared where a connection stays ours.
    pub(crate) fn query(&self, sql: &str) -> Query<'static, Postgres, PgArguments> {
        // The text is made of constants and of names that the quoting module wrote; values are bound.
        sqlx::query(AssertSqlSafe(sql)).persistent(self.persistent())
    }

    /// Whether even a lone read has to stand in a transaction of its own.
    fn always_in_transaction(&self) -> bool {
        self.pooler == Pooler::Transaction || self.local_timeout.is_some()
    }

    /// Whether a lone read has a connection for itself, which can be ended in the middle of an answer.
    pub(crate) fn reads_plainly(&self) -> bool {
        !self.always_in_transaction()
    }

    /// Begins a transaction; `settings` are `SET LOCAL`s, in the same round trip.
    async fn begin(&self, pool: &PgPool, begin: &str, settings: &str) -> Result<Transacting> {
        self.refuse_closed()?;
        let mut statement = format!("{begin}; {settings}");
        if let Some(timeout) = self.local_timeout {
            statement.push_str(&format!("SET LOCAL statement_timeout = {}", timeout.as_millis().clamp(1, 2_147_483_647)));
        }
        let connection = self.kept.yielding(pool, pool.acquire()).await.map_err(driver)?;
        Transacting::begin(connection, statement).await
    }
}

/// How long closing waits for calls that are under way.
const CLOSING: Duration = Duration::from_secs(5);

/// A store over a pool or over an open transaction.
pub(crate) struct PgStore {
    pub(crate) shared: Arc<Shared>,
    source: Source,
    /// The vectors of an open transaction.
    vectors: Option<Box<dyn VectorOperations>>,
}

enum Source {
    Pools,
    Transaction(Arc<Open>),
}

/// A transaction that a caller holds open.
struct Open(Mutex<OpenState>);

struct OpenState {
    /// `None` once it ended.
    transaction: Option<Transacting>,
    /// Whether a savepoint stands in front of what an operation wrote: of the one that runs, or of one that gave up.
    marked: bool,
    /// Whether a read gave up, after which the server may refuse everything.
    doubtful: bool,
    /// Where it began: the connection goes back to the pool in a task, wherever the transaction is dropped.
    runtime: Option<Handle>,
}

impl Drop for OpenState {
    fn drop(&mut self) {
        let _entered = self.runtime.as_ref().map(Handle::enter);
        drop(self.transaction.take());
    }
}

/// In a caller's transaction a call that fails has to undo its own part, and must not end the whole.
const MARK: &str = "SAVEPOINT mastra_call; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL jit = off";
const UNMARK: &str = "RELEASE SAVEPOINT mastra_call; SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_sort TO DEFAULT; \
                      SET LOCAL jit TO DEFAULT";
/// Can be run again, should its caller give up: the savepoint stays, and goes with [`FORGET`] or with the transaction.
const UNDO: &str = "ROLLBACK TO SAVEPOINT mastra_call";
const FORGET: &str = "RELEASE SAVEPOINT mastra_call";

impl PgStore {
    /// The engine's own store: every call is its own transaction.
    pub(crate) fn pools(shared: Arc<Shared>) -> Self {
        Self { shared, source: Source::Pools, vectors: None }
    }

    /// Begins a transaction, and gives the store whose calls all run in it.
    pub(crate) async fn begin(&self) -> Result<Self> {
        // Our statements are written for READ COMMITTED, whatever the database's default is: after a wait they look again.
        let transaction = self.shared.begin(&self.shared.writer, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "").await?;
        let runtime = Handle::try_current().ok();
        let state = OpenState { transaction: Some(transaction), marked: false, doubtful: false, runtime };
        let store = Self {
            shared: Arc::clone(&self.shared),
            source: Source::Transaction(Arc::new(Open(Mutex::new(state)))),
            vectors: None,
        };
        let vectors = self.shared.vectors.get().map(|vectors| Arc::clone(vectors).of(Database::new(store.same())));
        Ok(Self { vectors, ..store })
    }

    /// Another handle on the same pools, or on the same open transaction.
    pub(crate) fn same(&self) -> Self {
        let source = match &self.source {
            Source::Pools => Source::Pools,
            Source::Transaction(open) => Source::Transaction(Arc::clone(open)),
        };
        Self { shared: Arc::clone(&self.shared), source, vectors: None }
    }

    /// The vectors of this open transaction.
    pub(crate) fn vectors(&self) -> Option<&dyn VectorOperations> {
        self.vectors.as_deref()
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.shared.schema
    }

    /// A connection to read from; a lone statement needs no transaction.
    pub(crate) async fn read(&self) -> Result<Session<'_>> {
        match &self.source {
            Source::Transaction(open) => open.session().await,
            Source::Pools => self.shared.read().await,
        }
    }

    /// A connection to read what was written last, whatever server other reads go to.
    pub(crate) async fn latest(&self) -> Result<Session<'_>> {
        match &self.source {
            Source::Transaction(open) => open.session().await,
            Source::Pools if self.shared.split => {
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
                self.shared.begin(&self.shared.writer, begin, "").await.map(Session::Own)
            }
            Source::Pools => self.shared.read().await,
        }
    }

    /// Whether this is an open transaction.
    pub(crate) fn is_transaction(&self) -> bool {
        matches!(self.source, Source::Transaction(_))
    }

    /// A transaction that sees one state of the data in all its statements.
    pub(crate) async fn snapshot(&self) -> Result<Session<'_>> {
        match &self.source {
            Source::Transaction(open) => open.session().await,
            Source::Pools => self.shared.snapshot().await,
        }
    }

    /// A transaction to write in: the caller's, or one that [`Session::finish`] commits and dropping rolls back.
    pub(crate) async fn write(&self) -> Result<Session<'_>> {
        match &self.source {
            Source::Transaction(open) => {
                let mut session = open.session().await?;
                session.mark().await?;
                Ok(session)
            }
            Source::Pools => {
                let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
                self.shared.begin(&self.shared.writer, begin, WRITE_SETTINGS).await.map(Session::Own)
            }
        }
    }

    /// Asks the server whether it is there.
    pub(crate) async fn ping(&self) -> Result<()> {
        let mut session = self.read().await?;
        // A simple query: one message there, one back, and nothing prepared.
        sqlx::raw_sql("SELECT 1").execute(session.conn()?).await.map_err(driver)?;
        session.finish().await
    }

    /// Refuses every later call, and closes the pools where they are the engine's own.
    pub(crate) async fn close(&self) {
        let shared = &self.shared;
        shared.closed.store(true, Ordering::Release);
        shared.kept.close();
        shared.watch.close();
        if !shared.lent {
            // Each pool refuses new calls from here on; a transaction that a caller forgot must not keep us waiting for ever.
            let closing = futures::future::join(shared.writer.close(), shared.reader.close());
            let _ = tokio::time::timeout(CLOSING, closing).await;
        }
    }

    /// Ends the transaction, durably.
    pub(crate) async fn commit(self) -> Result<()> {
        let Source::Transaction(open) = self.source else { return Err(Error::internal("a pool has nothing to commit")) };
        let mut state = open.0.lock().await;
        state.in_step()?;
        state.undo().await?;
        let doubtful = state.doubtful;
        let mut transaction = state.transaction.take().ok_or_else(ended)?;
        if doubtful {
            // COMMIT of a failed transaction is answered like a success, by ROLLBACK: ask first.
            sqlx::raw_sql("SELECT 1").execute(transaction.connection()?).await.map_err(driver)?;
        }
        transaction.commit().await
    }

    /// Ends the transaction without a trace.
    pub(crate) async fn rollback(self) -> Result<()> {
        let Source::Transaction(open) = self.source else { return Err(Error::internal("a pool has nothing to roll back")) };
        let transaction = open.0.lock().await.transaction.take().ok_or_else(ended)?;
        transaction.rollback().await
    }
}

impl Shared {
    /// A connection to read from, not bound to a handle: for streams.
    pub(crate) async fn read(&self) -> Result<Session<'static>> {
        if self.always_in_transaction() {
            let begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
            return self.begin(&self.reader, begin, "").await.map(Session::Own);
        }
        self.refuse_closed()?;
        self.kept.acquire(&self.reader).await.map(Session::Plain).map_err(driver)
    }

    fn refuse_closed(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(driver(sqlx::Error::PoolClosed)) } else { Ok(()) }
    }
}

impl Shared {
    /// A transaction that sees one state of the data in all its statements, not bound to a handle: for streams.
    pub(crate) async fn snapshot(&self) -> Result<Session<'static>> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.begin(&self.reader, begin, "").await.map(Session::Own)
    }
}

impl Open {
    async fn session(&self) -> Result<Session<'_>> {
        let mut state = self.0.lock().await;
        state.in_step()?;
        state.undo().await?;
        Ok(Session::Callers(Borrowed { state, done: false }))
    }
}

impl OpenState {
    async fn run(&mut self, statement: &'static str) -> Result<()> {
        let transaction = self.transaction.as_mut().ok_or_else(ended)?;
        sqlx::raw_sql(statement).execute(transaction.connection()?).await.map(drop).map_err(driver)
    }

    /// Ends the transaction where an operation was given up in the middle of a copy: nothing that the server says can be believed.
    fn in_step(&mut self) -> Result<()> {
        if self.transaction.as_ref().is_some_and(Transacting::is_out_of_step) {
            self.transaction = None;
            return Err(Error::conflict(
                "the transaction ended when one of its operations was given up while it copied; run it again",
            )
            .retryable(true));
        }
        Ok(())
    }

    /// Undoes what an operation left that gave up.
    async fn undo(&mut self) -> Result<()> {
        if self.marked {
            self.run(UNDO).await?;
            self.marked = false;
            self.run(FORGET).await?;
        }
        Ok(())
    }
}

/// A connection for one operation. Dropped without [`Session::finish`], it undoes what the operation did, and no more.
pub(crate) enum Session<'a> {
    /// A lone statement, without a transaction.
    Plain(Lent),
    /// A transaction of the operation's own.
    Own(Transacting),
    /// The transaction of the caller.
    Callers(Borrowed<'a>),
}

/// A caller's transaction, for as long as one operation runs in it.
pub(crate) struct Borrowed<'a> {
    state: MutexGuard<'a, OpenState>,
    done: bool,
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        // What was written behind a savepoint is undone by whoever comes next.
        if !self.done && !self.state.marked {
            self.state.doubtful = true;
        }
    }
}

impl Session<'_> {
    /// The connection; an error once the caller's transaction ended.
    pub(crate) fn conn(&mut self) -> Result<&mut PgConnection> {
        match self {
            Session::Plain(lent) => Ok(lent.connection.deref_mut()),
            Session::Own(transaction) => transaction.connection(),
            Session::Callers(borrowed) => borrowed.state.transaction.as_mut().ok_or_else(ended)?.connection(),
        }
    }

    /// The connection of a transaction, to copy into.
    pub(crate) fn line(&mut self) -> Result<Line<'_>> {
        match self {
            Session::Plain(_) => Err(Error::internal("nothing is copied outside of a transaction")),
            Session::Own(transaction) => transaction.line(),
            Session::Callers(borrowed) => borrowed.state.transaction.as_mut().ok_or_else(ended)?.line(),
        }
    }

    /// Sets a savepoint in a caller's transaction, which everything until [`Session::finish`] can be undone to.
    async fn mark(&mut self) -> Result<()> {
        if let Session::Callers(borrowed) = self {
            borrowed.state.run(MARK).await?;
            borrowed.state.marked = true;
        }
        Ok(())
    }

    /// Keeps what the operation did: commits its own transaction; a caller's stays open.
    pub(crate) async fn finish(self) -> Result<()> {
        match self {
            Session::Plain(lent) => {
                lent.keep();
                Ok(())
            }
            Session::Own(transaction) => transaction.commit().await,
            Session::Callers(mut borrowed) => {
                if borrowed.state.marked {
                    // A caller who gives up from here on has made the call, whose savepoint may be gone already.
                    borrowed.state.marked = false;
                    borrowed.state.run(UNMARK).await?;
                }
                borrowed.done = true;
                Ok(())
            }
        }
    }

    /// Gives up in the middle of an answer: a connection of its own is closed.
    pub(crate) fn end(self) {
        if let Session::Plain(lent) = self {
            lent.end();
        }
    }

    /// Whether the transaction is the caller's.
    pub(crate) fn is_callers(&self) -> bool {
        matches!(self, Session::Callers(_))
    }
}

impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Pools => "pools",
            Source::Transaction(_) => "transaction",
        };
        f.debug_struct("PgStore").field("namespace", &self.shared.info.namespace).field("source", &source).finish()
    }
}
