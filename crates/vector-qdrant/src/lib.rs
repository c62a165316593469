#![doc = include_str!("../README.md")]

mod admin;
mod builder;
mod capabilities;
mod client;
mod error;
mod filter;
mod known;
mod merge;
mod name;
mod payload;
mod scroll;
mod search;
mod store;
mod turns;
mod walk;
mod write;

pub use builder::{QdrantBuilder, Quantization};
pub use store::QdrantVectors;

use mastra_core::{Result, vector::CheckedVectors};

/// Connects to the server that a URL names, with the defaults of [`QdrantVectors::builder`].
///
/// `http://host:6334`, `https://host:6334`, or `qdrant://` and `qdrants://` for the same two; the port is that of gRPC, 6334 where none
/// is named. `?prefix=p_` stands before the names of collections, `?api_key=…` is what the server asks for, sent to
/// another machine over `https` alone, or with `&plain_api_key=true`.
///
/// Errors: `InvalidInput` for a malformed URL, `Unavailable` where no server answers.
pub async fn connect(url: &str) -> Result<CheckedVectors<QdrantVectors>> {
    QdrantBuilder::from_url(url)?.connect().await
}
