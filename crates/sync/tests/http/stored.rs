//! A list as records, run after run.

use super::source;
use mastra_core::sync::{RunTarget, SyncMode};
use mastra_core::{Engine, EntityRef, RecordQuery, RecordStore as _};
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::http::{HttpSource, Pagination};
use mastra_sync::{Mastra, SyncErrorKind, define};
use serde_json::json;
use std::sync::Arc;

async fn synced(source: HttpSource, mode: SyncMode) -> (Arc<dyn Engine>, Mastra) {
    let sync = define("list").execute(move |ctx| {
        let source = source.clone();
        async move {
            let target = ctx.records("items").mode(mode).load(&source).await?;
            Ok(serde_json::to_value(target).unwrap())
        }
    });
    let engine: Arc<dyn Engine> = Arc::new(mastra_mock::connect("mock://").await.unwrap());
    let mastra = Mastra::builder().engine(Arc::clone(&engine)).sync(sync).build().unwrap();
    (engine, mastra)
}

async fn run(mastra: &Mastra) -> RunTarget {
    serde_json::from_value(mastra.sync("list", json!({})).await.unwrap().output).unwrap()
}

async fn ids(engine: &Arc<dyn Engine>) -> Vec<String> {
    let records = engine.get_records(&EntityRef::named("items"), &RecordQuery::default()).await.unwrap().items;
    let mut ids: Vec<_> = records.into_iter().map(|record| record.external_id).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_list_that_did_not_change_keeps_everything_in_full_mode() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!([{ "id": 1 }, { "id": 2 }])).etag("\"1\"")]);
    let (engine, mastra) = synced(source(&web.url("/items")), SyncMode::Full).await;
    run(&mastra).await;
    let second = run(&mastra).await;
    assert_eq!((second.counts.read, second.counts.deleted, second.complete), (0, 0, true));
    assert_eq!(web.requests()[1].header("if-none-match"), Some("\"1\""));
    assert_eq!(ids(&engine).await, ["1", "2"]);

    web.route("/items", [Reply::json(&json!([{ "id": 2 }])).etag("\"2\"")]);
    assert_eq!(run(&mastra).await.counts.deleted, 1);
    assert_eq!(ids(&engine).await, ["2"]);
}

#[tokio::test]
async fn a_run_that_fails_in_the_middle_goes_on_behind_its_last_page_and_deletes_nothing_before() {
    let web = Web::start().await.unwrap();
    let page = |ids: &[u64]| Reply::json(&json!(ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>()));
    let list = source(&web.url("/items")).pagination(Pagination::page("page"));
    web.route("/items?page=1", [page(&[1, 2])]);
    web.route("/items?page=2", [page(&[3, 4])]);
    web.route("/items?page=3", [page(&[])]);
    let (engine, mastra) = synced(list, SyncMode::Full).await;
    run(&mastra).await;

    // 2 and 4 are gone, and the second page does not come.
    web.route("/items?page=1", [page(&[1])]);
    for broken in [Reply::status(500), page(&[3]).cut(), Reply::json(&json!({ "error": "x" }))] {
        web.route("/items?page=2", [broken]);
        let error = mastra.sync("list", json!({})).await.unwrap_err();
        assert_eq!(error.kind(), SyncErrorKind::Failed);
        assert_eq!(ids(&engine).await, ["1", "2", "3", "4"]);
    }
    web.route("/items?page=2", [page(&[3])]);
    web.forget();
    let done = run(&mastra).await;
    assert_eq!((done.counts.deleted, done.complete), (2, true));
    assert_eq!(ids(&engine).await, ["1", "3"]);
    assert_eq!(web.hits("/items?page=1"), 0, "it goes on where it was");
}

#[tokio::test]
async fn a_limited_run_deletes_nothing() {
    let web = Web::start().await.unwrap();
    web.route("/items", [Reply::json(&json!([{ "id": 1 }, { "id": 2 }, { "id": 3 }]))]);
    let (engine, mastra) = synced(source(&web.url("/items")).limit(2), SyncMode::Full).await;
    run(&mastra).await;
    assert_eq!(ids(&engine).await, ["1", "2"]);
    web.route("/items", [Reply::json(&json!([{ "id": 3 }, { "id": 2 }, { "id": 1 }]))]);
    let second = run(&mastra).await;
    assert_eq!((second.complete, second.counts.deleted), (false, 0));
    assert_eq!(ids(&engine).await, ["1", "2", "3"]);
}
