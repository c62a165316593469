#![doc = include_str!("../README.md")]

mod registry;

pub use mastra_core::*;
pub use registry::{Connecting, ConnectingPair, ConnectingVectors, Pair, Registry, connect, connect_vectors};

#[cfg(feature = "mock")]
pub use mastra_mock as mock;
#[cfg(feature = "pgvector")]
pub use mastra_pgvector as pgvector;
#[cfg(feature = "postgres")]
pub use mastra_postgres as postgres;
#[cfg(feature = "qdrant")]
pub use mastra_qdrant as qdrant;
#[cfg(feature = "sqlite")]
pub use mastra_sqlite as sqlite;

/// The traits whose methods an application calls.
///
/// ```
/// use mastra_engine::prelude::*;
/// ```
pub mod prelude {
    pub use mastra_core::vector::{VectorOperations, VectorOperationsExt, VectorStore};
    pub use mastra_core::{Engine, EngineExt, OptionalExt, RecordStore, RecordStoreExt};
}
