//! The site crawl that Mastra's documentation gave in TypeScript, as this crate spells it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use futures::TryStreamExt as _;
use mastra_core::{Engine, EntityRef, Record, RecordQuery, RecordStore as _, SortKey};
use mastra_doubles::Web;
use mastra_mock::MockEngine;
use mastra_sync::{
    Context, Failure, Mastra, SyncDefinition, SyncErrorKind,
    source::{crawl::CrawlSource, web::WebOptions},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// The longest chunk, in characters.
const CHUNK: usize = 8_190;

/// Crawls a site and keeps its pages in chunks, as records of an entity of its own.
struct SiteCrawl {
    web: WebOptions,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Input {
    url: String,
    path_regex: Option<String>,
    #[serde(default = "three")]
    limit: usize,
}

fn three() -> usize {
    3
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Output {
    success: bool,
    crawl_data: Vec<CrawledPage>,
    entity_type: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct CrawledPage {
    markdown: String,
    metadata: Metadata,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Metadata {
    #[serde(rename = "sourceURL")]
    source_url: String,
}

impl SyncDefinition for SiteCrawl {
    type Input = Input;
    type Output = Output;

    fn id(&self) -> &str {
        "crawl-and-sync"
    }

    fn label(&self) -> Option<&str> {
        Some("Crawl and sync")
    }

    async fn execute(&self, ctx: Context<Input>) -> Result<Output, Failure> {
        let input = ctx.input();
        let entity_type = format!("CRAWL_{}", input.url);
        let mut site = CrawlSource::new(&input.url)?.limit(input.limit).chunk(CHUNK)?.delay(Duration::ZERO).web(self.web.clone());
        if let Some(pattern) = &input.path_regex {
            site = site.path_regex(pattern)?;
        }
        ctx.records(&entity_type).connection("SYSTEM").load(&site).await?;

        let entity = EntityRef::named(&entity_type).in_connection("SYSTEM");
        let query = RecordQuery::new().sort(SortKey::ascending("url")?).sort(SortKey::ascending("chunk")?);
        let chunks: Vec<Record> = ctx.engine().stream_records(&entity, &query).await?.try_collect().await?;
        let mut crawl_data: Vec<CrawledPage> = Vec::new();
        for chunk in chunks {
            let text = |key: &str| chunk.data[key].as_str().unwrap_or_default().to_owned();
            match crawl_data.last_mut().filter(|page| page.metadata.source_url == text("url")) {
                Some(page) => page.markdown.push_str(&text("text")),
                None => crawl_data.push(CrawledPage { markdown: text("text"), metadata: Metadata { source_url: text("url") } }),
            }
        }
        Ok(Output { success: true, crawl_data, entity_type })
    }
}

struct Site {
    web: Web,
    engine: Arc<mastra_core::Checked<MockEngine>>,
    mastra: Mastra,
}

async fn site() -> Site {
    let web = Web::start().await.unwrap();
    let long = "A sentence of the guide. ".repeat(800);
    web.page("/docs/", "<main><h1>Docs</h1><p>Start.</p><a href='/docs/guide'>guide</a> <a href='/blog/'>blog</a></main>");
    web.page("/docs/guide", &format!("<nav>menu</nav><main><h1>Guide</h1><p>{long}</p></main>"));
    web.page("/blog/", "<main><h1>Blog</h1><p>News.</p></main>");
    let engine = Arc::new(MockEngine::new().checked());
    let options = WebOptions::new().allow_private_addresses(true).attempts(1);
    let mastra =
        Mastra::builder().engine(Arc::clone(&engine) as Arc<dyn Engine>).sync(SiteCrawl { web: options }).build().unwrap();
    Site { web, engine, mastra }
}

impl Site {
    async fn records(&self) -> Vec<Record> {
        let entity = EntityRef::named(format!("CRAWL_{}", self.web.url("/docs/"))).in_connection("SYSTEM");
        self.engine.get_records(&entity, &RecordQuery::new()).await.unwrap().items
    }
}

#[tokio::test]
async fn a_site_becomes_chunks_of_an_entity_of_its_own() {
    let site = site().await;
    let url = site.web.url("/docs/");
    let done = site.mastra.sync("crawl-and-sync", json!({ "url": url, "pathRegex": "^/docs/", "limit": 10 })).await.unwrap();
    assert_eq!(done.output["success"], true);
    assert_eq!(done.output["entityType"], format!("CRAWL_{url}"));
    let crawled = done.output["crawlData"].as_array().unwrap();
    let urls: Vec<_> = crawled.iter().map(|page| page["metadata"]["sourceURL"].as_str().unwrap()).collect();
    assert_eq!(urls, [url.clone(), site.web.url("/docs/guide")], "the blog is elsewhere");
    let guide = crawled[1]["markdown"].as_str().unwrap();
    assert!(guide.contains("A sentence of the guide.") && !guide.contains("menu"));
    assert!(guide.chars().count() > 2 * CHUNK);

    let records = site.records().await;
    assert!(records.len() >= 4, "one chunk of the first page, three or more of the second: {}", records.len());
    assert!(records.iter().all(|record| record.data["text"].as_str().unwrap().chars().count() <= CHUNK));
}

#[tokio::test]
async fn three_pages_are_the_limit_where_none_is_given_and_a_page_that_shrank_loses_its_chunks() {
    let site = site().await;
    let input = json!({ "url": site.web.url("/docs/"), "pathRegex": null });
    let done = site.mastra.sync("crawl-and-sync", input.clone()).await.unwrap();
    assert_eq!(done.output["crawlData"].as_array().unwrap().len(), 3);
    let before = site.records().await.len();
    site.web.page("/docs/guide", "<main><h1>Guide</h1><p>Short now.</p></main>");
    site.mastra.sync("crawl-and-sync", input).await.unwrap();
    let after = site.records().await;
    assert!(after.len() < before, "{} of {before}", after.len());
    assert_eq!(after.iter().filter(|record| record.data["url"] == site.web.url("/docs/guide")).count(), 1);
}

#[tokio::test]
async fn an_input_that_is_none_is_refused_before_the_site_is_asked() {
    let site = site().await;
    let error = site.mastra.sync("crawl-and-sync", json!({ "url": 7, "limit": -1 })).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::InvalidInput);
    assert_eq!(site.web.requests().len(), 0);
    let gone = site.mastra.sync("crawl-and-sync", json!({ "url": site.web.url("/gone"), "pathRegex": null })).await.unwrap_err();
    assert_eq!(gone.kind(), SyncErrorKind::Failed, "a site that cannot be read is a failure, not a success without pages");
}
