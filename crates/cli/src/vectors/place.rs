//! Where an index is that is carried: in a store, under a name.

use crate::{context::Context, exit::HINT, resolve::redacted};
use mastra_core::vector::VectorStore;
use mastra_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// An index of a store.
#[derive(Clone, PartialEq)]
pub(super) struct IndexPlace {
    /// For connecting only: it may hold a password.
    url: String,
    pub(super) index: String,
}

impl IndexPlace {
    /// `URL#INDEX`, `URL` with the name that was given beside it, or the name of an index of the chosen engine.
    pub(super) fn parse(text: &str, name: Option<&str>, context: &Context) -> Result<Self> {
        if text.rsplit_once('#').is_some_and(|(url, behind)| url.contains("://") && !url.contains('@') && behind.contains('@')) {
            // Cut here, half of the password would be taken for the store and half for the index, and both are shown.
            return Err(Error::invalid_input("the URL holds a # before its @")
                .with(HINT, "in a user's name or password, # is written %23"));
        }
        let (url, index) = match (text.rsplit_once('#'), name) {
            (Some((url, index)), _) => (url, index),
            (None, Some(name)) => (text, name),
            (None, None) if text.contains(':') => {
                return Err(
                    Error::invalid_input("this names a store, and no index of it").with(HINT, "URL#INDEX, or --index NAME")
                );
            }
            (None, None) => (context.choice.url(), text),
        };
        if url.is_empty() || index.is_empty() {
            return Err(Error::invalid_input("an index is named by URL#INDEX, or by its name alone"));
        }
        Ok(Self { url: url.to_owned(), index: index.to_owned() })
    }

    pub(super) async fn connect(&self, context: &Context) -> Result<Arc<dyn VectorStore>> {
        let connected = if self.url == context.choice.url() {
            context.connect_existing_vectors().await
        } else {
            context.registry.connect_vectors(&self.url).await
        };
        connected.map_err(|error| {
            let migrate = error.kind() == ErrorKind::SchemaMismatch && self.url.starts_with("postgres");
            let error = error.with("store", self.shown_store());
            if migrate { error.with(HINT, "mastra vectors migrate --engine with this store's URL") } else { error }
        })
    }

    fn shown_store(&self) -> String {
        redacted(&self.url)
    }

    /// As it may be shown.
    pub(super) fn shown(&self) -> String {
        format!("{}#{}", self.shown_store(), self.index)
    }
}
