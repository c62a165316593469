//! What a page is asked for by.

use super::HttpSource;
use super::pagination::{Next, Pagination};
use crate::source::web::{parse, same_owner};
use mastra_core::Result;
use serde_json::Value;
use url::Url;

/// The requests of one reading.
pub(super) struct Request<'a> {
    source: &'a HttpSource,
    /// The query parameters that hold keys.
    secrets: Vec<(&'a str, String)>,
}

impl<'a> Request<'a> {
    /// `InvalidInput` where a key is missing.
    pub(super) fn new(source: &'a HttpSource) -> Result<Self> {
        let secrets = source.secrets.iter().map(|(name, key)| Ok((name.as_str(), key.reveal()?))).collect::<Result<_>>()?;
        Ok(Self { source, secrets })
    }

    /// The URL of a page. Keys are added only where it is the source's host.
    pub(super) fn url(&self, next: &Next, since: Option<&Value>) -> Result<Url> {
        let mut url = match next {
            Next::Url(url) => parse(url)?,
            Next::First | Next::Value(_) => self.source.url.clone(),
        };
        if !matches!(next, Next::Url(_)) {
            for (name, value) in &self.source.query {
                url.query_pairs_mut().append_pair(name, value);
            }
            if let Some((name, size)) = &self.source.page_size {
                set(&mut url, name, &size.to_string());
            }
            if let (Some((name, _)), Some(since)) = (&self.source.since, since) {
                set(&mut url, name, &text(since));
            }
        }
        if let (
            Next::Value(value),
            Pagination::Cursor { parameter, .. } | Pagination::Page { parameter, .. } | Pagination::Offset { parameter },
        ) = (next, &self.source.pagination)
        {
            set(&mut url, parameter, value);
        }
        if same_owner(&self.source.url, &url) {
            for (name, key) in &self.secrets {
                set(&mut url, name, key);
            }
        }
        Ok(url)
    }

    /// The next page, without the keys that a server repeats in its links.
    pub(super) fn without_secrets(&self, next: Next) -> Result<Next> {
        let Next::Url(url) = &next else {
            return Ok(next);
        };
        let mut url = parse(url)?;
        for (name, _) in &self.secrets {
            remove(&mut url, name);
        }
        Ok(Next::Url(url.into()))
    }
}

/// A number or string as a query parameter.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Sets a query parameter, in place of all of that name.
fn set(url: &mut Url, name: &str, value: &str) {
    remove(url, name);
    url.query_pairs_mut().append_pair(name, value);
}

fn remove(url: &mut Url, name: &str) {
    if url.query_pairs().any(|(key, _)| key == name) {
        let kept: Vec<(String, String)> =
            url.query_pairs().filter(|(key, _)| key != name).map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
    }
}
