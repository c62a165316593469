//! Which addresses are asked, where redirects lead, and what goes along.

use super::{ids, kind, local, pages, refused, source};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::http::Pagination;
use mastra_sync::source::web::{Secret, WebOptions};
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};

fn good() -> Reply {
    Reply::json(&json!([{ "id": 1 }]))
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let web = Web::start().await.unwrap();
    web.route("/items", [good()]);
    let port = web.port();
    for host in
        ["127.0.0.1", "127.1", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1"]
    {
        let error = refused(&source(&format!("http://{host}:{port}/items")).web(WebOptions::new())).await;
        assert_eq!(
            (error.kind(), error.is_retryable(), error.get("attempts")),
            (ErrorKind::PermissionDenied, false, None),
            "{host}: {error}"
        );
        assert!(error.to_string().contains("allow_private_addresses"), "{error}");
    }
    assert!(web.requests().is_empty());
    assert_eq!(ids(&pages(&source(&web.url("/items"))).await), ["1"]);
    assert_eq!(ids(&pages(&source(&format!("http://localhost:{port}/items"))).await), ["1"]);
}

#[tokio::test]
async fn an_address_is_checked_again_behind_redirects_and_links() {
    let web = Web::start().await.unwrap();
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let only_here = || WebOptions::new().allow_private_address(here);
    // The other address would be this server too, if it were asked.
    let other = format!("http://127.0.0.2:{}/items", web.port());
    web.route("/items", [good()]);
    web.route("/redirect", [Reply::redirect(&other)]);
    web.route("/link", [good().header("link", &format!("<{other}>; rel=next"))]);
    assert_eq!(ids(&pages(&source(&web.url("/items")).web(only_here())).await), ["1"]);
    web.forget();
    assert_eq!(kind(&source(&web.url("/redirect")).web(only_here())).await, ErrorKind::PermissionDenied);
    let linked = source(&web.url("/link")).pagination(Pagination::Link).web(only_here());
    let (before, error) = super::read(&linked, mastra_sync::source::Position::start()).await;
    assert_eq!((before.len(), error.unwrap().kind()), (1, ErrorKind::PermissionDenied));
    assert_eq!(web.hits("/items"), 0);
}

#[tokio::test]
async fn redirects_are_followed_five_times_and_never_in_a_circle() {
    let web = Web::start().await.unwrap();
    for hop in 0..6 {
        web.route(&format!("/{hop}"), [Reply::redirect(&format!("{}?x#y", hop + 1))]);
    }
    web.route("/6", [good()]);
    assert_eq!(ids(&pages(&source(&web.url("/1"))).await), ["1"]);
    let error = refused(&source(&web.url("/0"))).await;
    assert_eq!((error.kind(), error.is_retryable(), error.get("redirects")), (ErrorKind::Unavailable, false, Some("5")));
    web.route("/a", [Reply::redirect("/b")]);
    web.route("/b", [Reply::status(307).header("location", "/a")]);
    web.route("/self", [Reply::redirect("self")]);
    for path in ["/a", "/self"] {
        let error = refused(&source(&web.url(path))).await;
        assert!(error.message().contains("circle") && !error.is_retryable(), "{error}");
    }
    for location in ["file:///etc/passwd", "ftp://127.0.0.1/", "http://"] {
        web.route("/off", [Reply::redirect(location)]);
        assert_eq!(kind(&source(&web.url("/off"))).await, ErrorKind::Unavailable, "{location}");
    }
}

#[tokio::test]
async fn keys_go_to_the_host_of_the_source_alone() {
    let (home, other) = (Web::start().await.unwrap(), Web::start().await.unwrap());
    let keyed = local().bearer(Secret::value("hunter2")).header("X-Api-Key", Secret::value("hunter3"));
    let source = |path: &str| source(&home.url(path)).web(keyed.clone()).secret_query("key", Secret::value("hunter4"));
    home.route("/items", [good()]);
    home.route("/moved", [Reply::redirect("/items")]);
    home.route("/away", [Reply::redirect(&other.url("/back"))]);
    home.route("/linked", [good().header("link", &format!("<{}>; rel=next", other.url("/items")))]);
    other.route("/back", [Reply::redirect(&home.url("/items?returned"))]);
    other.route("/items", [good()]);

    pages(&source("/moved")).await;
    assert!(home.requests().iter().all(|request| request.header("authorization") == Some("Bearer hunter2")));
    assert!(home.requests().iter().all(|request| request.header("x-api-key") == Some("hunter3")));
    assert_eq!(home.requests()[0].query("key"), Some("hunter4"));

    home.forget();
    pages(&source("/away")).await;
    let last = home.requests().pop().unwrap();
    // Who was elsewhere comes back without.
    assert_eq!((last.target.as_str(), last.header("authorization"), last.header("x-api-key")), ("/items?returned", None, None));

    pages(&source("/linked").pagination(Pagination::Link)).await;
    assert_eq!(other.requests().len(), 2);
    for request in other.requests() {
        let all = format!("{request:?}");
        assert!(!all.contains("hunter"), "{all}");
    }
}

#[tokio::test]
async fn keys_come_from_the_environment_and_are_shown_nowhere() {
    let web = Web::start().await.unwrap();
    web.route("/items", [good()]);
    // What every run of these tests has set.
    let from_env = || Secret::env("CARGO_PKG_NAME");
    let auth = |web: &Web| web.requests().last().unwrap().header("authorization").map(str::to_owned);
    pages(&source(&web.url("/items")).web(local().bearer(from_env()))).await;
    assert_eq!(auth(&web).as_deref(), Some("Bearer mastra-sync"));
    pages(&source(&web.url("/items")).web(local().basic("user", Secret::value("open sesame")))).await;
    assert_eq!(auth(&web).as_deref(), Some("Basic dXNlcjpvcGVuIHNlc2FtZQ=="));

    web.forget();
    let missing = Secret::env("MASTRA_SYNC_NO_SUCH_VARIABLE");
    for source in [
        source(&web.url("/items")).web(local().bearer(missing.clone())),
        source(&web.url("/items")).web(local().header("x-api-key", missing.clone())),
        source(&web.url("/items")).secret_query("key", missing.clone()),
    ] {
        let error = refused(&source).await;
        assert_eq!((error.kind(), error.get("variable")), (ErrorKind::InvalidInput, Some("MASTRA_SYNC_NO_SUCH_VARIABLE")));
    }
    assert!(web.requests().is_empty());

    let source = source(&web.url("/items?token=hunter2"))
        .query("k", "hunter2")
        .secret_query("key", Secret::value("hunter2"))
        .web(local().bearer(Secret::value("hunter2")));
    assert!(!format!("{source:?}").contains("hunter2"), "{source:?}");
    let page = pages(&source).await.pop().unwrap();
    assert!(!page.cursor.unwrap().contains("hunter2"));
}
