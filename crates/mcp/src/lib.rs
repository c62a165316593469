#![doc = include_str!("../README.md")]

mod builder;
mod cut;
mod failure;
mod knowledge;
mod limits;
mod parts;
mod records;
mod resources;
mod schema;
mod serve;
mod server;
mod tools;
mod transport;
mod uri;

pub use builder::McpServerBuilder;
pub use knowledge::KnowledgeSource;
pub use limits::Limits;
pub use server::McpServer;

/// The guide's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/mcp.md")]
struct Guide;
