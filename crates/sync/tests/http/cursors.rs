//! What a reading learns from the one before.

use super::{behind, ids, pages, read, source};
use async_trait::async_trait;
use mastra_core::{ErrorKind, Result};
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::http::Pagination;
use mastra_sync::source::{Known, Position};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Mutex;

#[tokio::test]
async fn a_tag_that_holds_says_that_nothing_changed() {
    let web = Web::start().await.unwrap();
    let list = |tag| Reply::json(&json!([{ "id": 1 }])).etag(tag);
    web.route("/items", [list("\"1\"")]);
    let source = source(&web.url("/items"));
    let first = pages(&source).await.pop().unwrap();
    assert!(!first.unchanged);
    let cursor = first.cursor.unwrap();

    for from in [behind(&cursor), Position { last: Some(cursor.clone()), ..Position::start() }] {
        let (again, error) = read(&source, from).await;
        assert!(error.is_none() && again.len() == 1);
        assert!(again[0].unchanged && again[0].items.is_empty() && again[0].incomplete.is_none());
        assert_eq!(again[0].cursor.as_deref(), Some(cursor.as_str()));
    }
    assert_eq!(web.requests()[1].header("if-none-match"), Some("\"1\""));

    web.route("/items", [list("\"2\"")]);
    let (changed, _) = read(&source, behind(&cursor)).await;
    assert_eq!((ids(&changed), changed[0].unchanged), (vec!["1".to_owned()], false));
    // Of a source that reads otherwise, the tag says nothing.
    let (other, _) = read(&source.version_field("v"), behind(changed[0].cursor.as_deref().unwrap())).await;
    assert!(!other[0].unchanged);
}

#[tokio::test]
async fn a_tag_is_no_answer_where_there_are_more_pages_or_a_limit() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!([{ "id": 1 }, { "id": 2 }])).etag("\"1\"")]);
    for source in [source(&web.url("/items")).pagination(Pagination::Link), source(&web.url("/items")).limit(1)] {
        web.forget();
        let page = pages(&source).await.pop().unwrap();
        let position = page.cursor.map_or_else(Position::start, |cursor| behind(&cursor));
        let (again, _) = read(&source, position).await;
        assert!(!again[0].unchanged);
        assert!(web.requests().iter().all(|request| request.header("if-none-match").is_none()));
    }
}

#[tokio::test]
async fn a_later_reading_asks_for_what_changed_since() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| match (request.query("since"), request.query("page")) {
        (None, Some("1")) => {
            Reply::json(&json!([{ "id": 1, "m": { "at": "2026-01-02" } }, { "id": 2, "m": { "at": "2026-03-01" } }]))
        }
        (None, Some("2")) => Reply::json(&json!([{ "id": 3, "m": { "at": "2026-02-01" } }, { "id": 4 }])),
        (Some("2026-03-01"), Some("1")) => {
            Reply::json(&json!([{ "id": 2, "m": { "at": "2026-03-01" } }, { "id": 5, "m": { "at": "2026-04-01" } }]))
        }
        _ => Reply::json(&json!([])),
    });
    let source = source(&web.url("/items")).pagination(Pagination::page("page")).since("since", "m.at");
    let first = pages(&source).await;
    assert_eq!(ids(&first), ["1", "2", "3", "4"]);
    // In the middle, the same reading goes on.
    let (rest, _) = read(&source, behind(first[0].cursor.as_deref().unwrap())).await;
    assert_eq!(ids(&rest), ["3", "4"]);
    assert_eq!(rest.last().unwrap().cursor, first.last().unwrap().cursor);

    let end = first.last().unwrap().cursor.clone().unwrap();
    let (changed, _) = read(&source, behind(&end)).await;
    assert_eq!(ids(&changed), ["2", "5"]);
    web.forget();
    let (nothing, _) = read(&source, behind(changed.last().unwrap().cursor.as_deref().unwrap())).await;
    assert!(ids(&nothing).is_empty());
    assert_eq!(web.requests()[0].query("since"), Some("2026-04-01"));
    // Where all is to be said, all is asked for.
    let (all, _) = read(&source, Position { last: Some(end), ..Position::start() }).await;
    assert_eq!(ids(&all), ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn cursors_of_others_are_refused_or_begin_anew() {
    let web = Web::start().await.unwrap();
    web.answer("/items", |request| match request.query("page") {
        Some(page @ ("1" | "2")) => Reply::json(&json!([{ "id": page }])),
        _ => Reply::json(&json!([])),
    });
    let source = source(&web.url("/items")).pagination(Pagination::page("page"));
    let cursor = pages(&source).await[0].cursor.clone().unwrap();
    assert_eq!(ids(&read(&source, behind(&cursor)).await.0), ["2"]);
    let other = source.clone().query("sort", "name");
    assert_eq!(ids(&read(&other, behind(&cursor)).await.0), ["1", "2"]);
    web.forget();
    for foreign in ["", "17", "{\"file\":\"a.jsonl\"}"] {
        let (pages, error) = read(&source, behind(foreign)).await;
        assert!(pages.is_empty() && error.unwrap().kind() == ErrorKind::InvalidInput, "{foreign}");
    }
    assert!(web.requests().is_empty());
    // What the last reading left may be anybody's.
    let last = Position { last: Some("17".to_owned()), ..Position::start() };
    assert_eq!(ids(&read(&source, last).await.0), ["1", "2"]);
}

/// What is stored, and which pages of ids were asked for.
#[derive(Debug, Default)]
struct Stored(HashMap<String, String>, Mutex<Vec<Vec<String>>>);

#[async_trait]
impl Known for Stored {
    async fn versions(&self, external_ids: &[String]) -> Result<HashMap<String, String>> {
        self.1.lock().unwrap().push(external_ids.to_vec());
        Ok(external_ids.iter().filter_map(|id| Some((id.clone(), self.0.get(id)?.clone()))).collect())
    }
}

#[tokio::test]
async fn what_is_stored_with_the_same_version_is_passed_over() {
    let web = Web::start().await.unwrap();
    web.route(
        "/items",
        [Reply::json(&json!([{ "id": 1, "v": 7 }, { "id": 2, "v": "b" }, { "id": 3 }, { "id": 4, "v": "d", "gone": true }]))],
    );
    let stored = Stored(
        [("1", "7"), ("2", "a"), ("3", "c"), ("4", "d")].map(|(id, v)| (id.to_owned(), v.to_owned())).into(),
        Mutex::default(),
    );
    let source = source(&web.url("/items")).version_field("v").deleted_field("gone");
    let (pages, _) = read(&source, Position { known: Some(&stored), ..Position::start() }).await;
    assert_eq!(ids(&pages), ["=1", "2", "3", "-4"]);
    assert_eq!(*stored.1.lock().unwrap(), [["1", "2"]]);
}
