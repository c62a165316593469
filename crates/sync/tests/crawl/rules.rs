//! What a site lets be read, and what is never asked.

use super::{crawl, local, pages, paths, refused};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::source::web::{Secret, WebOptions};
use std::time::{Duration, Instant};

async fn site() -> Web {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=/open>o</a><a href=/private/x>p</a><a href=/to-private>t</a>");
    web.page("/open", "open");
    web.page("/private/x", "private");
    web.route("/to-private", [Reply::redirect("/private/x")]);
    web
}

#[tokio::test]
async fn what_robots_forbid_is_not_asked_for() {
    let web = site().await;
    web.route(
        "/robots.txt",
        [Reply::text("User-agent: *\nDisallow: /\n\nUser-agent: Mastra-Sync\nDisallow: /private/\nAllow: /\n")],
    );
    assert_eq!(paths(&web, &pages(&crawl(&web, "/")).await), ["/", "/open"]);
    assert_eq!(web.hits("/private/x"), 0);
    assert_eq!(web.hits("/robots.txt"), 1);

    web.route("/robots.txt", [Reply::text("User-agent: *\nDisallow: /\n")]);
    let error = refused(&crawl(&web, "/")).await;
    assert_eq!((error.kind(), error.get("agent")), (ErrorKind::PermissionDenied, Some("mastra-sync")));
    web.route("/robots.txt", [Reply::text("User-agent: *\nDisallow: /private\n")]);
    assert_eq!(refused(&crawl(&web, "/to-private")).await.kind(), ErrorKind::PermissionDenied);
    assert_eq!(web.hits("/private/x"), 0);
}

#[tokio::test]
async fn no_rules_allow_everything_and_unknown_rules_nothing() {
    let web = site().await;
    for none in [
        Reply::status(404),
        Reply::status(401),
        Reply::status(410),
        Reply::redirect("/robots.txt"),
        Reply::html("<html>no such page"),
    ] {
        web.route("/robots.txt", [none.clone()]);
        let read = pages(&crawl(&web, "/")).await;
        assert_eq!(paths(&web, &read), ["/", "/open", "/private/x"], "{none:?}");
    }
    web.forget();
    for fails in
        [Reply::status(500), Reply::status(503), Reply::status(429), Reply::drop_connection(), Reply::text("User-agent: *").cut()]
    {
        web.route("/robots.txt", [fails.clone()]);
        let error = refused(&crawl(&web, "/")).await;
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true), "{fails:?}");
        assert!(error.message().contains("robots.txt"), "{error}");
    }
    assert_eq!(web.hits("/"), 0);
    // It fails once, and then goes well.
    web.route("/robots.txt", [Reply::status(500), Reply::redirect("/rules"), Reply::status(404)]);
    web.route("/rules", [Reply::text("User-agent: *\nDisallow: /private")]);
    assert_eq!(paths(&web, &pages(&crawl(&web, "/")).await), ["/", "/open"]);
}

#[tokio::test]
async fn requests_are_as_far_apart_as_the_site_asks_for_and_the_crawl_wishes() {
    let web = site().await;
    let four_pages = async |source: CrawlSource| {
        let start = Instant::now();
        assert_eq!(pages(&source).await.len(), 3);
        start.elapsed()
    };
    // Three requests behind the first: two pages, and a redirect that leads to one of them.
    let (short, long) = (Duration::from_millis(40), Duration::from_millis(80));
    web.route("/robots.txt", [Reply::text("User-agent: *\nCrawl-delay: 0.08\n")]);
    assert!(four_pages(crawl(&web, "/").delay(short)).await >= 3 * long);
    assert!(four_pages(crawl(&web, "/").concurrency(4)).await >= 3 * long);
    web.route("/robots.txt", [Reply::text("User-agent: *\nCrawl-delay: 3600\n")]);
    assert!(four_pages(crawl(&web, "/").max_crawl_delay(short)).await >= 3 * short);
    web.route("/robots.txt", [Reply::status(404)]);
    assert!(four_pages(crawl(&web, "/").delay(long)).await >= 3 * long);
}

#[tokio::test]
async fn of_long_rules_the_beginning_counts() {
    let web = site().await;
    let rules = format!("User-agent: *\nDisallow: /private\n{}", "# nothing\n".repeat(200_000));
    web.route("/robots.txt", [Reply::text(&rules)]);
    assert_eq!(paths(&web, &pages(&crawl(&web, "/").web(local().max_body(100_000))).await), ["/", "/open"]);
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let web = site().await;
    for start in [web.url("/"), format!("http://localhost:{}/", web.port())] {
        let error = refused(&CrawlSource::new(&start).unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("allow_private_addresses"), "{error}");
    }
    assert!(web.requests().is_empty());
    // A public site may not lead to a private one: the second address would be this server too.
    let here = WebOptions::new().allow_private_address([127, 0, 0, 1].into());
    web.route("/", [Reply::redirect(&format!("http://127.0.0.2:{}/open", web.port()))]);
    assert_eq!(refused(&crawl(&web, "/").web(here)).await.kind(), ErrorKind::PermissionDenied);
    assert_eq!(web.hits("/open"), 0);
}

#[tokio::test]
async fn keys_stay_on_the_host_of_the_start() {
    let (web, other) = (site().await, Web::start().await.unwrap());
    let keyed = local().bearer(Secret::value("hunter2"));
    pages(&crawl(&web, "/").web(keyed.clone())).await;
    assert!(web.requests().iter().all(|request| request.header("authorization") == Some("Bearer hunter2")));
    other.page("/", "other");
    web.route("/", [Reply::redirect(&other.url("/"))]);
    pages(&crawl(&web, "/").web(keyed)).await;
    assert!(!other.requests().is_empty());
    assert!(other.requests().iter().all(|request| request.header("authorization").is_none()));

    web.forget();
    let error = refused(&crawl(&web, "/").web(local().bearer(Secret::env("MASTRA_SYNC_NO_SUCH_VARIABLE")))).await;
    assert_eq!((error.kind(), error.get("variable")), (ErrorKind::InvalidInput, Some("MASTRA_SYNC_NO_SUCH_VARIABLE")));
    assert!(web.requests().is_empty());
}
