//! JSON over HTTP: lists of items, page by page.
//!
//! ```
//! use mastra_sync::source::http::{HttpSource, Pagination};
//! use mastra_sync::source::web::{Secret, WebOptions};
//!
//! // GET https://crm.example/v2/contacts?limit=100, then …&after=CURSOR for as long as the answer names one.
//! let contacts = HttpSource::new("https://crm.example/v2/contacts")?
//!     .items("results")
//!     .id_field("id")
//!     .pagination(Pagination::cursor("paging.next.after", "after"))
//!     .page_size("limit", 100)
//!     .web(WebOptions::new().bearer(Secret::env("CRM_TOKEN")));
//! # let _ = contacts;
//! # Ok::<(), mastra_core::Error>(())
//! ```
//!
//! # What a reading ends with
//!
//! A reading ends where the server says that there is no more, and never because something went wrong: an answer that is no JSON or has no
//! items at their path, a cursor that comes again, links in a circle, the same page twice in a row, and more pages than
//! [`HttpSource::max_pages`] are errors. What is asked for is made again as [`web`] says.
//!
//! # Cursors
//!
//! The cursor of a page is what the next is asked by; that of the last page is what the next reading needs: the highest value that
//! [`HttpSource::since`] saw, and the tag (`ETag`) of a list that has one page. It holds no key, but it is stored with the entity: a
//! server that puts secrets into its cursors or links has them stored there. A cursor of a source with another URL, query, pagination or
//! fields begins anew; one that is none of this kind is `InvalidInput`.
//!
//! Where a server answers 304 to the tag, the reading is one [page](super::Page) that says that nothing changed. The tag is of what the
//! server sends, not of what a mapping makes of it: after a change of the mapping, a run has to read from the start.

mod cursor;
mod items;
mod links;
mod pagination;
mod reading;
mod request;

pub use pagination::Pagination;

use self::reading::Reading;
use super::web::{self, Secret, WebOptions, shown};
use super::{Pages, Position, Source};
use mastra_core::{Error, Path, Result};
use std::fmt;
use url::Url;

/// A list of items that a server gives as JSON.
#[derive(Clone)]
pub struct HttpSource {
    pub(super) url: Url,
    pub(super) query: Vec<(String, String)>,
    pub(super) secrets: Vec<(String, Secret)>,
    pub(super) items: Option<String>,
    pub(super) id_field: Option<String>,
    pub(super) version_field: Option<String>,
    pub(super) deleted_field: Option<String>,
    pub(super) since: Option<(String, String)>,
    pub(super) pagination: Pagination,
    pub(super) page_size: Option<(String, u64)>,
    pub(super) short_page_ends: bool,
    pub(super) limit: Option<u64>,
    pub(super) max_pages: u64,
    pub(super) web: WebOptions,
}

impl HttpSource {
    /// The list at a URL: the answer itself, on one page, its items without ids. `InvalidInput` for what is no URL of `http` or `https`,
    /// or holds a password.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            url: web::parse(url)?,
            query: Vec::new(),
            secrets: Vec::new(),
            items: None,
            id_field: None,
            version_field: None,
            deleted_field: None,
            since: None,
            pagination: Pagination::None,
            page_size: None,
            short_page_ends: false,
            limit: None,
            max_pages: 100_000,
            web: WebOptions::default(),
        })
    }

    /// Adds a query parameter to every request.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter that holds a key; it goes to the host of the source alone, and is kept out of cursors.
    #[must_use]
    pub fn secret_query(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.secrets.push((name.into(), value));
        self
    }

    /// Where the list stands in the answer, as a dotted path: `data.items`. By default the answer is the list.
    #[must_use]
    pub fn items(mut self, path: impl Into<String>) -> Self {
        self.items = Some(path.into());
        self
    }

    /// Where an item has its id, as a dotted path: a string or a whole number. Items without one are set aside. By default items have no
    /// id, and the sync's mapping gives them one.
    #[must_use]
    pub fn id_field(mut self, path: impl Into<String>) -> Self {
        self.id_field = Some(path.into());
        self
    }

    /// Where an item has what tells one state of it from another, as a dotted path: `updated_at`. Items that are stored with the same
    /// version are passed over. Needs [`HttpSource::id_field`].
    #[must_use]
    pub fn version_field(mut self, path: impl Into<String>) -> Self {
        self.version_field = Some(path.into());
        self
    }

    /// Where an item says that it is gone, as a dotted path to what is `true` then. Needs [`HttpSource::id_field`].
    #[must_use]
    pub fn deleted_field(mut self, path: impl Into<String>) -> Self {
        self.deleted_field = Some(path.into());
        self
    }

    /// Asks, in a run that goes on behind an earlier one, only for what changed: `parameter` is sent with the highest value that the
    /// earlier run saw at the dotted path `field`. Numbers compare as numbers, strings by code point, as times in UTC of one form do. The
    /// server should give items of that very value again, since others can have come at the same moment.
    #[must_use]
    pub fn since(mut self, parameter: impl Into<String>, field: impl Into<String>) -> Self {
        self.since = Some((parameter.into(), field.into()));
        self
    }

    /// How the list is parted into pages; [`Pagination::None`] by default.
    #[must_use]
    pub fn pagination(mut self, pagination: Pagination) -> Self {
        self.pagination = pagination;
        self
    }

    /// Asks for so many items a page by this query parameter. Pages may be shorter than that.
    #[must_use]
    pub fn page_size(mut self, parameter: impl Into<String>, items: u64) -> Self {
        self.page_size = Some((parameter.into(), items));
        self
    }

    /// Says that a page with fewer items than [`HttpSource::page_size`] is the last, under [`Pagination::Page`] and
    /// [`Pagination::Offset`]. By default only an empty page is, or a 404 behind the first: servers give shorter pages than they are
    /// asked for where they bound the size, or filter what they found. To be set where a server gives the last page again and again.
    #[must_use]
    pub fn short_page_ends(mut self) -> Self {
        self.short_page_ends = true;
        self
    }

    /// Reads at most so many items. Where there are more, the last page says that the reading is incomplete, and has no cursor.
    #[must_use]
    pub fn limit(mut self, items: u64) -> Self {
        self.limit = Some(items);
        self
    }

    /// How many pages a reading may have; 100,000 by default. More are an error, or, with [`HttpSource::limit`], leave it incomplete.
    #[must_use]
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.max_pages = pages;
        self
    }

    /// How the server is asked.
    #[must_use]
    pub fn web(mut self, options: WebOptions) -> Self {
        self.web = options;
        self
    }

    /// What would make every reading fail before the server is asked: a malformed path, a setting that needs another one, a key that is
    /// missing from the environment (`InvalidInput`, with the variable's name). Without I/O.
    pub fn check(&self) -> Result<()> {
        Reading::new(self, Position::start()).map(drop)
    }

    /// The source itself as a position's cursor knows it: by what decides on the items, and no key.
    fn identity(&self) -> String {
        let Self { url, query, items, id_field, version_field, deleted_field, since, pagination, page_size, .. } = self;
        let parts = (url.as_str(), query, items, id_field, version_field, deleted_field, since, pagination, page_size);
        cursor::digest(format!("{parts:?}").as_bytes())
    }
}

/// Without query parameters, which can hold keys.
impl fmt::Debug for HttpSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSource")
            .field("url", &shown(&self.url))
            .field("items", &self.items)
            .field("id_field", &self.id_field)
            .field("pagination", &self.pagination)
            .field("web", &self.web)
            .finish_non_exhaustive()
    }
}

impl Source for HttpSource {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        web::pages(|| Reading::new(self, from), "read_http")
    }
}

/// A dotted path that an option gives. `InvalidInput` with the option's name.
fn path(option: &'static str, text: &str) -> Result<Path> {
    text.parse().map_err(|error: Error| error.with("option", option))
}
