//! What of a site is read, and what its records hold.

use super::{crawl, last_cursor, pages, paths};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_rag::chunk::{ChunkerConfig, Strategy};
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::source::{Item, Scope};
use serde_json::{Value, json};

fn data(item: &Item) -> &Value {
    let Item::Record { data, .. } = item else { panic!("{item:?} is no record") };
    data
}

#[tokio::test]
async fn a_site_is_read_breadth_first_and_each_page_once() {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=b>b</a> <a href='/a#x'>a</a> <a href='./?'>home</a> <a href='/q?b=2&a=1'>q</a>");
    web.page("/b", "<a href=/c>c</a> <a href=/a#y>a</a>");
    web.page(
        "/a",
        "<a href='http://user@127.0.0.1:1/'>x</a> <a href='mailto:a@b.org'>m</a> <a href='/q?a=1&b=2#z'>q</a> <a href=/d>d</a>",
    );
    for path in ["/c", "/d", "/q"] {
        web.page(path, "end");
    }
    let crawl = crawl(&web, "/#top");
    for concurrency in [1, 4] {
        web.forget();
        let read = pages(&crawl.clone().concurrency(concurrency)).await;
        assert_eq!(paths(&web, &read), ["/", "/b", "/a", "/q?a=1&b=2", "/c", "/d"]);
        assert!(read.iter().all(|page| page.incomplete.is_none() && page.scope.is_none()));
        assert_eq!(web.requests().len(), 7, "the rules and each page once");
    }
    assert_eq!(web.requests()[0].target, "/robots.txt");
    assert!(web.requests().iter().all(|request| request.header("user-agent").unwrap().starts_with("mastra-sync/")));
}

#[tokio::test]
async fn records_hold_the_main_content() {
    let web = Web::start().await.unwrap();
    web.page("/", "<title>Tea &amp; more</title><nav><a href=/md>md</a><a href=/txt>txt</a></nav><main><h1>Tea</h1><p>Green.</main><footer>©</footer>");
    web.route("/md", [Reply::bytes("text/markdown", "# Oolong\n\n[no link](/nowhere)\n")]);
    web.route("/txt", [Reply::text("plain & simple")]);
    let read = pages(&crawl(&web, "/")).await;
    let records: Vec<&Value> = read.iter().map(|page| data(&page.items[0])).collect();
    assert_eq!(*records[0], json!({ "url": web.url("/"), "title": "Tea & more", "text": "# Tea\n\nGreen.\n" }));
    assert_eq!(*records[1], json!({ "url": web.url("/md"), "title": "Oolong", "text": "# Oolong\n\n[no link](/nowhere)\n" }));
    assert_eq!(*records[2], json!({ "url": web.url("/txt"), "text": "plain & simple" }));
    assert!(read[0].bytes > 100);
    assert_eq!(web.hits("/nowhere"), 0);
}

#[tokio::test]
async fn pages_are_cut_into_chunks_that_replace_each_other() {
    let web = Web::start().await.unwrap();
    let sections: String = (0..3).map(|number| format!("<h2>Part {number}</h2><p>{}</p>", "word ".repeat(20))).collect();
    web.page("/", &format!("<title>T</title>{sections}<a href=/empty>e</a>"));
    web.page("/empty", "");
    let source = crawl(&web, "/").chunker(ChunkerConfig::new().strategy(Strategy::Markdown).max_size(8_190)).unwrap();
    let read = pages(&source).await;
    assert_eq!(paths(&web, &read), ["/#0", "/#1", "/#2"]);
    assert_eq!(read[0].scope, Some(Scope::new("url", web.url("/"))));
    let chunk = data(&read[0].items[1]);
    assert_eq!((&chunk["url"], &chunk["title"], &chunk["chunk"]), (&json!(web.url("/")), &json!("T"), &json!(1)));
    assert!(chunk["text"].as_str().unwrap().starts_with("## Part 1\n\nword"));
    // A page without text has no chunk, and so none of what it had.
    assert_eq!((read[1].items.len(), &read[1].scope), (0, &Some(Scope::new("url", web.url("/empty")))));

    let small = pages(&crawl(&web, "/").chunk(50).unwrap()).await;
    assert!(small[0].items.len() > 3);
    assert!(small[0].items.iter().all(|item| data(item)["text"].as_str().unwrap().chars().count() <= 50));
    assert_eq!(crawl(&web, "/").chunk(0).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_pattern_of_paths_bounds_what_is_followed_and_kept() {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=/docs/a>a</a> <a href=/blog>b</a>");
    web.page("/docs/a", "<a href=/docs/b?x=/blog>b</a> <a href=/blog>b</a>");
    web.page("/docs/b", "end");
    let read = pages(&crawl(&web, "/").path_regex("^/docs/").unwrap()).await;
    assert_eq!(paths(&web, &read), ["/docs/a", "/docs/b?x=/blog"]);
    assert_eq!(web.hits("/blog"), 0);
    let error = CrawlSource::new("https://a.org").unwrap().path_regex("(").unwrap_err();
    assert_eq!((error.kind(), error.get("path_regex")), (ErrorKind::InvalidInput, Some("(")));
}

#[tokio::test]
async fn a_limit_says_what_it_leaves_out() {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=/a>a</a><a href=/b>b</a>");
    web.page("/a", "a");
    web.page("/b", "b");
    for (limit, concurrency, incomplete) in [(1, 1, true), (2, 1, true), (2, 8, true), (3, 1, false), (3, 8, false)] {
        let read = pages(&crawl(&web, "/").limit(limit).concurrency(concurrency)).await;
        assert_eq!(paths(&web, &read).len(), limit);
        assert_eq!(read.iter().any(|page| page.incomplete.is_some()), incomplete, "{limit}");
    }
}

#[tokio::test]
async fn only_the_host_and_port_of_the_start_are_read_behind_redirects_too() {
    let (web, other) = (Web::start().await.unwrap(), Web::start().await.unwrap());
    other.page("/", "other");
    let links = ["/away", "/moved", "/moved-too", "/there", &other.url("/"), &format!("http://localhost:{}/x", web.port())];
    let links: String = links.iter().map(|link| format!("<a href='{link}'>x</a>")).collect();
    web.page("/", &links);
    web.route("/away", [Reply::redirect(&other.url("/"))]);
    web.route("/moved", [Reply::redirect("/there#x")]);
    web.route("/moved-too", [Reply::redirect("/only-here")]);
    web.page("/there", "there");
    web.page("/only-here", "here");
    let read = pages(&crawl(&web, "/")).await;
    assert_eq!(paths(&web, &read), ["/", "/only-here", "/there"]);
    assert!(other.requests().is_empty());
    assert_eq!(web.hits("/x"), 0);
}

#[tokio::test]
async fn a_start_that_moved_to_another_host_is_the_site() {
    let (old, new) = (Web::start().await.unwrap(), Web::start().await.unwrap());
    old.route("/", [Reply::redirect(&new.url("/home"))]);
    new.page("/home", &format!("<a href=/a>a</a><a href='{}'>old</a>", old.url("/x")));
    new.page("/a", "a");
    let read = pages(&crawl(&old, "/")).await;
    assert_eq!(paths(&new, &read), ["/home", "/a"]);
    assert_eq!((new.hits("/robots.txt"), old.hits("/x")), (1, 0));

    new.route("/home", [Reply::redirect(&old.url("/"))]);
    let error = super::refused(&crawl(&old, "/")).await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, false));
}

#[tokio::test]
async fn other_types_are_passed_over_without_their_bodies() {
    let web = Web::start().await.unwrap();
    web.page("/", "<a href=/a.pdf>pdf</a><a href=/b>b</a><a href=/none>none</a>");
    web.route("/a.pdf", [Reply::bytes("application/pdf", "%PDF").stall()]);
    web.route("/none", [Reply::status(200)]);
    web.page("/b", "b");
    let read = pages(&crawl(&web, "/")).await;
    assert_eq!(paths(&web, &read), ["/", "/b"]);
    assert!(read.iter().all(|page| page.incomplete.is_none()));
    assert_eq!(web.hits("/a.pdf"), 1);
    let error = super::refused(&crawl(&web, "/a.pdf")).await;
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn only_the_end_of_a_crawl_has_a_cursor() {
    let web = Web::start().await.unwrap();
    web.route("/", [Reply::html("<a href=/a>a</a>").etag("\"1\"")]);
    web.page("/a", "a");
    let read = pages(&crawl(&web, "/")).await;
    assert!(read[..read.len() - 1].iter().all(|page| page.cursor.is_none()));
    assert!(last_cursor(&read).is_some() && read.last().unwrap().items.is_empty());
}
