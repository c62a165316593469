//! The store: over pools of its own, over an engine's, or inside a transaction of an engine.

use crate::{
    builder::PgVectorBuilder,
    choose::Estimates,
    extension::Extension,
    index::Index,
    migrate::SET,
    registry::{self, Known},
};
use mastra_core::{
    Checked, Error, Result,
    capabilities::FilterCapabilities,
    vector::{CheckedVectors, VectorCapabilities, VectorLimits, VectorOperations},
};
use mastra_postgres::{
    PostgresEngine,
    foundation::{Database, VectorsBeside},
};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, PoisonError, RwLock};

/// Vectors in a Postgres database with pgvector 0.7 or later; 0.8 for filtered searches by graph.
///
/// Handed out as `CheckedVectors<PgVector>`. What is particular to Postgres, such as [`PgVector::build_index`] and
/// [`PgVector::adopt`], is reached by [`CheckedVectors::inner`].
#[derive(Debug)]
pub struct PgVector {
    pub(crate) database: Database,
    pub(crate) common: Arc<Common>,
    /// Whether it works inside a transaction, which may see indexes that others do not.
    pub(crate) inside: bool,
}

/// What all handles on one store share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) capabilities: VectorCapabilities,
    pub(crate) known: Known,
    pub(crate) estimates: Estimates,
    extension: RwLock<Option<Arc<Extension>>>,
}

impl PgVector {
    /// Connects to the registry in the schema `mastra`, or in the URL's parameter `schema`.
    pub async fn connect(url: &str) -> Result<CheckedVectors<Self>> {
        Self::builder(url).connect().await
    }

    /// A store of its own on the database that a URL names: `postgres://user:password@host:port/database?sslmode=…`, with the
    /// parameters of [`PostgresEngine::builder`].
    pub fn builder(url: impl Into<String>) -> PgVectorBuilder {
        PgVectorBuilder::new(url)
    }

    /// A store over a pool of yours, which stays open when the store is closed.
    pub fn from_pool(pool: PgPool) -> PgVectorBuilder {
        PgVectorBuilder::from_pool(pool)
    }

    /// The vectors beside an engine's records: in its schema, over its pools, and in its transactions, which from now on give them
    /// by [`Transaction::vectors`](mastra_core::Transaction::vectors).
    ///
    /// The registry has to be there: [`migrator`](crate::migrator()) makes it. Closing the store closes the engine's pools.
    ///
    /// ```no_run
    /// use mastra_core::{Engine as _, vector::{NewPoint, Scope, VectorOperations as _}};
    /// use mastra_pgvector::PgVector;
    ///
    /// # async fn example() -> mastra_core::Result<()> {
    /// let engine = mastra_postgres::connect("postgres://app@localhost/app").await?;
    /// let store = PgVector::of(&engine).await?;
    /// let transaction = engine.begin().await?;
    /// if let Some(vectors) = transaction.vectors() {
    ///     vectors.upsert(&Scope::index("docs"), &[NewPoint::new("a", [0.1, 0.9])], &Default::default()).await?;
    /// }
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn of(engine: &Checked<PostgresEngine>) -> Result<CheckedVectors<Self>> {
        let database = Database::of(engine.inner());
        database.verify(SET).await.map_err(|error| error.with("migrate", "mastra_pgvector::migrate"))?;
        let store = Self::on(database, true);
        store.database.give_transactions(Arc::clone(&store.common) as Arc<dyn VectorsBeside>);
        Ok(CheckedVectors::new(store))
    }

    /// A store; `beside` an engine, whose transactions it shares.
    pub(crate) fn on(database: Database, beside: bool) -> Self {
        let common = Common {
            capabilities: capabilities(beside),
            known: Known::default(),
            estimates: Estimates::default(),
            extension: RwLock::default(),
        };
        Self { database, common: Arc::new(common), inside: false }
    }

    /// The index, and whether it may be another by now.
    pub(crate) async fn index(&self, name: &str) -> Result<(Arc<Index>, bool)> {
        if !self.inside
            && let Some(known) = self.common.known.get(name)
        {
            return Ok((known, true));
        }
        Ok((self.index_now(name).await?, false))
    }

    /// The index as the registry has it now.
    pub(crate) async fn index_now(&self, name: &str) -> Result<Arc<Index>> {
        let mut work = self.database.read().await?;
        let found = registry::find(work.conn()?, &self.database, &self.common, name).await;
        let index = match found {
            Ok(Some(index)) => Arc::new(index),
            Ok(None) => {
                work.finish().await?;
                self.common.known.forget(name);
                return Err(Error::not_found("there is no vector index of this name").with("index", name));
            }
            Err(error) => return Err(error),
        };
        work.finish().await?;
        if !self.inside {
            self.common.known.put(name, &index);
        }
        Ok(index)
    }

    /// Whether a call failed because the index that it knew was dropped meanwhile.
    pub(crate) fn is_outdated(error: &Error) -> bool {
        error.get("sqlstate") == Some("42P01")
    }
}

impl Common {
    /// The extension; `SchemaMismatch` where it is missing.
    pub(crate) async fn extension(&self, conn: &mut PgConnection) -> Result<Arc<Extension>> {
        if let Some(known) = &*self.extension.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Extension::find(conn).await?.ok_or_else(Extension::missing)?);
        *self.extension.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
        Ok(found)
    }
}

impl VectorsBeside for Common {
    fn of(self: Arc<Self>, transaction: Database) -> Box<dyn VectorOperations> {
        Box::new(PgVector { database: transaction, common: self, inside: true })
    }
}

/// Everything, but for what `jsonb` cannot hold; and pgvector's own bounds.
fn capabilities(transactions: bool) -> VectorCapabilities {
    let mut can = VectorCapabilities::all();
    can.write.transactions = transactions;
    can.filter = FilterCapabilities::all();
    can.data.nul_characters = false;
    can.data.exact_numbers = false;
    can.limits = VectorLimits {
        dimension: Some(16_000),
        // HNSW and IVFFlat take half of what fits a page: https://github.com/pgvector/pgvector#hnsw
        dimension_f16: Some(4_000),
        indexed_dimension: Some(2_000),
        ..VectorLimits::default()
    };
    can
}
