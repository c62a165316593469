//! A source that does what a test tells it.

use futures::{StreamExt as _, stream};
use mastra_core::{Error, Result};
use mastra_sync::source::{Item, Page, Pages, Position, Source};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Says something at each page: a page, or what goes wrong there.
type Say = Arc<dyn Fn() -> Result<Page> + Send + Sync>;

/// Pages whose cursor is their number, from 1 on.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    pages: Vec<Say>,
    /// Behind which cursors it was asked.
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripted").field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

/// Contacts of an id and a value.
pub(crate) fn contacts<'a>(contacts: impl IntoIterator<Item = (&'a str, Value)>) -> Vec<(String, Value)> {
    contacts.into_iter().map(|(id, data)| (id.to_owned(), data)).collect()
}

/// A hundred contacts a page, numbered.
pub(crate) fn numbered(range: std::ops::Range<usize>) -> Vec<(String, Value)> {
    range.map(|at| (format!("c{at:04}"), json!({ "name": format!("n{at}"), "at": at }))).collect()
}

impl Scripted {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The contacts, a page of so many each.
    pub(crate) fn of(contacts: Vec<(String, Value)>, page: usize) -> Self {
        contacts.chunks(page).fold(Self::new(), |source, chunk| source.page(chunk.to_vec()))
    }

    pub(crate) fn page(self, contacts: Vec<(String, Value)>) -> Self {
        self.items(move || contacts.iter().map(|(id, data)| Item::record(id.as_str(), data.clone())).collect())
    }

    pub(crate) fn items(self, items: impl Fn() -> Vec<Item> + Send + Sync + 'static) -> Self {
        self.say(move || Ok(Page::new(items())))
    }

    pub(crate) fn fails(self) -> Self {
        self.say(|| Err(Error::unavailable("the source went away")))
    }

    pub(crate) fn say(mut self, say: impl Fn() -> Result<Page> + Send + Sync + 'static) -> Self {
        self.pages.push(Arc::new(say));
        self
    }

    /// Behind which cursors it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

impl Source for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn pages<'a>(&'a self, from: Position<'a>) -> Pages<'a> {
        self.asked.lock().unwrap().push(from.cursor.clone());
        let behind = from.cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let pages = self.pages.iter().enumerate().skip(behind);
        stream::iter(pages.map(|(at, say)| Ok(say()?.cursor((at + 1).to_string()).bytes(10)))).boxed()
    }
}
