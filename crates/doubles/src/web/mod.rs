//! A web server that says what a test tells it to, and misbehaves as it is told: a site to crawl, or an interface that answers JSON.
//!
//! Each path is given one answer or a list of them, of which the last is repeated, or a closure that answers each request. What is not
//! given is 404. A [`Reply`] can come late, in small pieces or never; with a body that is cut, by its length or in its chunks; it can be a
//! redirect, or ask to be left alone. Requests are noted, so that a test can tell what was asked for, how often, and with which headers.
//! HTTP/1.1 is spoken by hand, so that an answer can end in the middle.

mod reply;
mod server;

pub use reply::Reply;
pub use server::{Request, Web};
