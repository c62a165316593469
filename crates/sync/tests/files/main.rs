//! Sources of files: what is read, what is told of what cannot be, and where a later run goes on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test an error is a failure"
)]

mod changes;
mod csv;
mod folder;
mod lines;
#[cfg(feature = "parquet")]
mod parquet;
mod resume;

use futures::{StreamExt as _, TryStreamExt as _};
use mastra_core::{Error, Result};
use mastra_sync::source::{Item, Page, Position, Source};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A fresh folder, and a file in it.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Writes behind the end.
fn append(path: &Path, content: &str) {
    use std::io::Write as _;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(content.as_bytes()).unwrap();
}

/// A position behind a cursor.
fn behind(cursor: &str) -> Position<'static> {
    Position { cursor: Some(cursor.to_owned()), ..Position::default() }
}

async fn pages(source: &dyn Source, from: Position<'_>) -> Result<Vec<Page>> {
    source.pages(from).try_collect().await
}

/// All items from the beginning, as lines.
async fn all(source: &dyn Source) -> Vec<String> {
    shown(&pages(source, Position::start()).await.unwrap())
}

/// All items behind a cursor, and the cursor behind them: the same where there are none.
async fn rest(source: &dyn Source, cursor: &str) -> (Vec<String>, String) {
    let pages = pages(source, behind(cursor)).await.unwrap();
    let last = pages.last().and_then(|page| page.cursor.clone()).unwrap_or_else(|| cursor.to_owned());
    (shown(&pages), last)
}

/// The cursor behind everything.
async fn end(source: &dyn Source) -> String {
    pages(source, Position::start()).await.unwrap().pop().unwrap().cursor.unwrap()
}

fn shown(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.items).map(show).collect()
}

/// An item on one line: `id=data`, `=data` without an id, `!id: error` for what failed.
fn show(item: &Item) -> String {
    match item {
        Item::Record { external_id, data, .. } => format!("{external_id}={data}"),
        Item::Raw(data) => format!("={data}"),
        Item::Unchanged { external_id } => format!("~{external_id}"),
        Item::Failed { external_id, error, .. } => format!("!{}: {error}", external_id.as_deref().unwrap_or_default()),
        other => format!("{other:?}"),
    }
}

/// Reads a page, does something, and reads to the end or the first error.
async fn interrupted(source: &dyn Source, meanwhile: impl FnOnce()) -> Result<Vec<Page>, Error> {
    let mut stream = source.pages(Position::start());
    let mut read = vec![stream.next().await.unwrap()?];
    meanwhile();
    while let Some(page) = stream.next().await {
        read.push(page?);
    }
    Ok(read)
}
