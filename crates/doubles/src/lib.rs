#![doc = include_str!("../README.md")]

#[cfg(feature = "models")]
pub mod models;
#[cfg(feature = "qdrant")]
pub mod qdrant;

#[cfg(feature = "models")]
pub use models::Models;
#[cfg(feature = "qdrant")]
pub use qdrant::Qdrant;
