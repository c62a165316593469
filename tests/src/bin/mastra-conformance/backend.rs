//! The backends, and a runner of each.

use super::{engines, stores};
use clap::ValueEnum;
use mastra_conformance::runner::Runner;
use mastra_core::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// Engine and vectors in memory.
    Mock,
    /// Engine and vectors in a file of a temporary directory.
    Sqlite,
    /// Engine and vectors in a schema of their own on the server that MASTRA_TEST_POSTGRES_URL names; it is dropped in the end.
    Postgres,
    /// Vectors in Postgres, without an engine beside them.
    Pgvector,
    /// Vectors in Qdrant: the server that QDRANT_URL names, else the double.
    Qdrant,
    /// Vectors in Pinecone.
    Pinecone,
}

impl Backend {
    /// Whether it is an engine, and not a store of vectors alone.
    pub(crate) fn is_engine(self) -> bool {
        matches!(self, Self::Mock | Self::Sqlite | Self::Postgres)
    }

    /// Runs everything that it is on fresh stores. One is made first: a server that cannot be reached is one error, not hundreds of
    /// failed cases.
    pub(crate) fn runner(self) -> Result<Runner> {
        if self == Self::Pinecone {
            return Err(Error::unsupported("there is no backend of this name yet").with("backend", "pinecone"));
        }
        block_on(async {
            if self.is_engine() {
                engines::fresh(self).await?.end().await;
            }
            stores::fresh(self).await?.end().await;
            Ok(())
        })?;
        let runner = Runner::new().vectors(move || stores::fresh(self));
        Ok(if self.is_engine() { runner.engines(move || engines::fresh(self)) } else { runner })
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|source| Error::internal("no runtime").with_source(source))?.block_on(future)
}
