//! How pages follow each other, and where they end.

use super::{behind, ids, local, pages, read, refused, source};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::{Reply, Request};
use mastra_sync::source::http::{HttpSource, Pagination};
use mastra_sync::source::web::Secret;
use mastra_sync::source::{Item, Position};
use serde_json::{Value, json};

/// So many items, parted into pages by a function of the request.
fn items(count: u64) -> Vec<Value> {
    (1..=count).map(|id| json!({ "id": id })).collect()
}

fn number(request: &Request, name: &str, default: usize) -> usize {
    request.query(name).map_or(default, |text| text.parse().unwrap())
}

#[tokio::test]
async fn a_list_without_pages_is_one_page() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!({ "data": { "rows": items(3) } })).chunked()]);
    let read = pages(&source(&web.url("/items?sort=id#top")).items("data.rows").query("q", "a b&c")).await;
    assert_eq!(ids(&read), ["1", "2", "3"]);
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].bytes, json!({ "data": { "rows": items(3) } }).to_string().len() as u64);
    assert_eq!(web.requests()[0].target, "/items?sort=id&q=a+b%26c");
    assert_eq!(web.requests()[0].header("accept"), Some("application/json"));
    // A byte order mark is none of the list.
    web.route("/items", [Reply::bytes("application/json", "\u{feff}[{\"id\": \"x\"}]")]);
    assert_eq!(ids(&pages(&source(&web.url("/items"))).await), ["x"]);
}

#[tokio::test]
async fn cursors_are_followed_to_their_end_and_from_the_middle() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| match request.query("after") {
        None => Reply::json(&json!({ "rows": [{ "id": "a" }], "paging": { "next": "c 1&x" } })),
        Some("c+1%26x") => Reply::json(&json!({ "rows": [], "paging": { "next": 17 } })),
        Some("17") => Reply::json(&json!({ "rows": [{ "id": "b" }], "paging": { "next": null } })),
        Some(_) => Reply::status(400),
    });
    let source =
        source(&web.url("/items")).items("rows").pagination(Pagination::cursor("paging.next", "after")).page_size("n", 1);
    let all = pages(&source).await;
    // An empty page in the middle is no end.
    assert_eq!((ids(&all).join(" "), all.len()), ("a b".to_owned(), 3));
    assert!(web.requests().iter().all(|request| request.query("n") == Some("1")));
    let (rest, error) = read(&source, behind(all[0].cursor.as_deref().unwrap())).await;
    assert!(error.is_none());
    assert_eq!((ids(&rest).join(" "), rest.len()), ("b".to_owned(), 2));
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_an_error() {
    for cursors in [&["x", "x"][..], &["x", "y", "x"]] {
        let web = Web::start().await.unwrap();
        let replies = cursors.iter().map(|next| Reply::json(&json!({ "rows": items(1), "next": next })));
        web.route("/items", replies.collect::<Vec<_>>());
        let source = source(&web.url("/items")).items("rows").pagination(Pagination::cursor("next", "after"));
        let (pages, error) = read(&source, Position::start()).await;
        let error = error.unwrap();
        assert_eq!(
            (pages.len(), error.kind(), error.is_retryable()),
            (cursors.len(), ErrorKind::Unavailable, false),
            "{cursors:?}"
        );
    }
}

#[tokio::test]
async fn numbered_pages_end_with_an_empty_one_or_a_404() {
    for last in [Reply::json(&json!([])), Reply::status(404)] {
        let web = Web::start().await.unwrap();
        web.answer("/items", move |request| match number(request, "page", 0) {
            // The server gives fewer than it was asked for, and a short page in the middle.
            1 => Reply::json(&json!([{ "id": 1 }, { "id": 2 }])),
            2 => Reply::json(&json!([{ "id": 3 }])),
            3 => Reply::json(&json!([{ "id": 4 }, { "id": 5 }])),
            _ => last.clone(),
        });
        let source = source(&web.url("/items")).pagination(Pagination::page("page")).page_size("size", 100);
        let all = pages(&source).await;
        assert_eq!(ids(&all), ["1", "2", "3", "4", "5"]);
        assert_eq!(web.requests().iter().map(|request| number(request, "page", 0)).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let (rest, _) = read(&source, behind(all[1].cursor.as_deref().unwrap())).await;
        assert_eq!(ids(&rest), ["4", "5"]);
    }
}

#[tokio::test]
async fn a_404_for_the_first_page_is_an_error() {
    let web = Web::start().await.unwrap();
    assert_eq!(super::kind(&source(&web.url("/items")).pagination(Pagination::page("page"))).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn offsets_count_what_came() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| {
        let (from, all) = (number(request, "offset", 0), items(7));
        // 3 a page, though 5 are asked for.
        Reply::json(&json!({ "rows": all[from.min(7)..(from + 3).min(7)] }))
    });
    let source = source(&web.url("/items")).items("rows").pagination(Pagination::offset("offset")).page_size("limit", 5);
    assert_eq!(ids(&pages(&source).await), ["1", "2", "3", "4", "5", "6", "7"]);
    let offsets: Vec<_> = web.requests().iter().map(|request| number(request, "offset", 0)).collect();
    assert_eq!(offsets, [0, 3, 6, 7]);
}

#[tokio::test]
async fn a_last_page_that_repeats_is_an_error_unless_short_pages_end() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| match number(request, "page", 0) {
        1 => Reply::json(&json!([{ "id": 1 }, { "id": 2 }])),
        _ => Reply::json(&json!([{ "id": 3 }])),
    });
    let source = source(&web.url("/items")).pagination(Pagination::page("page")).page_size("size", 2).max_pages(10);
    let (before, error) = read(&source, Position::start()).await;
    assert_eq!((before.len(), error.unwrap().kind()), (2, ErrorKind::Unavailable));
    assert_eq!(ids(&pages(&source.short_page_ends()).await), ["1", "2", "3"]);
}

#[tokio::test]
async fn links_are_followed_wherever_they_lead_from() {
    let web = Web::start().await.unwrap();
    let next = "<?page=2&key=echoed>; rel=\"next\", </other>; rel=\"last\"";
    web.route("/items", [Reply::json(&json!(items(1))).header("link", next)]);
    web.route("/items?page=2&key=k", [Reply::json(&json!([{ "id": 2 }])).header("link", "</items>; rel=\"prev first\"")]);
    let source = source(&web.url("/items")).pagination(Pagination::Link).secret_query("key", Secret::value("k"));
    let all = pages(&source).await;
    assert_eq!(ids(&all), ["1", "2"]);
    let cursor = all[0].cursor.as_deref().unwrap();
    assert!(!cursor.contains("echoed") && !cursor.contains("key"), "{cursor}");
    assert_eq!(ids(&read(&source, behind(cursor)).await.0), ["2"]);
}

#[tokio::test]
async fn links_in_a_circle_are_an_error() {
    let web = Web::start().await.unwrap();
    web.route("/a", [Reply::json(&json!(items(1))).header("link", "</b>; rel=next")]);
    web.route("/b", [Reply::json(&json!(items(1))).header("link", "</a>; rel=next")]);
    let (before, error) = read(&source(&web.url("/a")).pagination(Pagination::Link), Position::start()).await;
    assert_eq!((before.len(), error.unwrap().kind()), (2, ErrorKind::Unavailable));
    assert_eq!((web.hits("/a"), web.hits("/b")), (1, 1));
}

#[tokio::test]
async fn urls_in_the_answer_are_followed() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!({ "rows": items(1), "links": { "next": "items/2?x=y" } }))]);
    web.route("/items/2?x=y", [Reply::json(&json!({ "rows": [{ "id": 2 }], "links": {} }))]);
    let source = source(&web.url("/items")).items("rows").pagination(Pagination::next_url("links.next"));
    assert_eq!(ids(&pages(&source).await), ["1", "2"]);
}

#[tokio::test]
async fn too_many_pages_are_an_error() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| Reply::json(&json!([{ "id": number(request, "page", 0) }])));
    let source = source(&web.url("/items")).pagination(Pagination::page("page")).max_pages(3);
    let (before, error) = read(&source, Position::start()).await;
    let error = error.unwrap();
    assert_eq!((before.len(), error.kind(), error.get("max_pages")), (2, ErrorKind::InvalidInput, Some("3")));
    let limited = pages(&source.limit(100)).await;
    assert_eq!(limited.len(), 3);
    assert!(limited[2].incomplete.as_deref().unwrap().contains("3 pages") && limited[2].cursor.is_none());
}

#[tokio::test]
async fn a_limit_says_what_it_leaves_out() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| match number(request, "page", 0) {
        page @ 1..=2 => Reply::json(&json!([{ "id": page * 2 - 1 }, { "id": page * 2 }])),
        _ => Reply::json(&json!([])),
    });
    let source = |limit| source(&web.url("/items")).pagination(Pagination::page("page")).limit(limit);
    for (limit, seen, incomplete) in [(1, 1, true), (2, 2, true), (3, 3, true), (5, 4, false)] {
        let read = pages(&source(limit)).await;
        assert_eq!(ids(&read).len(), seen, "{limit}");
        let last = read.last().unwrap();
        assert_eq!((last.incomplete.is_some(), last.cursor.is_none()), (incomplete, incomplete), "{limit}");
    }
    web.route("/all", [Reply::json(&json!(items(2)))]);
    let all = HttpSource::new(&web.url("/all")).unwrap().web(local());
    assert!(pages(&all.clone().limit(2)).await[0].incomplete.is_none(), "nothing is left out");
    assert!(pages(&all.limit(1)).await[0].incomplete.is_some());
}

#[tokio::test]
async fn items_without_a_usable_id_are_set_aside_and_those_of_no_field_are_raw() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!([{ "id": "a" }, { "id": null }, 7, { "id": "b", "gone": true }, { "x": 1 }]))]);
    let source = source(&web.url("/items")).deleted_field("gone");
    let read = pages(&source).await;
    assert_eq!(ids(&read), ["a", "!", "!", "-b", "!"]);
    let Item::Failed { raw, error, .. } = &read[0].items[1] else { panic!("it failed") };
    assert_eq!((raw, error.kind()), (&json!({ "id": null }), ErrorKind::InvalidInput));
    let raw = pages(&HttpSource::new(&web.url("/items")).unwrap().web(local())).await;
    assert_eq!(ids(&raw)[0], r#"{"id":"a"}"#);
    assert_eq!(ids(&raw)[2], "!");
}

#[tokio::test]
async fn an_answer_without_the_list_is_no_empty_page() {
    let web = Web::start().await.unwrap();
    for (reply, told) in [
        (Reply::json(&json!({ "error": "x" })), "rows"),
        (Reply::json(&json!({ "rows": null })), "rows"),
        (Reply::json(&json!({ "rows": { "a": 1 } })), "rows"),
        (Reply::bytes("application/json", "{\"rows\": [{\"id\": \"secret-data\"},"), "line"),
        (Reply::html("<html>secret-data: log in</html>"), "text/html"),
        (Reply::status(204), "not JSON"),
        (Reply::bytes("application/json", "{\"rows\": []} secret-data"), "column"),
        (Reply::bytes("application/json", vec![0xff, 0xfe]), "not JSON"),
    ] {
        web.route("/items", [reply]);
        let error = refused(&source(&web.url("/items")).items("rows")).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(told), "{error}");
        assert!(!format!("{error:?}").contains("secret-data"), "{error:?}");
    }
    assert_eq!(web.hits("/items"), 8, "what was refused is not asked for again");
}

#[tokio::test]
async fn options_that_cannot_be_are_refused_before_the_server_is_asked() {
    let web = Web::start().await.unwrap();
    let url = web.url("/items");
    let plain = || HttpSource::new(&url).unwrap().web(local());
    for source in [
        plain().items("a..b"),
        plain().id_field(""),
        plain().deleted_field("gone"),
        plain().version_field("v"),
        plain().short_page_ends(),
        plain().page_size("n", 0),
        plain().pagination(Pagination::cursor("", "after")),
        plain().since("since", "."),
        plain().web(local().header("a b", Secret::value("x"))),
        plain().web(local().bearer(Secret::value("line\nbreak"))),
    ] {
        let error = refused(&source).await;
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{source:?}");
        assert_eq!(source.check().unwrap_err().to_string(), error.to_string().replace("read_http: ", ""));
    }
    assert!(web.requests().is_empty());
    for url in ["", "ftp://a.org", "items.json", "http://", "https://user:hunter2@a.org/"] {
        let error = HttpSource::new(url).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidInput && !format!("{error:?}").contains("hunter2"), "{url}");
    }
}
