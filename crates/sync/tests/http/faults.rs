//! What is made again, what is not, and what never becomes a short page.

use super::{ids, kind, local, pages, refused, source};
use mastra_core::ErrorKind;
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

fn good() -> Reply {
    Reply::json(&json!([{ "id": 1 }, { "id": 2 }]))
}

#[tokio::test]
async fn what_a_repeat_can_help_is_repeated() {
    let web = Web::start().await.unwrap();
    for fault in [
        Reply::status(408),
        Reply::status(429),
        Reply::status(429).header("retry-after", "0.01"),
        Reply::status(500),
        Reply::status(502),
        Reply::status(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        Reply::status(504),
        Reply::drop_connection(),
        good().cut(),
        good().cut_chunked(),
    ] {
        web.forget();
        web.route("/items", [fault.clone(), fault.clone(), fault.clone(), fault.clone(), good()]);
        assert_eq!(ids(&pages(&source(&web.url("/items"))).await), ["1", "2"], "{fault:?}");
        assert_eq!(web.hits("/items"), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn what_goes_on_failing_is_given_up() {
    let web = Web::start().await.unwrap();
    for (fault, expected) in [
        (Reply::status(429), ErrorKind::Unavailable),
        (Reply::status(500), ErrorKind::Unavailable),
        (Reply::status(408), ErrorKind::Timeout),
        (good().cut(), ErrorKind::Unavailable),
        (good().cut_chunked(), ErrorKind::Unavailable),
        (Reply::drop_connection(), ErrorKind::Unavailable),
    ] {
        web.forget();
        web.route("/items", [fault.clone()]);
        let error = refused(&source(&web.url("/items"))).await;
        assert_eq!((error.kind(), error.is_retryable(), error.get("attempts")), (expected, true, Some("5")), "{fault:?}");
        assert_eq!(web.hits("/items"), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn what_a_repeat_cannot_help_is_not_repeated() {
    let web = Web::start().await.unwrap();
    for (status, expected) in [
        (400, ErrorKind::InvalidInput),
        (401, ErrorKind::PermissionDenied),
        (403, ErrorKind::PermissionDenied),
        (404, ErrorKind::NotFound),
        (410, ErrorKind::NotFound),
        (422, ErrorKind::InvalidInput),
        (501, ErrorKind::Unavailable),
        // Nothing was asked that it could be an answer to.
        (304, ErrorKind::Unavailable),
        // A redirect without a target.
        (302, ErrorKind::Unavailable),
    ] {
        web.forget();
        web.route("/items", [Reply::status(status)]);
        let error = refused(&source(&web.url("/items?token=hunter2"))).await;
        assert_eq!((error.kind(), error.is_retryable(), web.hits("/items")), (expected, false, 1), "{status}");
        assert_eq!(error.get("url"), Some(web.url("/items").as_str()));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let error = refused(&source("http://127.0.0.1:1/items").web(local().attempts(2))).await;
    assert_eq!((error.kind(), error.get("attempts")), (ErrorKind::Unavailable, Some("2")));
}

#[tokio::test]
async fn a_wait_past_the_longest_is_told_and_not_tried() {
    let web = Web::start().await.unwrap();
    let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(900));
    for asked in ["61", &later] {
        web.forget();
        web.route("/items", [Reply::status(429).header("retry-after", asked), good()]);
        let error = refused(&source(&web.url("/items"))).await;
        assert_eq!((error.kind(), error.is_retryable(), web.hits("/items")), (ErrorKind::Unavailable, true, 1));
        assert!(error.get("retry_after_s").unwrap().parse::<u64>().unwrap() >= 61, "{error}");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_a_timeout() {
    let web = Web::start().await.unwrap();
    let slow = source(&web.url("/items")).web(local().timeout(Duration::from_millis(500)).attempts(2));
    for fault in [Reply::hang(), good().stall(), good().slow(1, Duration::from_secs(600))] {
        web.route("/items", [fault.clone()]);
        let error = refused(&slow).await;
        assert_eq!(
            (error.kind(), error.is_retryable(), error.get("attempts")),
            (ErrorKind::Timeout, true, Some("2")),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let web = Web::start().await.unwrap();
    web.route(
        "/items",
        [Reply::status(429).header("retry-after", "0.2"), Reply::status(503).header("retry-after", "0.1"), good()],
    );
    let start = Instant::now();
    pages(&source(&web.url("/items"))).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_server_without_tls_is_no_https_server() {
    let web = Web::start().await.unwrap();
    let url = web.url("/items").replace("http://", "https://");
    // It waits for a request that it can read, which never comes.
    let options = local().attempts(1).timeout(Duration::from_millis(300));
    let kind = kind(&source(&url).web(options)).await;
    assert!(matches!(kind, ErrorKind::Timeout | ErrorKind::Unavailable), "{kind}");
    assert!(web.requests().is_empty(), "nothing is sent in plain text");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let web = Web::start().await.unwrap();
    web.route("/items", [good().slow(3, Duration::from_millis(1)).delay(Duration::from_millis(5))]);
    assert_eq!(ids(&pages(&source(&web.url("/items"))).await), ["1", "2"]);
}

#[tokio::test]
async fn bodies_are_bounded_while_they_are_read() {
    let web = Web::start().await.unwrap();
    let large = Reply::bytes("application/json", vec![b' '; 3_000_000]);
    for reply in [large.clone(), large.clone().chunked(), large.cut_chunked()] {
        web.forget();
        web.route("/items", [reply]);
        let error = refused(&source(&web.url("/items")).web(local().max_body(1_000_000))).await;
        assert_eq!((error.kind(), error.get("max_body"), web.hits("/items")), (ErrorKind::InvalidInput, Some("1000000"), 1));
    }
}

#[tokio::test]
async fn a_compressed_answer_that_nobody_asked_for_is_refused_by_name() {
    let web = Web::start().await.unwrap();
    web.route("/items", [good().header("content-encoding", "gzip")]);
    assert_eq!(kind(&source(&web.url("/items"))).await, ErrorKind::Unsupported);
    assert_eq!(web.requests()[0].header("accept-encoding"), Some("identity"));
}
