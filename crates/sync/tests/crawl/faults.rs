//! Pages that cannot be read.

use super::{crawl, local, pages, paths, read, refused};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::source::{Item, Position};
use std::time::Duration;

/// A page with a link to `/x` and one to `/last`.
async fn site(x: Reply) -> Web {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=/x>x</a><a href=/last>l</a>");
    web.page("/last", "last");
    web.route("/x", [x]);
    web
}

#[tokio::test]
async fn what_is_gone_is_left_out() {
    for gone in [404, 410] {
        let web = site(Reply::status(gone)).await;
        let read = pages(&crawl(&web, "/")).await;
        assert_eq!(paths(&web, &read), ["/", "/last"]);
        assert!(read.iter().all(|page| page.incomplete.is_none()));
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_the_crawl_incomplete() {
    let page = || Reply::html("<p>half of this</p>");
    for (fault, kind, hits) in [
        (Reply::status(500), ErrorKind::Unavailable, 2),
        (Reply::status(403), ErrorKind::PermissionDenied, 1),
        (Reply::status(400), ErrorKind::InvalidInput, 1),
        (page().cut(), ErrorKind::Unavailable, 2),
        (page().cut_chunked(), ErrorKind::Unavailable, 2),
        (Reply::drop_connection(), ErrorKind::Unavailable, 2),
        (Reply::redirect("/x"), ErrorKind::Unavailable, 1),
        (Reply::html(&"x".repeat(10_000)), ErrorKind::InvalidInput, 1),
        (Reply::bytes("text/html; charset=shift_jis", "x"), ErrorKind::Unsupported, 1),
    ] {
        let web = site(fault.clone()).await;
        let read = pages(&crawl(&web, "/").web(local().max_body(5_000))).await;
        assert_eq!(paths(&web, &read), ["/", "!/x", "/last"], "{fault:?}");
        let Item::Failed { error, .. } = &read[1].items[0] else { panic!("it failed") };
        assert_eq!((error.kind(), error.get("url")), (kind, Some(web.url("/x").as_str())), "{fault:?}");
        assert!(read[1].incomplete.is_some() && read[1].scope.is_none());
        assert_eq!(web.hits("/x"), hits, "{fault:?}");
    }
}

#[tokio::test]
async fn a_page_that_never_comes_is_set_aside() {
    let web = site(Reply::hang()).await;
    let read = pages(&crawl(&web, "/").web(local().timeout(Duration::from_secs(2)).attempts(1))).await;
    assert_eq!(paths(&web, &read), ["/", "!/x", "/last"]);
    let Item::Failed { error, .. } = &read[1].items[0] else { panic!("it failed") };
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(read[1].incomplete.is_some());
}

#[tokio::test]
async fn what_fails_once_is_read() {
    let web = site(Reply::status(404)).await;
    web.route("/x", [Reply::status(503).header("retry-after", "0"), Reply::html("x")]);
    let read = pages(&crawl(&web, "/")).await;
    assert_eq!(paths(&web, &read), ["/", "/x", "/last"]);
    assert!(read.iter().all(|page| page.incomplete.is_none()));
}

#[tokio::test]
async fn a_start_that_cannot_be_read_is_an_error() {
    for (fault, kind) in [
        (Reply::status(404), ErrorKind::NotFound),
        (Reply::status(500), ErrorKind::Unavailable),
        (Reply::status(401), ErrorKind::PermissionDenied),
        (Reply::redirect("/x"), ErrorKind::Unavailable),
        (Reply::html("x").cut(), ErrorKind::Unavailable),
    ] {
        let web = site(fault.clone()).await;
        assert_eq!(refused(&crawl(&web, "/x")).await.kind(), kind, "{fault:?}");
    }
    // Nobody listens there.
    let source = CrawlSource::new("http://127.0.0.1:1/").unwrap().web(local());
    assert_eq!(refused(&source).await.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_site_that_stopped_answering_ends_the_crawl() {
    let web = Web::start().await.unwrap();
    let links: String = (0..30).map(|number| format!("<a href=/{number}>x</a>")).collect();
    web.page("/", &links);
    for number in 0..30 {
        web.route(&format!("/{number}"), [if number == 5 { Reply::html("well") } else { Reply::status(500) }]);
    }
    let (pages, error) = read(&crawl(&web, "/"), Position::start()).await;
    let error = error.unwrap();
    assert_eq!((error.kind(), error.get("pages_in_a_row")), (ErrorKind::Unavailable, Some("10")));
    assert_eq!(paths(&web, &pages).len(), 1 + 5 + 1 + 9);
}
