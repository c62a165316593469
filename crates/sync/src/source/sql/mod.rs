//! Queries on Postgres (feature `postgres`) and SQLite (feature `sqlite`).

mod cursor;
mod error;
#[cfg(feature = "postgres")]
mod postgres;
mod reader;
mod session;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statement;

pub use source::{Overlap, SqlSource};
