//! One reading of a list, page by page.

use super::cursor::{At, Place, digest, higher};
use super::items::{Fields, take_list};
use super::pagination::{Next, Pagination, look};
use super::request::Request;
use super::{HttpSource, path};
use crate::source::web::{self, Answer, Ask, Client, Fetched, shown};
use crate::source::{Item, Known, Page, Position};
use mastra_core::{Error, Path, Result};
use serde_json::Value;
use std::collections::HashSet;

/// One reading: what it asks for, and how far it is.
pub(super) struct Reading<'a> {
    source: &'a HttpSource,
    client: Client,
    known: Option<&'a dyn Known>,
    identity: String,
    fields: Fields,
    next_field: Option<Path>,
    since_field: Option<Path>,
    request: Request<'a>,
    /// Which page is asked for next; `None` behind the last.
    next: Option<Next>,
    since: Option<Value>,
    high: Option<Value>,
    /// The tag of the whole, as the last reading had it.
    etag: Option<String>,
    /// The pages that were asked for, by a hash.
    asked: HashSet<String>,
    /// The items of the page before, by a hash.
    before: Option<String>,
    pages: u64,
    items: u64,
}

impl web::Reading for Reading<'_> {
    async fn page(&mut self) -> Result<Option<Page>> {
        let Some(next) = self.next.take() else {
            return Ok(None);
        };
        let url = self.request.url(&next, self.since.as_ref())?;
        if !self.asked.insert(digest(url.as_str().as_bytes())) {
            let error =
                Error::unavailable("the server names a page as the next that was read already: its pages would never end");
            return Err(error.retryable(false).with("url", shown(&url)).with("page", self.pages + 1));
        }
        self.pages += 1;
        let ask = Ask::new(&url).accept("application/json").unless(self.etag.as_deref());
        let answer = match self.client.fetch(&ask).await {
            Ok(Fetched::Answer(answer)) => answer,
            Ok(Fetched::Unchanged) => return self.unchanged().map(Some),
            Ok(Fetched::Elsewhere(to)) => return Err(Error::internal("a redirect was not followed").with("url", shown(&to))),
            // Many servers have no page behind the last, rather than an empty one.
            Err(error) if error.is_not_found() && self.pages > 1 && self.source.pagination.counts() => {
                return self.end(Page::default(), None).map(Some);
            }
            Err(error) => return Err(error.with("page", self.pages)),
        };
        let page =
            self.read(next, &answer).await.map_err(|error| error.with("url", shown(&answer.url)).with("page", self.pages))?;
        Ok(Some(page))
    }
}

impl<'a> Reading<'a> {
    /// A reading from a position on. Without I/O.
    pub(super) fn new(source: &'a HttpSource, from: Position<'a>) -> Result<Self> {
        let option = |name, text: &Option<String>| text.as_deref().map(|text| path(name, text)).transpose();
        let fields = Fields {
            items: option("items", &source.items)?,
            id: option("id_field", &source.id_field)?,
            version: option("version_field", &source.version_field)?,
            deleted: option("deleted_field", &source.deleted_field)?,
        };
        for (name, field) in [("version_field", &fields.version), ("deleted_field", &fields.deleted)] {
            if field.is_some() && fields.id.is_none() {
                return Err(Error::invalid_input("this option needs id_field").with("option", name));
            }
        }
        if source.short_page_ends && source.page_size.is_none() {
            return Err(Error::invalid_input("short_page_ends needs page_size"));
        }
        if source.page_size.as_ref().is_some_and(|(_, items)| *items == 0) {
            return Err(Error::invalid_input("page_size is at least 1"));
        }
        let next_field = match &source.pagination {
            Pagination::Cursor { next, .. } | Pagination::NextUrl { next } => Some(path("pagination.next", next)?),
            _ => None,
        };
        let since_field = source.since.as_ref().map(|(_, field)| path("since", field)).transpose()?;
        let request = Request::new(source)?;
        let client = Client::new(&source.web, &source.url)?;
        let mut reading = Self {
            client,
            known: from.known,
            identity: source.identity(),
            fields,
            next_field,
            since_field,
            request,
            next: Some(Next::first(&source.pagination)),
            since: None,
            high: None,
            etag: None,
            asked: HashSet::new(),
            before: None,
            pages: 0,
            items: 0,
            source,
        };
        reading.go_to(from)?;
        Ok(reading)
    }

    /// Begins where a position says. What another source of this kind left is the beginning.
    fn go_to(&mut self, from: Position<'_>) -> Result<()> {
        let ours = |place: &Place| place.http == self.identity;
        if let Some(cursor) = from.cursor {
            match Some(Place::read(&cursor)?).filter(ours) {
                Some(Place { at: At::Before(next), since, high, .. }) => {
                    (self.next, self.since, self.high) = (Some(next), since, high);
                }
                Some(Place { at: At::End(etag), high, .. }) => {
                    (self.etag, self.since, self.high) = (etag, high.clone(), high);
                }
                None => {}
            }
        } else if let Some(last) = from.last
            // All is to be said: the tag may be used, but not the highest value.
            && let Some(Place { at: At::End(etag), .. }) = Place::read(&last).ok().filter(ours)
        {
            self.etag = etag;
        }
        Ok(())
    }

    async fn read(&mut self, next: Next, answer: &Answer) -> Result<Page> {
        let bytes = answer.body.clone().unwrap_or_default();
        // Some servers begin with a byte order mark, which JSON may not have.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut body: Value = serde_json::from_slice(text).map_err(|error| {
            // The parser's message can quote the answer: its place is enough.
            let error = Error::invalid_input("the answer is not JSON").with("line", error.line()).with("column", error.column());
            error.with("content_type", answer.media_type())
        })?;
        let list = take_list(&mut body, self.fields.items.as_ref())?;
        let mut page = Page::default().bytes(bytes.len() as u64);
        let count = list.len() as u64;
        self.check_repeated(&list)?;
        let mut after = next.after(&self.source.pagination, self.next_field.as_ref(), count, &body, answer)?;
        if self.source.short_page_ends && self.source.pagination.counts() && self.is_short(count) {
            after = None;
        }
        let left = self.source.limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.items));
        let taken = count.min(left);
        self.items += taken;
        for value in list.into_iter().take(usize::try_from(taken).unwrap_or(usize::MAX)) {
            if let Some(path) = &self.since_field {
                self.high = higher(self.high.take(), look(&value, path));
            }
            page.items.push(self.fields.item(value));
        }
        page.items = self.unchanged_items(page.items).await?;
        let limit = self.source.limit.unwrap_or_default();
        if taken < count || (taken == left && after.is_some()) {
            return Ok(page.incomplete(format!("the source has more than the limit of {limit} items")));
        }
        match after {
            Some(_) if self.pages >= self.source.max_pages && self.source.limit.is_some() => {
                Ok(page.incomplete(format!("the source has more than {} pages", self.source.max_pages)))
            }
            Some(_) if self.pages >= self.source.max_pages => {
                Err(Error::invalid_input("the source has more pages than max_pages").with("max_pages", self.source.max_pages))
            }
            Some(after) => {
                let after = self.request.without_secrets(after)?;
                let cursor = self.place(At::Before(after.clone())).write()?;
                self.next = Some(after);
                Ok(page.cursor(cursor))
            }
            None => {
                let tag = answer.etag().filter(|_| self.source.pagination == Pagination::None).map(str::to_owned);
                self.end(page, tag)
            }
        }
    }

    /// The same items twice in a row mean that a server does not understand how it is asked, and would never end.
    fn check_repeated(&mut self, list: &[Value]) -> Result<()> {
        if list.is_empty() || !self.source.pagination.counts() {
            return Ok(());
        }
        let bytes =
            serde_json::to_vec(list).map_err(|source| Error::internal("items could not be written").with_source(source))?;
        let hash = Some(digest(&bytes));
        if self.before == hash {
            let message = "the server gave the same page twice in a row; is the parameter right, or does its last page repeat (short_page_ends)?";
            return Err(Error::unavailable(message).retryable(false));
        }
        self.before = hash;
        Ok(())
    }

    fn is_short(&self, count: u64) -> bool {
        self.source.page_size.as_ref().is_some_and(|(_, size)| count < *size)
    }

    /// Passes over what is stored with the same version.
    async fn unchanged_items(&self, items: Vec<Item>) -> Result<Vec<Item>> {
        let ids: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                Item::Record { external_id, version: Some(_), .. } => Some(external_id.clone()),
                _ => None,
            })
            .collect();
        let Some(known) = self.known.filter(|_| !ids.is_empty()) else {
            return Ok(items);
        };
        let versions = known.versions(&ids).await?;
        let items = items.into_iter().map(|item| match item {
            Item::Record { external_id, version: Some(version), .. } if versions.get(&external_id) == Some(&version) => {
                Item::Unchanged { external_id }
            }
            item => item,
        });
        Ok(items.collect())
    }

    fn unchanged(&self) -> Result<Page> {
        let cursor = self.place(At::End(self.etag.clone())).write()?;
        Ok(Page::unchanged().cursor(cursor))
    }

    fn end(&self, page: Page, etag: Option<String>) -> Result<Page> {
        Ok(page.cursor(self.place(At::End(etag)).write()?))
    }

    fn place(&self, at: At) -> Place {
        Place { http: self.identity.clone(), at, since: self.since.clone(), high: self.high.clone() }
    }
}
