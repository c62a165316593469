#![doc = include_str!("../README.md")]

// Every module but `server` belongs to the engine: gate it with `#[cfg(feature = "engine")]`.
#[cfg(unix)]
pub mod server;
