//! Knowledge bases: `mastra index`, `search`, `reindex`, `verify` and `knowledge`.

#![allow(dead_code, unused_imports, reason = "the commands that use it follow")]

mod config;
mod open;

pub(crate) use config::{CacheConfig, EmbedderConfig, KnowledgeConfig, SearchConfig};
pub(crate) use open::{Described, all, describe, explained, open, pick};
