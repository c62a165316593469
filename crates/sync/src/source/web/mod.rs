//! What sources on the web share: how they ask, what they never ask, and what carries a key.
//!
//! A source of this kind reaches out to an address that somebody else may have chosen: a link, a redirect, a record of a name server. So
//! that it cannot be sent to a machine that trusts its network (a router, a database, a cloud's metadata), addresses that are not on the
//! public internet are refused: by the address that is connected to, after every look-up and every redirect, and not by the name. Proxies
//! of the environment are not used.
//!
//! - **Repeated** are requests that a repeat can help: lost connections, answers that end in the middle, time running out, and the
//!   statuses 408, 429, 500, 502, 503 and 504; after a growing, random pause, or the one that the server asks for by `Retry-After`.
//! - **Redirects** are followed five times, never in a circle, and only to `http` and `https`.
//! - **Keys and headers** of [`WebOptions`] go to the host of the source alone, and never from `https` to `http`.
//! - **Bodies** are bounded while they are read. An answer that ends early is an error, and never a short page.
//! - **Errors** name the URL without its query, and the status: `PermissionDenied` for 401 and 403, `NotFound` for 404 and 410,
//!   `InvalidInput` for other refusals, `Timeout`, and `Unavailable` for what is the server's or the network's.

mod address;
mod answer;
mod cause;
mod client;
mod connect;
mod options;
mod reading;
mod redirect;
mod retry;
mod secret;

pub use options::WebOptions;
pub use secret::Secret;

pub(crate) use answer::{Answer, Fetched};
pub(crate) use client::{Ask, Client};
pub(crate) use reading::{Reading, pages};
pub(crate) use redirect::{same_owner, target};

use mastra_core::{Error, Result};
use url::Url;

/// A URL as errors show it: without query, fragment and password, in which keys stand.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Neither can fail for a URL that has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The URL of a source. `InvalidInput` for what is none, is not `http` or `https`, or holds a password; it is not repeated.
pub(crate) fn parse(url: &str) -> Result<Url> {
    let bad = |message: &str| Error::invalid_input(message).with("option", "url");
    let mut url = Url::parse(url.trim()).map_err(|source| bad("the URL of the source is no URL").with_source(source))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("the URL of a source begins with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("the URL of the source holds a user or a password; give them apart, with WebOptions::basic"));
    }
    url.set_fragment(None);
    Ok(url)
}
