#![doc = include_str!("../README.md")]

#[cfg(any(feature = "models", feature = "web"))]
mod http;
#[cfg(feature = "models")]
pub mod models;
#[cfg(feature = "qdrant")]
pub mod qdrant;
#[cfg(feature = "web")]
pub mod web;

#[cfg(feature = "models")]
pub use models::Models;
#[cfg(feature = "qdrant")]
pub use qdrant::Qdrant;
#[cfg(feature = "web")]
pub use web::Web;
