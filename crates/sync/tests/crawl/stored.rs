//! A site as records, run after run.

use super::crawl;
use mastra_core::sync::{QuarantineQuery, RunTarget, SyncMode};
use mastra_core::{Engine, EntityRef, RecordQuery, RecordStore as _};
use mastra_doubles::Web;
use mastra_doubles::web::Reply;
use mastra_sync::source::crawl::CrawlSource;
use mastra_sync::{Mastra, define};
use serde_json::{Value, json};
use std::sync::Arc;

struct Site {
    web: Web,
    engine: Arc<dyn Engine>,
    mastra: Mastra,
}

impl Site {
    /// A site of three pages, in chunks of 30 characters, and a sync of it.
    async fn new(mode: SyncMode) -> Self {
        let web = Web::start().await.unwrap();
        web.route("/", [Reply::html("<a href=/a>a</a> <a href=/b>b</a>").etag("\"1\"")]);
        web.page("/a", &"<p>apples and pears</p>".repeat(3));
        web.page("/b", "bananas");
        let source: CrawlSource = crawl(&web, "/").chunk(30).unwrap();
        let sync = define("site").execute(move |ctx| {
            let source = source.clone();
            async move {
                let target = ctx.records("pages").mode(mode).load(&source).await?;
                Ok(serde_json::to_value(target).unwrap())
            }
        });
        let engine: Arc<dyn Engine> = Arc::new(mastra_mock::connect("mock://").await.unwrap());
        let mastra = Mastra::builder().engine(Arc::clone(&engine)).sync(sync).build().unwrap();
        Self { web, engine, mastra }
    }

    async fn run(&self) -> RunTarget {
        let done = self.mastra.sync("site", json!({})).confirm_deletes(true).await.unwrap();
        serde_json::from_value(done.output).unwrap()
    }

    /// The paths and texts of the records.
    async fn records(&self) -> Vec<(String, Value)> {
        let query = RecordQuery::default();
        let records = self.engine.get_records(&EntityRef::named("pages"), &query).await.unwrap().items;
        let mut records: Vec<_> = records
            .into_iter()
            .map(|record| (record.external_id.replace(&self.web.url(""), ""), record.data["text"].clone()))
            .collect();
        records.sort_by(|one, other| one.0.cmp(&other.0));
        records
    }

    /// The ids of what is set aside.
    async fn set_aside(&self) -> Vec<String> {
        let items = self.mastra.runs().unwrap().quarantined(&QuarantineQuery::default()).await.unwrap();
        items.into_iter().filter_map(|item| item.external_id).collect()
    }

    async fn ids(&self) -> Vec<String> {
        self.records().await.into_iter().map(|(id, _)| id).collect()
    }
}

#[tokio::test]
async fn a_full_run_leaves_what_the_site_has() {
    let site = Site::new(SyncMode::Full).await;
    let first = site.run().await;
    assert_eq!(site.ids().await, ["/#0", "/a#0", "/a#1", "/a#2", "/b#0"]);
    assert_eq!((first.counts.created, first.complete), (5, true));

    let second = site.run().await;
    assert_eq!((second.counts.unchanged, second.counts.read, second.counts.deleted, second.complete), (5, 5, 0, true));
    assert_eq!(site.web.requests().iter().filter(|request| request.header("if-none-match").is_some()).count(), 1);

    // A page has fewer chunks, one is gone, one is new.
    site.web.page("/a", "<p>apples alone</p><a href=/c>c</a>");
    site.web.route("/b", [Reply::status(404)]);
    site.web.page("/c", "cherries");
    let third = site.run().await;
    assert_eq!(site.ids().await, ["/#0", "/a#0", "/c#0"]);
    assert_eq!((third.counts.created, third.counts.updated, third.counts.unchanged), (1, 1, 1));
    assert!(third.complete);
}

#[tokio::test]
async fn a_run_that_could_not_read_everything_deletes_nothing() {
    let site = Site::new(SyncMode::Full).await;
    site.run().await;
    let before = site.records().await;
    // With the page that fails, what it leads to cannot be known; and the other is gone.
    site.web.route("/a", [Reply::status(500)]);
    site.web.route("/b", [Reply::status(410)]);
    let second = site.run().await;
    assert_eq!(site.records().await, before);
    assert_eq!((second.complete, second.counts.failed, second.counts.deleted), (false, 1, 0));
    assert_eq!(site.set_aside().await, [site.web.url("/a#0")]);

    site.web.page("/a", "mended");
    let third = site.run().await;
    assert!(third.complete);
    assert_eq!(site.ids().await, ["/#0", "/a#0"]);
    assert!(site.set_aside().await.is_empty(), "what is read again is set aside no more");
}

#[tokio::test]
async fn an_incremental_run_replaces_the_chunks_of_a_page_and_deletes_none_of_another() {
    let site = Site::new(SyncMode::Incremental).await;
    site.run().await;
    site.web.page("/a", "<p>apples alone</p>");
    site.web.route("/b", [Reply::status(404)]);
    site.run().await;
    assert_eq!(site.ids().await, ["/#0", "/a#0", "/b#0"]);
    // The tag of the start is used in either mode.
    assert_eq!(site.web.requests().iter().filter(|request| request.header("if-none-match").is_some()).count(), 1);
}
