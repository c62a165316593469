//! Web sites: pages as text in the manner of Markdown, whole or in chunks.
//!
//! ```
//! use mastra_sync::source::crawl::CrawlSource;
//!
//! let docs = CrawlSource::new("https://docs.example/guide/")?.path_regex("^/guide/")?.limit(500).chunk(8_190)?;
//! # let _ = docs;
//! # Ok::<(), mastra_core::Error>(())
//! ```
//!
//! A crawl begins at a page and follows its links, breadth first, on that page's host and port alone, behind redirects too. `robots.txt` is
//! obeyed for the agent `mastra-sync` and `*` (RFC 9309): where there is none everything may be read, where the server fails to give it
//! nothing. Requests are made one after the other, with a pause between; see [`CrawlSource::delay`] and
//! [`CrawlSource::concurrency`].
//!
//! # Records
//!
//! A page is a record, by its URL: `url`, `title` where it has one, and `text`, the main content in the manner of Markdown. With
//! [`CrawlSource::chunk`] each chunk is a record, by the URL, `#` and its number from 0, which stands in `chunk`; all chunks of a page are
//! one [page](super::Page) of the source, whose scope is the `url`, so that they replace the earlier ones. HTML, Markdown and plain text
//! are read; other types are passed over.
//!
//! The main content is what stands in `<main>`, else in the only `<article>`, else everything; without navigation, asides, footers and
//! what is hidden. URLs are one where they differ in their fragment, in the order of the query, or in `http` for `https`.
//!
//! # What a crawl leaves out
//!
//! A page that is gone (404, 410), forbidden by `robots.txt`, of another type, or leads elsewhere, is no record: where an earlier crawl
//! stored it, a run in full mode deletes it. A page that cannot be read otherwise is set aside under its URL, or the id of its first chunk,
//! and the crawl says that it is incomplete, as it does at its limit: what it did not reach then stays. The start page has to be read, and
//! where ten pages in a row fail, the crawl does.
//!
//! # Cursors
//!
//! What waits to be read is not stored: a crawl that dies begins anew. Only the last page of a crawl has a cursor. It is no position, but
//! what the next crawl knows of each page (tag, links), up to 64 KiB: a page that the server says is as it was (304) is not sent again. Any
//! other page that is stored as it is now costs the request, and no write.

mod content;
mod decode;
mod frontier;
mod memory;
mod page;
mod reading;
mod robots;

use self::reading::Crawl;
use super::web::{self, WebOptions, shown};
use super::{Pages, Position, Source};
use mastra_core::{Error, Result};
use mastra_rag::chunk::{Chunker, ChunkerConfig};
use regex::Regex;
use std::{fmt, time::Duration};
use url::Url;

/// A web site.
#[derive(Clone)]
pub struct CrawlSource {
    pub(super) start: Url,
    pub(super) pattern: Option<Regex>,
    pub(super) limit: usize,
    pub(super) chunker: Option<Chunker>,
    pub(super) delay: Duration,
    pub(super) max_crawl_delay: Duration,
    pub(super) concurrency: usize,
    pub(super) web: WebOptions,
}

impl CrawlSource {
    /// The site that this page is on: at most 1,000 pages, each a record, half a second apart. `InvalidInput` for what is no URL of
    /// `http` or `https`, or holds a password.
    pub fn new(start: &str) -> Result<Self> {
        Ok(Self {
            start: frontier::normalised(web::parse(start)?),
            pattern: None,
            limit: 1_000,
            chunker: None,
            delay: Duration::from_millis(500),
            max_crawl_delay: Duration::from_secs(10),
            concurrency: 1,
            web: WebOptions::default(),
        })
    }

    /// Reads only pages whose path this regular expression matches somewhere, `/` in front. The start page is read for its links in any
    /// case, and is a record where it matches. `InvalidInput` for what is no regular expression.
    pub fn path_regex(mut self, pattern: &str) -> Result<Self> {
        let regex = Regex::new(pattern).map_err(|source| {
            Error::invalid_input("the pattern of paths is no regular expression").with("path_regex", pattern).with_source(source)
        })?;
        self.pattern = Some(regex);
        Ok(self)
    }

    /// Reads at most so many pages; 1,000 by default, and at least the first. Where there are more, the crawl says that it is incomplete.
    #[must_use]
    pub fn limit(mut self, pages: usize) -> Self {
        self.limit = pages;
        self
    }

    /// Cuts each page into chunks of at most so many characters, without overlap. `InvalidInput` for 0, or more than chunks may have.
    pub fn chunk(self, characters: usize) -> Result<Self> {
        self.chunker(ChunkerConfig::new().max_size(characters).overlap(0))
    }

    /// Cuts each page into chunks in this manner. Errors of [`Chunker::new`].
    pub fn chunker(mut self, config: ChunkerConfig) -> Result<Self> {
        self.chunker = Some(Chunker::new(config)?);
        Ok(self)
    }

    /// How long to wait between the beginnings of two requests; half a second by default. The site's `Crawl-delay` is obeyed where it is
    /// longer, up to [`CrawlSource::max_crawl_delay`].
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The longest `Crawl-delay` that is obeyed, 10 s by default: a longer one counts as this long.
    #[must_use]
    pub fn max_crawl_delay(mut self, delay: Duration) -> Self {
        self.max_crawl_delay = delay;
        self
    }

    /// How many pages are read at once; 1 by default. 0 is 1. What comes of a crawl does not depend on it.
    #[must_use]
    pub fn concurrency(mut self, pages: usize) -> Self {
        self.concurrency = pages.max(1);
        self
    }

    /// How the server is asked.
    #[must_use]
    pub fn web(mut self, options: WebOptions) -> Self {
        self.web = options;
        self
    }

    /// What would make every crawl fail before the server is asked: a key that is missing from the environment (`InvalidInput`, with the
    /// variable's name). Without I/O.
    pub fn check(&self) -> Result<()> {
        Crawl::new(self, Position::start()).map(drop)
    }
}

/// Without the query of the start page, which can hold keys.
impl fmt::Debug for CrawlSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrawlSource")
            .field("start", &shown(&self.start))
            .field("path_regex", &self.pattern.as_ref().map(Regex::as_str))
            .field("limit", &self.limit)
            .field("chunker", &self.chunker.as_ref().map(Chunker::fingerprint))
            .field("delay", &self.delay)
            .field("concurrency", &self.concurrency)
            .field("web", &self.web)
            .finish_non_exhaustive()
    }
}

impl Source for CrawlSource {
    fn kind(&self) -> &'static str {
        "crawl"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        web::pages(|| Crawl::new(self, from), "crawl")
    }
}
