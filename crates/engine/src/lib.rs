#![doc = include_str!("../README.md")]

mod registry;

pub use mastra_core::*;
pub use registry::{Connecting, Registry, connect};

#[cfg(feature = "mock")]
pub use mastra_mock as mock;
#[cfg(feature = "postgres")]
pub use mastra_postgres as postgres;
#[cfg(feature = "sqlite")]
pub use mastra_sqlite as sqlite;

/// The traits whose methods an application calls.
///
/// ```
/// use mastra_engine::prelude::*;
/// ```
pub mod prelude {
    pub use mastra_core::{Engine, EngineExt, OptionalExt, RecordStore, RecordStoreExt};
}
