//! Lists of items over HTTP, against a server that misbehaves.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "in a test an error is a failure")]

mod cursors;
mod faults;
mod pages;
mod safety;
mod stored;

use futures::StreamExt as _;
use mastra_core::{Error, ErrorKind};
use mastra_sync::source::http::HttpSource;
use mastra_sync::source::web::WebOptions;
use mastra_sync::source::{Item, Page, Position, Source};
use std::time::Duration;

/// For a server on this machine, which is asked again at once.
fn local() -> WebOptions {
    WebOptions::new().allow_private_addresses(true).pause(Duration::from_millis(1))
}

fn source(url: &str) -> HttpSource {
    HttpSource::new(url).unwrap().id_field("id").web(local())
}

/// The pages of a source, and the error that ended them.
async fn read(source: &HttpSource, from: Position<'_>) -> (Vec<Page>, Option<Error>) {
    let mut pages = source.pages(from);
    let mut read = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => read.push(page),
            Err(error) => {
                assert!(pages.next().await.is_none(), "an error ends the pages");
                return (read, Some(error));
            }
        }
    }
    (read, None)
}

/// The pages of a source that goes well.
async fn pages(source: &HttpSource) -> Vec<Page> {
    let (pages, error) = read(source, Position::start()).await;
    assert!(error.is_none(), "{error:?}");
    pages
}

/// The error of a source that gives no page.
async fn refused(source: &HttpSource) -> Error {
    let (pages, error) = read(source, Position::start()).await;
    assert!(pages.is_empty(), "{pages:?}");
    error.unwrap()
}

async fn kind(source: &HttpSource) -> ErrorKind {
    refused(source).await.kind()
}

fn behind(cursor: &str) -> Position<'static> {
    Position { cursor: Some(cursor.to_owned()), ..Position::start() }
}

/// The ids of pages, in order, with what became of them where that is not a record.
fn ids(pages: &[Page]) -> Vec<String> {
    let id = |item: &Item| match item {
        Item::Record { external_id, .. } => external_id.clone(),
        Item::Deleted { external_id } => format!("-{external_id}"),
        Item::Unchanged { external_id } => format!("={external_id}"),
        Item::Failed { .. } => "!".to_owned(),
        Item::Raw(value) => value.to_string(),
        _ => "?".to_owned(),
    };
    pages.iter().flat_map(|page| page.items.iter().map(id)).collect()
}
