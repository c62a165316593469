//! Web sites, on a server that misbehaves.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "in a test an error is a failure")]

mod again;
mod faults;
mod rules;
mod site;
mod stored;

use async_trait::async_trait;
use futures::StreamExt as _;
use mastra_core::{Error, Result};
use mastra_doubles::Web;
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::source::web::WebOptions;
use mastra_sync::source::{Item, Known, Page, Position, Source};
use std::collections::HashMap;
use std::time::Duration;

/// For a server on this machine, which is asked again at once.
fn local() -> WebOptions {
    WebOptions::new().allow_private_addresses(true).pause(Duration::from_millis(1)).attempts(2)
}

fn crawl(web: &Web, start: &str) -> CrawlSource {
    CrawlSource::new(&web.url(start)).unwrap().delay(Duration::ZERO).web(local())
}

/// The pages of a source, and the error that ended them.
async fn read(source: &CrawlSource, from: Position<'_>) -> (Vec<Page>, Option<Error>) {
    let mut pages = source.pages(from);
    let mut read = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => read.push(page),
            Err(error) => return (read, Some(error)),
        }
    }
    (read, None)
}

/// The pages of a crawl that goes well.
async fn pages(source: &CrawlSource) -> Vec<Page> {
    let (pages, error) = read(source, Position::start()).await;
    assert!(error.is_none(), "{error:?}");
    pages
}

async fn refused(source: &CrawlSource) -> Error {
    let (pages, error) = read(source, Position::start()).await;
    assert!(pages.is_empty(), "{pages:?}");
    error.unwrap()
}

/// The paths of what came, in order, with what became of them where that is not a record.
fn paths(web: &Web, pages: &[Page]) -> Vec<String> {
    let items = pages.iter().flat_map(|page| &page.items);
    let item = |item: &Item| match item {
        Item::Record { external_id, .. } => external_id.clone(),
        Item::Unchanged { external_id } => format!("={external_id}"),
        Item::Failed { external_id, .. } => format!("!{}", external_id.as_deref().unwrap()),
        item => panic!("a crawl says no {item:?}"),
    };
    items.map(|one| item(one).replace(&web.url(""), "")).collect()
}

/// What a store has after some pages.
#[derive(Debug, Default)]
struct Stored(HashMap<String, String>);

impl Stored {
    fn of(pages: &[Page]) -> Self {
        let versions = pages.iter().flat_map(|page| &page.items).filter_map(|item| match item {
            Item::Record { external_id, version, .. } => Some((external_id.clone(), version.clone()?)),
            _ => None,
        });
        Self(versions.collect())
    }
}

#[async_trait]
impl Known for Stored {
    async fn versions(&self, external_ids: &[String]) -> Result<HashMap<String, String>> {
        Ok(external_ids.iter().filter_map(|id| Some((id.clone(), self.0.get(id)?.clone()))).collect())
    }
}

fn last_cursor(pages: &[Page]) -> Option<String> {
    pages.last().and_then(|page| page.cursor.clone())
}
