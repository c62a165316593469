//! Knowledge bases: the records of an entity, found again by meaning, words and filters, and never by what they no longer say.
//!
//! A [`KnowledgeBase`] binds an entity, some of its fields, a chunker, an embedder and a store of vectors. It follows the entity through
//! the engine's queue of changes: each record that is written is queued in its own transaction, and [`KnowledgeBase::index`] brings its
//! points up to its newest generation. What cannot be trusted is never shown: every point carries the generation that it was made of, and a
//! search drops those of another.
//!
//! ```
//! use mastra_core::{NewRecord, RecordStore as _, SyncBatch};
//! use mastra_rag::embed::Embedders;
//! use mastra_rag::knowledge::{IndexOptions, KnowledgeBase, Retrieval};
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> mastra_core::Result<()> {
//! let engine = mastra_mock::MockEngine::new();
//! let vectors = Arc::new(engine.vectors());
//! let engine = Arc::new(engine.checked());
//! let article = NewRecord::new("rust", json!({ "body": "The compiler refuses to share what is being changed." }));
//! engine.sync_records(&SyncBatch::new("Articles", "site", [article])).await?;
//!
//! let articles = KnowledgeBase::builder("articles")
//!     .entity("Articles")
//!     .field("body".parse()?)
//!     .embedder(Embedders::default().connect("hash/384").await?)
//!     .open(engine, vectors)
//!     .await?;
//! let report = articles.index(&IndexOptions::default()).await?;
//! assert_eq!((report.records, report.waiting), (1, 0));
//!
//! let answer = articles.search(&Retrieval::new("who refuses to share?")).await?;
//! assert_eq!(answer.passages[0].external_id, "rust");
//! # Ok(())
//! # }
//! ```

mod base;
mod builder;
mod indexer;
mod pieces;
mod point;
mod prepare;
mod reindex;
mod retrieve;
mod state;
mod stored;
mod verify;
mod write;

pub use base::KnowledgeBase;
pub use builder::KnowledgeBuilder;
pub use indexer::{IndexOptions, IndexProgress, IndexReport, Progress};
pub use point::{data_filter, record_of};
pub use reindex::{ReindexPlan, ReindexReport};
pub use retrieve::{BLEND, Passage, Reranker, Retrieval, Retrieved, Scores, SearchMode, Step};
pub use state::{State, Version};
pub use verify::{VerifyOptions, VerifyReport};
