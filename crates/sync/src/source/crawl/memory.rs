//! What a crawl leaves for the next: of each page its tag and its links.

use mastra_core::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use url::Url;

/// As long as a cursor may be, about: it stands in a row of the database that is read often.
const MOST_BYTES: usize = 64 * 1024;

/// What is remembered of a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remembered {
    pub(super) etag: String,
    pub(super) version: String,
    /// How many chunks it had; `None` where it was whole.
    pub(super) chunks: Option<usize>,
    pub(super) links: Vec<Url>,
}

/// What one crawl left.
#[derive(Debug, Default)]
pub(super) struct Memory {
    urls: Vec<String>,
    pages: HashMap<String, Noted>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Of which crawl: by what decides on its records.
    crawl: String,
    /// All that pages and links name, by path and query, or whole where they lead to another site.
    urls: Vec<String>,
    pages: Vec<(usize, Noted)>,
}

/// A page: tag, version, number of chunks, and links as ranges of places: `0-17,20`.
#[derive(Debug, Serialize, Deserialize)]
struct Noted(String, String, Option<usize>, String);

impl Memory {
    /// Of a cursor. Empty where another crawl of this kind left it; `InvalidInput` where it is no cursor of this kind.
    pub(super) fn read(text: &str, crawl: &str) -> Result<Self> {
        let written: Written = serde_json::from_str(text)
            .map_err(|_| Error::invalid_input("the cursor is not one of this source; clear it to read everything again"))?;
        if written.crawl != crawl {
            return Ok(Self::default());
        }
        let Written { urls, pages, .. } = written;
        let pages = pages.into_iter().filter_map(|(place, noted)| Some((urls.get(place)?.clone(), noted))).collect();
        Ok(Self { urls, pages })
    }

    /// What it says of a page.
    pub(super) fn of(&self, url: &Url) -> Option<Remembered> {
        let Noted(etag, version, chunks, links) = self.pages.get(url.as_str())?;
        let links = places(links).map(|place| Url::parse(self.urls.get(place?)?).ok()).collect::<Option<_>>()?;
        Some(Remembered { etag: etag.clone(), version: version.clone(), chunks: *chunks, links })
    }
}

/// What is noted for the next crawl.
#[derive(Debug, Default)]
pub(super) struct Notes {
    places: HashMap<String, usize>,
    urls: Vec<String>,
    pages: Vec<(usize, Noted)>,
    bytes: usize,
}

impl Notes {
    /// Notes a page, where there is room: a page that is not noted is asked for anew.
    pub(super) fn add(&mut self, url: &Url, page: Remembered) {
        let all: BTreeSet<&str> = page.links.iter().map(Url::as_str).chain([url.as_str()]).collect();
        let new: usize = all.iter().filter(|url| !self.places.contains_key(**url)).map(|url| url.len() + 3).sum();
        // Ranges are counted at their longest.
        let bytes = new + page.etag.len() + page.version.len() + 4 * page.links.len().min(64) + 24;
        if self.bytes + bytes > MOST_BYTES {
            return;
        }
        self.bytes += bytes;
        let own = self.place(url);
        let links: BTreeSet<usize> = page.links.iter().map(|link| self.place(link)).collect();
        self.pages.push((own, Noted(page.etag, page.version, page.chunks, ranges(&links))));
    }

    fn place(&mut self, url: &Url) -> usize {
        let next = self.urls.len();
        *self.places.entry(url.as_str().to_owned()).or_insert_with(|| {
            self.urls.push(url.as_str().to_owned());
            next
        })
    }

    /// As a cursor; `None` where nothing was noted.
    pub(super) fn write(self, crawl: String) -> Result<Option<String>> {
        if self.pages.is_empty() {
            return Ok(None);
        }
        let written = Written { crawl, urls: self.urls, pages: self.pages };
        let text = serde_json::to_string(&written);
        text.map(Some).map_err(|source| Error::internal("a cursor could not be written").with_source(source))
    }
}

/// Places in order, those in a row together.
fn ranges(places: &BTreeSet<usize>) -> String {
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for place in places {
        match rows.last_mut() {
            Some((_, last)) if *last + 1 == *place => *last = *place,
            _ => rows.push((*place, *place)),
        }
    }
    let text = |(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    rows.iter().map(text).collect::<Vec<_>>().join(",")
}

/// The places again; `None` for what is none.
fn places(ranges: &str) -> impl Iterator<Item = Option<usize>> + '_ {
    ranges.split(',').filter(|row| !row.is_empty()).flat_map(|row| {
        let (first, last) = row.split_once('-').unwrap_or((row, row));
        let row = first
            .parse::<usize>()
            .ok()
            .zip(last.parse::<usize>().ok())
            .filter(|(first, last)| last - first.min(last) < 1_000_000);
        let (row, bad) = row.map_or((0..0, true), |(first, last)| (first..last + 1, false));
        row.map(Some).chain(bad.then_some(None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse(&format!("https://a.org/{path}")).unwrap()
    }

    fn page(links: &[&str]) -> Remembered {
        Remembered {
            etag: "\"1\"".into(),
            version: "v".into(),
            chunks: Some(2),
            links: links.iter().map(|link| url(link)).collect(),
        }
    }

    #[test]
    fn what_is_noted_is_remembered() {
        let mut notes = Notes::default();
        notes.add(&url("a"), page(&["b", "c", "d"]));
        notes.add(&url("b"), page(&["a", "d", "e?x=1"]));
        notes.add(&url("c"), page(&[]));
        let text = notes.write("site".into()).unwrap().unwrap();
        let memory = Memory::read(&text, "site").unwrap();
        assert_eq!(memory.of(&url("a")).unwrap(), page(&["b", "c", "d"]));
        assert_eq!(memory.of(&url("c")).unwrap(), page(&[]));
        let mut links = memory.of(&url("b")).unwrap().links;
        links.sort();
        assert_eq!(links, [url("a"), url("d"), url("e?x=1")]);
        assert!(memory.of(&url("d")).is_none());
        assert!(Memory::read(&text, "other").unwrap().of(&url("a")).is_none());
        assert!(Memory::read("17", "site").is_err());
        assert_eq!(Notes::default().write("site".into()).unwrap(), None);
    }

    #[test]
    fn it_has_an_end() {
        let mut notes = Notes::default();
        let menu: Vec<String> = (0..200).map(|number| format!("page-{number}")).collect();
        let menu: Vec<&str> = menu.iter().map(String::as_str).collect();
        for number in 0..5_000 {
            notes.add(&url(&format!("page-{number}")), page(&menu));
        }
        let text = notes.write("site".into()).unwrap().unwrap();
        assert!(text.len() < MOST_BYTES * 5 / 4, "{}", text.len());
        let memory = Memory::read(&text, "site").unwrap();
        assert!(memory.pages.len() > 100, "{}", memory.pages.len());
        assert_eq!(memory.of(&url("page-50")).unwrap().links.len(), 200);
    }

    #[test]
    fn places_are_read_back_and_nonsense_is_none() {
        let of = |list: &[usize]| ranges(&list.iter().copied().collect());
        assert_eq!(of(&[3, 1, 2, 7, 9, 10]), "1-3,7,9-10");
        assert_eq!(places("1-3,7").collect::<Option<Vec<_>>>(), Some(vec![1, 2, 3, 7]));
        for nonsense in ["x", "1-", "1-x,2", "0-99999999999"] {
            assert_eq!(places(nonsense).collect::<Option<Vec<_>>>(), None, "{nonsense}");
        }
    }
}
