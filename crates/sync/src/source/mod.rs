//! Where records come from: the trait that every source implements, and what a page of it holds.
//!
//! A source is asked for its pages from a cursor on. Each page carries the cursor that is true once the page is stored, so that a run that
//! dies in the middle is continued by the next one. What is known of earlier runs can be asked for by external id, so that a file or a web
//! page that is as it was need not be read again.
//!
//! ```
//! use futures::{StreamExt as _, stream};
//! use mastra_sync::source::{Item, Page, Pages, Position, Source};
//! use serde_json::json;
//!
//! /// Two pages of contacts, which can be continued behind the first.
//! #[derive(Debug)]
//! struct Contacts;
//!
//! impl Source for Contacts {
//!     fn kind(&self) -> &'static str {
//!         "contacts"
//!     }
//!
//!     fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
//!         let pages = [
//!             Page::new([Item::record("c-1", json!({ "name": "Ada" }))]).cursor("1"),
//!             Page::new([Item::record("c-2", json!({ "name": "Bob" }))]).cursor("2"),
//!         ];
//!         let behind = from.cursor.as_deref().map_or(0, |cursor| cursor.parse().unwrap_or(0));
//!         stream::iter(pages.into_iter().skip(behind).map(Ok)).boxed()
//!     }
//! }
//! # let _ = Contacts.kind();
//! ```

#[cfg(feature = "crawl")]
pub mod crawl;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "http")]
pub mod http;
mod page;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod sql;
#[cfg(feature = "http")]
pub mod web;

pub use page::{Item, Page, Scope};

use async_trait::async_trait;
use futures::stream::BoxStream;
use mastra_core::Result;
use std::{collections::HashMap, fmt};

/// The pages of a source, one after the other. The first error ends them; an end without an error says that the enumeration is complete.
pub type Pages<'a> = BoxStream<'a, Result<Page>>;

/// Where records come from.
pub trait Source: Send + Sync + fmt::Debug {
    /// What it is, in a word, for traces and the ledger: `jsonl`, `http`, `crawl`.
    fn kind(&self) -> &'static str;

    /// The pages behind a position, read as they are asked for and not before.
    ///
    /// A run that reads to the end has to have seen everything there is: a source that cannot go on returns an error, and never ends early.
    /// `InvalidInput` where a cursor is not one of this source's; `Unavailable` and `Timeout`, retryable or not, where it cannot be reached.
    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a>;
}

/// Where to begin, and what is known already.
#[derive(Debug, Clone, Default)]
pub struct Position<'a> {
    /// Behind the page that gave this cursor; at the beginning where it is `None`.
    pub cursor: Option<String>,
    /// Of the last reading that came to its end, the cursor of its last page, where this one begins at the beginning. Everything has to be
    /// said again, but a source can learn from it that nothing changed. It may be that of another source, which is no error here.
    pub last: Option<String>,
    /// What earlier runs stored; `None` where everything is to be read again.
    pub known: Option<&'a dyn Known>,
}

impl Position<'_> {
    /// The beginning, with nothing known.
    pub fn start() -> Self {
        Self::default()
    }
}

/// What earlier runs of the same sync stored.
#[async_trait]
pub trait Known: Send + Sync + fmt::Debug {
    /// The versions ([`Item::version`]) that are stored, of those external ids that are; at most a page of ids at a time. One round trip.
    async fn versions(&self, external_ids: &[String]) -> Result<HashMap<String, String>>;
}
