//! Sources that say what a scenario wants, in every process alike.

use futures::{StreamExt as _, stream};
use mastra_core::{Error, Result};
use mastra_sync::source::{Item, Page, Pages, Position, Scope, Source};
use serde_json::Value;
use std::time::Duration;

/// What stands on a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Row {
    Is(String, Value),
    Gone(String),
    Raw(Value),
    /// What could not be read, with its id where that is known.
    Unread(Option<String>),
}

/// A page, before it is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sheet {
    pub(crate) rows: Vec<Row>,
    pub(crate) scope: Option<(&'static str, Value)>,
    /// It says that the reading leaves something out.
    pub(crate) incomplete: bool,
    /// It says that nothing changed.
    pub(crate) unchanged: bool,
}

/// Pages whose cursor is their number, from 1 on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    pub(crate) sheets: Vec<Sheet>,
    /// How long the source takes for a page.
    pub(crate) pause: Duration,
}

pub(crate) fn is(id: impl Into<String>, data: Value) -> Row {
    Row::Is(id.into(), data)
}

/// Rows in pages of so many.
pub(crate) fn sheets(rows: Vec<Row>, size: usize) -> Vec<Sheet> {
    rows.chunks(size).map(|rows| Sheet::from(rows.to_vec())).collect()
}

impl From<Vec<Row>> for Sheet {
    fn from(rows: Vec<Row>) -> Self {
        Self { rows, ..Self::default() }
    }
}

impl Row {
    fn item(&self) -> Item {
        match self {
            Self::Is(id, data) => Item::record(id.as_str(), data.clone()),
            Self::Gone(id) => Item::Deleted { external_id: id.clone() },
            Self::Raw(data) => Item::Raw(data.clone()),
            Self::Unread(id) => {
                Item::failed(id.clone(), Value::from(format!("?{id:?}")), Error::invalid_input("it cannot be read"))
            }
        }
    }
}

impl Sheet {
    fn page(&self) -> Page {
        let mut page = Page::new(self.rows.iter().map(Row::item)).bytes(10 * self.rows.len() as u64);
        page.unchanged = self.unchanged;
        page.incomplete = self.incomplete.then(|| "a part could not be read".to_owned());
        match &self.scope {
            Some((field, value)) => page.scope(Scope::new(*field, value.clone())),
            None => page,
        }
    }
}

impl Source for Script {
    fn kind(&self) -> &'static str {
        "script"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        let behind = from.cursor.map_or(0, |cursor| cursor.parse().expect("the cursor is one of this source"));
        let pages = self.sheets.iter().enumerate().skip(behind);
        stream::iter(pages)
            .then(async |(at, sheet)| -> Result<Page> {
                if !self.pause.is_zero() {
                    tokio::time::sleep(self.pause).await;
                }
                Ok(sheet.page().cursor((at + 1).to_string()))
            })
            .boxed()
    }
}
