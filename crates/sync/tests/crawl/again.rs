//! What a second crawl asks for, and what it says.

use super::{Stored, crawl, last_cursor, pages, paths, read};
use async_trait::async_trait;
use mastra_core::{Error, ErrorKind, Result};
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::source::{Known, Page, Position};
use std::collections::HashMap;

/// A start with a tag, which links to a page with one and a page without.
async fn site() -> Web {
    let web = Web::start().await.unwrap();
    web.route("/", [Reply::html("<a href=/tagged>t</a><a href=/plain>p</a>").etag("\"home\"")]);
    web.route("/tagged", [Reply::html("tagged <a href=/deep>d</a>").etag("W/\"1\"")]);
    web.page("/plain", "plain");
    web.page("/deep", "deep");
    web
}

async fn again(source: &CrawlSource, stored: &Stored, cursor: Option<String>, last: Option<String>) -> Vec<Page> {
    let (pages, error) = read(source, Position { cursor, last, known: Some(stored) }).await;
    assert!(error.is_none(), "{error:?}");
    pages
}

#[tokio::test]
async fn what_is_as_it_was_is_not_sent_again_and_its_links_are_followed() {
    let web = site().await;
    for chunked in [false, true] {
        let source = if chunked { crawl(&web, "/").chunk(100).unwrap() } else { crawl(&web, "/") };
        let of = |paths: [&str; 4]| paths.map(|path| if chunked { format!("={path}#0") } else { format!("={path}") });
        let first = pages(&source).await;
        let (stored, cursor) = (Stored::of(&first), last_cursor(&first));
        for (cursor, last) in [(cursor.clone(), None), (None, cursor.clone())] {
            web.forget();
            let second = again(&source, &stored, cursor, last).await;
            assert_eq!(paths(&web, &second), of(["/", "/tagged", "/plain", "/deep"]));
            let tags: Vec<_> =
                web.requests().iter().filter_map(|request| request.header("if-none-match").map(str::to_owned)).collect();
            assert_eq!(tags, ["\"home\"", "W/\"1\""]);
            assert_eq!((second[0].bytes, second[0].scope.is_some()), (0, chunked));
            // What it leaves serves the third.
            assert_eq!(last_cursor(&second), last_cursor(&first));
        }
    }
}

#[tokio::test]
async fn without_a_cursor_pages_are_compared() {
    let web = site().await;
    let first = pages(&crawl(&web, "/")).await;
    web.forget();
    let second = again(&crawl(&web, "/"), &Stored::of(&first), None, None).await;
    assert_eq!(paths(&web, &second), ["=/", "=/tagged", "=/plain", "=/deep"]);
    assert!(web.requests().iter().all(|request| request.header("if-none-match").is_none()));
    // Another way to cut is another text.
    let chunked = again(&crawl(&web, "/").chunk(100).unwrap(), &Stored::of(&first), last_cursor(&first), None).await;
    assert_eq!(paths(&web, &chunked), ["/#0", "/tagged#0", "/plain#0", "/deep#0"]);
}

#[tokio::test]
async fn what_changed_is_said() {
    let web = site().await;
    let source = crawl(&web, "/").chunk(100).unwrap();
    let first = pages(&source).await;
    let (stored, cursor) = (Stored::of(&first), last_cursor(&first));
    // A page changes, one goes, one comes, and a link leads elsewhere.
    web.route("/tagged", [Reply::html("other <a href=/new>n</a>").etag("W/\"2\"")]);
    web.route("/plain", [Reply::status(404)]);
    web.page("/new", "new");
    let second = again(&source, &stored, cursor, None).await;
    assert_eq!(paths(&web, &second), ["=/#0", "/tagged#0", "/new#0"]);
    assert!(second.iter().all(|page| page.incomplete.is_none()));
}

#[tokio::test]
async fn a_tag_is_used_only_where_the_page_is_stored_as_it_was() {
    let web = site().await;
    let source = crawl(&web, "/").chunk(100).unwrap();
    let first = pages(&source).await;
    let mut stored = Stored::of(&first);
    stored.0.remove(&web.url("/#0"));
    stored.0.insert(web.url("/tagged#0"), "older".to_owned());
    web.forget();
    let second = again(&source, &stored, last_cursor(&first), None).await;
    assert_eq!(paths(&web, &second), ["/#0", "/tagged#0", "=/plain#0", "=/deep#0"]);
    assert!(web.requests().iter().all(|request| request.header("if-none-match").is_none()));
}

#[tokio::test]
async fn pages_that_change_while_they_are_read_end_well() {
    let web = Web::start().await.unwrap();
    web.route("/", [Reply::html("<a href=/a>a</a>").etag("\"1\""), Reply::html("<a href=/b>b</a>").etag("\"2\"")]);
    web.route("/a", [Reply::html("one"), Reply::html("two"), Reply::status(404)]);
    web.page("/b", "b");
    let source = crawl(&web, "/");
    let first = pages(&source).await;
    assert_eq!(paths(&web, &first), ["/", "/a"]);
    let second = again(&source, &Stored::of(&first), last_cursor(&first), None).await;
    assert_eq!(paths(&web, &second), ["/", "/b"]);
}

#[tokio::test]
async fn cursors_of_others_are_refused_or_say_nothing() {
    let web = site().await;
    let first = pages(&crawl(&web, "/")).await;
    web.forget();
    let foreign = Position { cursor: Some("{\"file\":\"a\"}".to_owned()), ..Position::start() };
    let (none, error) = read(&crawl(&web, "/"), foreign).await;
    assert!(none.is_empty() && error.unwrap().kind() == ErrorKind::InvalidInput);
    assert!(web.requests().is_empty());
    let other = crawl(&web, "/").path_regex("tagged|deep|^/$").unwrap();
    let read = again(&other, &Stored::of(&first), last_cursor(&first), Some("17".to_owned())).await;
    assert_eq!(paths(&web, &read), ["=/", "=/tagged", "=/deep"]);
    assert!(web.requests().iter().all(|request| request.header("if-none-match").is_none()));
}

/// A store that cannot be reached.
#[derive(Debug)]
struct Down;

#[async_trait]
impl Known for Down {
    async fn versions(&self, _: &[String]) -> Result<HashMap<String, String>> {
        Err(Error::unavailable("the store is down").with_operation("list_stakes"))
    }
}

#[tokio::test]
async fn a_failure_of_the_store_is_none_of_the_site() {
    let web = site().await;
    let first = pages(&crawl(&web, "/")).await;
    for cursor in [None, last_cursor(&first)] {
        let (none, error) = read(&crawl(&web, "/"), Position { cursor, known: Some(&Down), ..Position::start() }).await;
        assert!(none.is_empty());
        assert_eq!(error.unwrap().operation(), Some("list_stakes"));
    }
}
