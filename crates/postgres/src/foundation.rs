//! What stores of vectors in the same database build upon: connections, statements, names, the filter compiler, migrations.
//!
//! For the crates of this workspace: no promise is made to others.

use crate::{
    config::PostgresEngineBuilder,
    engine::PostgresEngine,
    error, migrate,
    store::{PgStore, Session},
    text,
};
use mastra_core::{EngineInfo, Result, vector::VectorOperations};
use sqlx::{PgConnection, postgres::PgConnectOptions};
use std::{fmt, sync::Arc};

pub use crate::{
    bulk::Rows,
    field_index::{FieldRange, range_columns},
    filter::{Compiled, compile},
    migrate::MigrationSet,
    query::Statement,
    quote::{identifier, literal},
    transacting::{CopyIn, Line},
};

/// What gives a transaction of the engine its vectors.
pub trait VectorsBeside: fmt::Debug + Send + Sync {
    /// The vectors as this transaction sees them.
    fn of(self: Arc<Self>, transaction: Database) -> Box<dyn VectorOperations>;
}

/// A database: pools of connections to it, or one open transaction.
#[derive(Debug)]
pub struct Database {
    store: PgStore,
}

impl Database {
    pub(crate) fn new(store: PgStore) -> Self {
        Self { store }
    }

    /// Connects as a builder of engines says, to a schema that this series of migrations made.
    pub async fn connect(builder: PostgresEngineBuilder, set: MigrationSet) -> Result<Self> {
        builder.open(set).await.map(Self::new)
    }

    /// The database of an engine.
    pub fn of(engine: &PostgresEngine) -> Self {
        Self::new(engine.store().same())
    }

    /// Another handle on the same.
    #[must_use]
    pub fn same(&self) -> Self {
        Self::new(self.store.same())
    }

    /// Gives every transaction that begins from now on its vectors; the first to ask is heard.
    pub fn give_transactions(&self, vectors: Arc<dyn VectorsBeside>) {
        let _ = self.store.shared.vectors.set(vectors);
    }

    /// Whether the schema is one that this series of migrations made, as connecting asks it.
    pub async fn verify(&self, set: MigrationSet) -> Result<()> {
        let mut work = self.read().await?;
        migrate::verify_schema(work.conn()?, &self.store.shared.schema, set).await?;
        work.finish().await
    }

    /// Which database and schema it is, for traces and messages.
    pub fn info(&self) -> &EngineInfo {
        &self.store.shared.info
    }

    /// The qualified, quoted name of an object in the schema.
    pub fn qualified(&self, object: &str) -> String {
        self.store.schema().qualified(object)
    }

    /// The schema's name, unquoted.
    pub fn schema(&self) -> &str {
        self.store.schema().name()
    }

    /// The key of an advisory lock for a purpose in this schema.
    pub fn advisory_key(&self, purpose: &str) -> i64 {
        self.store.schema().advisory_key(purpose)
    }

    /// Whether statements may be kept prepared on a connection.
    pub fn persistent(&self) -> bool {
        self.store.shared.persistent()
    }

    /// How to reach the server, for a connection beside the pools.
    pub fn connect_options(&self) -> Arc<PgConnectOptions> {
        self.store.shared.writer.connect_options()
    }

    /// A connection to read from.
    pub async fn read(&self) -> Result<Work<'_>> {
        self.store.read().await.map(Work)
    }

    /// A transaction that sees one state of the data in all its statements; a caller's as it is.
    pub async fn snapshot(&self) -> Result<Work<'_>> {
        self.store.snapshot().await.map(Work)
    }

    /// A transaction to write in, which plans look-ups by key; a caller's behind a savepoint.
    pub async fn write(&self) -> Result<Work<'_>> {
        self.store.write().await.map(Work)
    }

    /// Asks the server whether it is there.
    pub async fn ping(&self) -> Result<()> {
        self.store.ping().await
    }

    /// Closes the pools, where they were opened here.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// A connection for one operation. Dropped without [`Work::finish`], it undoes what the operation did.
pub struct Work<'a>(Session<'a>);

impl Work<'_> {
    /// The connection.
    pub fn conn(&mut self) -> Result<&mut PgConnection> {
        self.0.conn()
    }

    /// The connection of a transaction, to copy into.
    pub fn line(&mut self) -> Result<Line<'_>> {
        self.0.line()
    }

    /// Keeps what was done.
    pub async fn finish(self) -> Result<()> {
        self.0.finish().await
    }

    /// Gives up in the middle of an answer: a connection of its own is closed.
    pub fn end(self) {
        self.0.end();
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

/// An error of the driver, mapped.
pub fn driver_error(source: sqlx::Error) -> mastra_core::Error {
    error::driver(source)
}

/// Whether the driver's error is the server's, with this SQLSTATE.
pub fn is_state(source: &sqlx::Error, state: &str) -> bool {
    error::is(source, state)
}

/// The words of a text query as a `tsquery`: all of them, each quoted.
pub fn tsquery(query: &mastra_core::text::TextQuery) -> String {
    text::candidates(query)
}
