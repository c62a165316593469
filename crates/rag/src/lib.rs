#![doc = include_str!("../README.md")]

pub mod chunk;
pub mod document;
pub mod embed;
pub mod knowledge;
mod names;

/// The guide's examples run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/knowledge.md")]
struct Guide;
