#![doc = include_str!("../README.md")]

// Every module but `server` belongs to the engine: gate it with `#[cfg(feature = "engine")]`.
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
pub mod migrate;
#[cfg(feature = "engine")]
mod pooler;
#[cfg(feature = "engine")]
mod quote;
#[cfg(feature = "engine")]
mod rows;
#[cfg(feature = "engine")]
mod store;

#[cfg(feature = "engine")]
pub use pooler::Pooler;

#[cfg(unix)]
pub mod server;
