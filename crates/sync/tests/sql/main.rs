//! Queries on Postgres and SQLite: that paging neither misses nor doubles, what a cursor continues, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in a test an error is a failure"
)]

mod database;
mod paging;
mod postgres;
mod refusals;
mod rows;
mod sqlite;
mod while_changing;

use database::Database;
use futures::TryStreamExt as _;
use mastra_core::Result;
use mastra_sync::source::{Item, Page, Position, Source as _, sql::SqlSource};

/// A position behind a cursor.
fn behind(cursor: &str) -> Position<'static> {
    Position { cursor: Some(cursor.to_owned()), ..Position::default() }
}

async fn pages(source: &SqlSource, from: Position<'_>) -> Result<Vec<Page>> {
    source.pages(from).try_collect().await
}

/// The items behind a cursor, or all, and the cursor behind them: the same where there are none.
async fn read(source: &SqlSource, cursor: Option<&str>) -> (Vec<String>, Option<String>) {
    let pages = pages(source, cursor.map_or_else(Position::start, behind)).await.unwrap();
    let last = pages.last().map_or(cursor, |page| page.cursor.as_deref()).map(str::to_owned);
    (shown(&pages), last)
}

fn shown(pages: &[Page]) -> Vec<String> {
    pages.iter().flat_map(|page| &page.items).map(show).collect()
}

/// An item on one line: `id=data`, or `!id: error` for what failed.
fn show(item: &Item) -> String {
    match item {
        Item::Record { external_id, data, .. } => format!("{external_id}={data}"),
        Item::Failed { external_id, error, .. } => format!("!{}: {error}", external_id.as_deref().unwrap_or_default()),
        other => panic!("{other:?}"),
    }
}

/// The ids of items.
fn ids(items: &[String]) -> Vec<&str> {
    items.iter().map(|item| item.split(['=', ':']).next().unwrap()).collect()
}
