//! What a server answers, and what a status means.

use super::retry::{Failure, asked_wait};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LINK, RETRY_AFTER};
use mastra_core::{Error, ErrorKind};
use std::time::SystemTime;
use url::Url;

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// A successful answer.
    Answer(Answer),
    /// 304: as the tag that was sent says.
    Unchanged,
    /// A redirect that the one who asks does not follow.
    Elsewhere(Url),
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Where it came from, behind all redirects.
    pub(crate) url: Url,
    headers: HeaderMap,
    /// `None` where it is of no type that was asked for.
    pub(crate) body: Option<Bytes>,
}

impl Answer {
    pub(super) fn new(url: Url, headers: HeaderMap, body: Option<Bytes>) -> Self {
        Self { url, headers, body }
    }

    /// `text/html`, in lower case, without parameters; empty where it is not said.
    pub(crate) fn media_type(&self) -> String {
        media_type(&self.headers)
    }

    /// A parameter of the type: the `charset`.
    #[cfg(feature = "crawl")]
    pub(crate) fn charset(&self) -> Option<String> {
        let (_, parameters) = text(&self.headers, &CONTENT_TYPE)?.split_once(';')?;
        let (_, charset) = parameters
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
        Some(charset.trim().trim_matches('"').to_ascii_lowercase())
    }

    /// Its tag, weak or strong, with the quotes.
    pub(crate) fn etag(&self) -> Option<&str> {
        text(&self.headers, &ETAG)
    }

    /// What its `Link` headers say, each by itself.
    pub(crate) fn links(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok())
    }
}

pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = text(headers, &CONTENT_TYPE).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// What a status that is no success means.
pub(super) fn refusal(status: StatusCode, headers: &HeaderMap) -> Failure {
    let (kind, message) = match status.as_u16() {
        401 => (ErrorKind::PermissionDenied, "the server wants a key, or another one"),
        403 => (ErrorKind::PermissionDenied, "the server does not let this key, or this source, read"),
        404 | 410 => (ErrorKind::NotFound, "the server has nothing there"),
        408 => (ErrorKind::Timeout, "the server waited too long for the request"),
        429 => (ErrorKind::Unavailable, "the server asks for fewer requests"),
        400..=499 => (ErrorKind::InvalidInput, "the server refuses the request"),
        500..=599 => (ErrorKind::Unavailable, "the server failed"),
        _ => (ErrorKind::Unavailable, "the server gives an answer that means nothing here"),
    };
    let error = Error::new(kind, message).with("status", status.as_u16());
    match status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => {
            Failure { wait: asked_wait(text(headers, &RETRY_AFTER), SystemTime::now()), ..Failure::again(error) }
        }
        _ => Failure::last(error),
    }
}
