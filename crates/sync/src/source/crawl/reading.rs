//! One crawl, page by page.

use super::frontier::{Frontier, on_site};
use super::memory::{Memory, Notes, Remembered};
use super::{CrawlSource, page, robots};
use crate::source::web::{self, Ask, Client, Fetched, shown};
use crate::source::{Known, Page, Position};
use futures::future::join_all;
use mastra_core::{Error, Result};
use mastra_rag::chunk::Chunker;
use regex::Regex;
use robotxt::Robots;
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// So many pages in a row that cannot be read are the site's failure.
const MOST_FAILURES: usize = 10;
/// How often the start page may lead to another host.
const MOST_MOVES: usize = 5;

/// One crawl: what it knows, and how far it is.
pub(super) struct Crawl<'a> {
    source: &'a CrawlSource,
    client: Client,
    known: Option<&'a dyn Known>,
    identity: String,
    memory: Memory,
    notes: Notes,
    /// `None` before the first page.
    site: Option<Site>,
    frontier: Frontier,
    ready: VecDeque<Page>,
    pages: usize,
    failures: usize,
    next_request: Instant,
    pace: Duration,
    ended: bool,
}

/// What may be read.
struct Site {
    home: Url,
    robots: Robots,
}

impl Site {
    fn allows(&self, url: &Url) -> bool {
        url.origin() == self.home.origin() && self.robots.is_url_allowed(url)
    }
}

/// What came of a page of the site.
enum Visit {
    Read(page::Read),
    /// As it was, with what was remembered of it.
    Unchanged(Remembered),
    /// It is no page, or none of this site.
    Nothing,
    Elsewhere(Url),
    /// It cannot be read.
    Failed(Error),
}

impl web::Reading for Crawl<'_> {
    async fn page(&mut self) -> Result<Option<Page>> {
        loop {
            if let Some(page) = self.ready.pop_front() {
                return Ok(Some(page));
            }
            if self.site.is_none() {
                self.begin().await?;
            } else if !self.frontier.is_empty() && self.pages < self.source.limit {
                self.read_on().await?;
            } else if self.ended {
                return Ok(None);
            } else {
                self.ended = true;
                let cursor = std::mem::take(&mut self.notes).write(self.identity.clone())?;
                self.ready.extend(cursor.map(|cursor| Page::default().cursor(cursor)));
            }
        }
    }
}

impl<'a> Crawl<'a> {
    /// A crawl that remembers what a position says. Without I/O.
    pub(super) fn new(source: &'a CrawlSource, from: Position<'a>) -> Result<Self> {
        let client = Client::new(&source.web, &source.start)?;
        let cut = source.chunker.as_ref().map(Chunker::fingerprint);
        let digest = Sha256::digest(format!("{}\n{:?}\n{cut:?}", source.start, source.pattern.as_ref().map(Regex::as_str)));
        let identity: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
        let memory = match (&from.cursor, &from.last) {
            (Some(cursor), _) => Memory::read(cursor, &identity)?,
            (None, Some(last)) => Memory::read(last, &identity).unwrap_or_default(),
            (None, None) => Memory::default(),
        };
        Ok(Self {
            source,
            client,
            known: from.known,
            identity,
            memory,
            notes: Notes::default(),
            site: None,
            frontier: Frontier::default(),
            ready: VecDeque::new(),
            pages: 0,
            failures: 0,
            next_request: Instant::now(),
            pace: source.delay,
            ended: false,
        })
    }

    /// Reads the start page, where it leads, and the rules of the site that it is on.
    async fn begin(&mut self) -> Result<()> {
        let mut url = self.source.start.clone();
        for _ in 0..=MOST_MOVES {
            let site = Site { robots: robots::of(&self.client, &url).await?, home: url.clone() };
            let forbidden = |url: &Url| {
                Error::permission_denied("the site's robots.txt forbids the start page")
                    .with("url", shown(url))
                    .with("agent", robots::AGENT)
            };
            if !site.allows(&url) {
                return Err(forbidden(&url));
            }
            self.pace = robots::pace(self.source.delay, site.robots.crawl_delay(), self.source.max_crawl_delay);
            self.next_request = Instant::now();
            self.frontier.note(&url);
            match self.visit(&site, &url, Instant::now()).await? {
                Visit::Elsewhere(next) if next.origin() == site.home.origin() => return Err(forbidden(&next)),
                Visit::Elsewhere(next) => url = super::frontier::normalised(next),
                Visit::Failed(error) => return Err(error),
                Visit::Nothing => {
                    return Err(
                        Error::invalid_input("the start page is no HTML, Markdown or plain text").with("url", shown(&url))
                    );
                }
                visit => {
                    self.next_request = Instant::now() + self.pace;
                    self.take(&site, &url, visit).await?;
                    self.site = Some(site);
                    return Ok(());
                }
            }
        }
        Err(Error::unavailable("the start page leads from site to site").retryable(false).with("url", shown(&self.source.start)))
    }

    /// Reads the pages that have waited longest.
    async fn read_on(&mut self) -> Result<()> {
        let Some(site) = self.site.take() else { return Ok(()) };
        let urls = self.frontier.take(self.source.concurrency.min(self.source.limit - self.pages));
        let start = self.next_request.max(Instant::now());
        let turns = (0_u32..).map(|place| start + self.pace.saturating_mul(place));
        let visits = urls.iter().zip(turns).map(|(url, turn)| self.visit(&site, url, turn));
        let visits = join_all(visits).await;
        self.next_request = start + self.pace.saturating_mul(u32::try_from(urls.len()).unwrap_or(u32::MAX));
        for (url, visit) in urls.iter().zip(visits) {
            match visit? {
                Visit::Failed(error) if !error.is_not_found() => {
                    self.failures += 1;
                    if self.failures >= MOST_FAILURES {
                        return Err(error.with("pages_in_a_row", MOST_FAILURES));
                    }
                    self.put(page::failed(url, self.source.chunker.is_some(), error));
                }
                visit => {
                    self.failures = 0;
                    self.take(&site, url, visit).await?;
                }
            }
        }
        self.site = Some(site);
        Ok(())
    }

    /// Asks for a page, when its turn comes. An error is the store's, and none of the page.
    async fn visit(&self, site: &Site, url: &Url, turn: Instant) -> Result<Visit> {
        let remembered = self.unless(url).await?;
        tokio::time::sleep_until(turn).await;
        let follow = |next: &Url| site.allows(next);
        let tag = remembered.as_ref().map(|page| page.etag.as_str());
        let ask =
            Ask::new(url).accept("text/html, text/markdown;q=0.9, text/plain;q=0.8, */*;q=0.1").types(&page::TYPES).unless(tag);
        Ok(match self.client.fetch(&ask.follow(&follow)).await {
            Ok(Fetched::Answer(answer)) if answer.body.is_some() => {
                let at = super::frontier::normalised(answer.url.clone());
                let read = page::read(answer, at, self.source.chunker.as_ref());
                read.map_or_else(|error| Visit::Failed(error.with("url", shown(url))), Visit::Read)
            }
            Ok(Fetched::Elsewhere(next)) => Visit::Elsewhere(next),
            Ok(Fetched::Unchanged) => remembered.map_or(Visit::Nothing, Visit::Unchanged),
            Ok(Fetched::Answer(_)) => Visit::Nothing,
            Err(error) => Visit::Failed(error),
        })
    }

    /// What is remembered of a page that is stored as it was then.
    async fn unless(&self, url: &Url) -> Result<Option<Remembered>> {
        let Some(page) = self.memory.of(url) else { return Ok(None) };
        let ids = page::ids(url, page.chunks);
        let stored = self.stored(&ids).await?;
        Ok(ids.iter().all(|id| stored.get(id) == Some(&page.version)).then_some(page))
    }

    async fn stored(&self, ids: &[String]) -> Result<HashMap<String, String>> {
        match self.known {
            Some(known) if !ids.is_empty() => known.versions(ids).await,
            _ => Ok(HashMap::new()),
        }
    }

    /// Turns what came of a page into records, and follows its links.
    async fn take(&mut self, site: &Site, asked: &Url, visit: Visit) -> Result<()> {
        let chunked = self.source.chunker.is_some();
        let (page, url, remembered) = match visit {
            Visit::Nothing | Visit::Elsewhere(_) | Visit::Failed(_) => return Ok(()),
            Visit::Unchanged(remembered) => (page::unchanged(asked, remembered.chunks), asked.clone(), Some(remembered)),
            // A redirect to what is read by its own name, or was.
            Visit::Read(read) if read.url != *asked && !self.frontier.note(&read.url) => return Ok(()),
            Visit::Read(read) => {
                let links = read.links.iter().filter_map(|link| on_site(&site.home, link.clone()));
                let links: Vec<Url> = links.filter(|link| self.matches(link)).collect();
                self.follow(site, &links);
                let url = read.url.clone();
                let (version, chunks) = (read.version.clone(), read.chunks(chunked));
                let noted = read.etag.clone().map(|etag| Remembered { etag, version, chunks, links });
                let stored = self.stored(&page::ids(&url, chunks)).await?;
                (read.into_page(chunked, &stored), url, noted)
            }
        };
        if let Some(remembered) = remembered {
            self.follow(site, &remembered.links);
            self.notes.add(&url, remembered);
        }
        if self.matches(&url) {
            self.put(page);
        }
        Ok(())
    }

    fn put(&mut self, mut page: Page) {
        self.pages += 1;
        if self.pages >= self.source.limit && !self.frontier.is_empty() {
            page.incomplete.get_or_insert_with(|| format!("the site has more than the limit of {} pages", self.source.limit));
        }
        if self.frontier.overflowed {
            page.incomplete.get_or_insert_with(|| "the site has more links than a crawl keeps".to_owned());
        }
        self.ready.push_back(page);
    }

    fn follow(&mut self, site: &Site, links: &[Url]) {
        for link in links.iter().filter(|link| site.allows(link)) {
            self.frontier.add(link.clone());
        }
    }

    fn matches(&self, url: &Url) -> bool {
        self.source.pattern.as_ref().is_none_or(|pattern| pattern.is_match(url.path()))
    }
}
