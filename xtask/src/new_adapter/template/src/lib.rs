#![doc = include_str!("../README.md")]

mod capabilities;
mod store;

pub use store::NewstoreVectors;

use mastra_core::{Result, vector::CheckedVectors};

/// Connects to the store that a URL names, such as `newstore:place`, and hands it out as every store is: arguments checked before any I/O,
/// calls traced, conflicts tried again.
///
/// Errors: `InvalidInput` for a URL of another scheme.
pub async fn connect(url: &str) -> Result<CheckedVectors<NewstoreVectors>> {
    Ok(CheckedVectors::new(NewstoreVectors::open(url)?))
}
