//! Knowledge bases behind the server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends by panicking")]

mod common;

use async_trait::async_trait;
use common::{Client, Mock, engine, store};
use mastra_core::{Error, Result};
use mastra_mcp::{KnowledgeSource, Limits, McpServer};
use mastra_rag::{
    embed::Embedders,
    knowledge::{IndexOptions, KnowledgeBase, KnowledgeBuilder, Retrieval},
};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

async fn library() -> Mock {
    let engine = engine();
    let article = |id: &str, lang: &str, body: &str| (id.to_owned(), json!({ "lang": lang, "title": id, "body": body }));
    let long: String = (0..200).map(|n| format!("Sentence number {n} is about rivers and bridges. ")).collect();
    let articles = [
        article("tea", "en", "Green tea is steeped at seventy-five degrees for two minutes."),
        article("coffee", "en", "Coffee is roasted, ground and brewed with hot water."),
        article("tee", "de", "Tee zieht zwei Minuten bei 75 Grad. Steeped tea is the English word."),
        article("rivers", "en", &long),
    ];
    store(&engine, "Articles", articles).await;
    engine
}

async fn described(name: &str, embedder: &str) -> KnowledgeBuilder {
    KnowledgeBase::builder(name)
        .entity("Articles")
        .field("body".parse().unwrap())
        .filter_field("lang".parse().unwrap())
        .embedder(Embedders::default().connect(embedder).await.unwrap())
}

async fn indexed(engine: &Mock) -> KnowledgeBase {
    let vectors = Arc::new(engine.inner().vectors());
    let base = described("articles", "hash/384").await.open(engine.clone(), vectors).await.unwrap();
    base.index(&IndexOptions::default()).await.unwrap();
    base
}

#[tokio::test]
async fn passages_are_found_with_citations_that_can_be_read() {
    let engine = library().await;
    let server = McpServer::builder().engine(engine.clone()).knowledge(indexed(&engine).await);
    let mut client = Client::connect(server).await;

    let listed = client.call("list_knowledge", json!({})).await;
    let expected = json!({
        "name": "articles", "status": "ready", "entity": "Articles", "connection_id": "crm", "model": "hash/384", "dimension": 384,
        "filter_fields": ["lang"], "waiting": 0, "set_aside": 0,
    });
    assert_eq!(listed["knowledge"], json!([expected]));

    let result = client
        .result(
            "search_knowledge",
            json!({ "query": "how is tea steeped?", "filter": { "lang": "en" }, "top_k": 2, "explain": true }),
        )
        .await;
    let found = &result["structuredContent"];
    let first = &found["passages"][0];
    assert_eq!((&first["external_id"], &first["uri"]), (&json!("tea"), &json!("mastra://records/crm/Articles/tea")));
    assert!(first["text"].as_str().unwrap().contains("seventy-five"));
    assert_eq!(first["span"]["start"], 0);
    assert!(first["score"].is_number() && first["scores"]["vector"].is_number(), "{first}");
    assert_eq!((&found["exactness"], &found["waiting"], &found["truncated"]), (&json!("exact"), &json!(0), &json!(false)));
    assert!(found["steps"].as_array().unwrap().len() > 2);
    let link = &result["content"][1];
    assert_eq!((&link["type"], &link["uri"]), (&json!("resource_link"), &first["uri"]));
    let read = client.request("resources/read", json!({ "uri": link["uri"] })).await;
    assert!(read["result"]["contents"][0]["text"].as_str().unwrap().contains("seventy-five"));

    let german =
        client.call("search_knowledge", json!({ "query": "steeped tea", "mode": "text", "filter": { "lang": "de" } })).await;
    assert_eq!((german["passages"].as_array().unwrap().len(), &german["passages"][0]["external_id"]), (1, &json!("tee")));
    let rivers =
        client.call("search_knowledge", json!({ "query": "rivers and bridges", "top_k": 5, "one_per_record": true })).await;
    let of_rivers = rivers["passages"].as_array().unwrap().iter().filter(|passage| passage["external_id"] == "rivers").count();
    assert_eq!(of_rivers, 1);

    let failure = client.failure("search_knowledge", json!({ "query": "tea", "filter": { "title": "tea" } })).await;
    assert_eq!((&failure["kind"], &failure["context"]["filter_fields"]), (&json!("invalid_input"), &json!("lang")));
    let failure = client.failure("search_knowledge", json!({ "query": "   " })).await;
    assert_eq!(failure["kind"], "invalid_input");
    let failure = client.failure("search_knowledge", json!({ "query": "tea", "knowledge": "other" })).await;
    assert_eq!((&failure["kind"], &failure["context"]["known"]), (&json!("not_found"), &json!("articles")));
}

#[tokio::test]
async fn more_text_than_an_answer_holds_is_left_out_and_said() {
    let engine = engine();
    let text = |n: u32| (0..1_000).map(|leaf| format!("Tea number {n} and leaf {leaf}. ")).collect::<String>();
    let article = |n: u32| (format!("a-{n}"), json!({ "body": text(n), "lang": "en" }));
    store(&engine, "Articles", (0..5).map(article)).await;
    let server = McpServer::builder().engine(engine.clone()).knowledge(indexed(&engine).await);
    let mut client = Client::connect(server).await;
    let found = client.call("search_knowledge", json!({ "query": "tea and leaf", "top_k": 50, "neighbours": 10 })).await;
    let shown = found["passages"].as_array().unwrap().len();
    assert!(found.to_string().len() <= 40_000 && shown > 1, "{shown} passages, {} bytes", found.to_string().len());
    assert_eq!(found["truncated"], true);
    assert!(found["note"].as_str().unwrap().contains("fewer neighbours"), "{}", found["note"]);
}

#[tokio::test]
async fn what_records_say_now_is_searched_and_nothing_else() {
    let engine = library().await;
    let base = indexed(&engine).await;
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(base.clone())).await;
    store(&engine, "Articles", [("tea".to_owned(), json!({ "body": "Nothing about hot drinks." }))]).await;
    let found = client.call("search_knowledge", json!({ "query": "green tea steeped", "mode": "text" })).await;
    let ids: Vec<&str> =
        found["passages"].as_array().unwrap().iter().map(|passage| passage["external_id"].as_str().unwrap()).collect();
    assert!(!ids.contains(&"tea"), "{ids:?}");
    assert_eq!(found["waiting"], 1);
}

/// Opens what there is at the time, with the model of the time.
#[derive(Debug)]
struct Later {
    engine: Mock,
    models: &'static [&'static str],
    opened: Arc<AtomicUsize>,
}

#[async_trait]
impl KnowledgeSource for Later {
    fn name(&self) -> &str {
        "articles"
    }

    async fn open(&self) -> Result<KnowledgeBase> {
        let turn = self.opened.fetch_add(1, Ordering::SeqCst);
        let model = self.models.get(turn).or(self.models.last()).copied().unwrap_or("hash/384");
        let vectors = Arc::new(self.engine.inner().vectors());
        described("articles", model).await.open_existing(self.engine.clone(), vectors).await
    }

    fn retrieval(&self, query: &str) -> Retrieval {
        Retrieval::new(query).top_k(1)
    }
}

#[tokio::test]
async fn one_that_cannot_be_opened_is_told_of_and_opened_once_it_can() {
    let engine = library().await;
    let opened = Arc::new(AtomicUsize::new(0));
    let source = Later { engine: engine.clone(), models: &["hash/384"], opened: Arc::clone(&opened) };
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(source)).await;
    assert_eq!(opened.load(Ordering::SeqCst), 0, "nothing is opened before it is asked");

    let listed = client.call("list_knowledge", json!({})).await;
    let told = &listed["knowledge"][0];
    assert_eq!((&told["status"], &told["error"]["kind"]), (&json!("unavailable"), &json!("not_found")), "{told}");
    let failure = client.failure("search_knowledge", json!({ "query": "tea" })).await;
    assert_eq!((&failure["kind"], &failure["context"]["knowledge"]), (&json!("not_found"), &json!("articles")));
    client.call("query_records", json!({ "entity": "Articles" })).await;
    let queue = mastra_core::RecordStore::changes(&*engine).unwrap();
    assert!(queue.list_subscriptions().await.unwrap().is_empty(), "asking follows nothing");

    indexed(&engine).await;
    let found = client.call("search_knowledge", json!({ "query": "tea" })).await;
    assert_eq!(found["passages"].as_array().unwrap().len(), 1, "by the defaults of the source");
    client.call("search_knowledge", json!({ "query": "coffee" })).await;
    assert_eq!(opened.load(Ordering::SeqCst), 3, "what was opened is kept");
}

#[tokio::test]
async fn an_index_that_was_built_anew_elsewhere_is_found() {
    let engine = library().await;
    indexed(&engine).await;
    let source = Later { engine: engine.clone(), models: &["hash/384", "hash/512"], opened: Arc::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(source)).await;
    client.call("search_knowledge", json!({ "query": "tea" })).await;

    let vectors = Arc::new(engine.inner().vectors());
    described("articles", "hash/512").await.reindex(engine.clone(), vectors, &IndexOptions::default()).await.unwrap();
    let found = client.call("search_knowledge", json!({ "query": "tea" })).await;
    assert_eq!(found["passages"].as_array().unwrap().len(), 1);
    assert_eq!(client.call("list_knowledge", json!({})).await["knowledge"][0]["model"], "hash/512");

    // Whichever is asked first.
    let source = Later { engine: engine.clone(), models: &["hash/512", "hash/384"], opened: Arc::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(source)).await;
    client.call("search_knowledge", json!({ "query": "tea" })).await;
    let vectors = Arc::new(engine.inner().vectors());
    described("articles", "hash/384").await.reindex(engine.clone(), vectors, &IndexOptions::default()).await.unwrap();
    assert_eq!(client.call("list_knowledge", json!({})).await["knowledge"][0]["model"], "hash/384");
}

#[tokio::test]
async fn an_entity_that_is_not_shown_hides_its_knowledge() {
    let engine = library().await;
    store(&engine, "Deals", []).await;
    let server = McpServer::builder().engine(engine.clone()).knowledge(indexed(&engine).await).entities(["Deals"]);
    let mut client = Client::connect(server).await;
    assert_eq!(client.call("list_knowledge", json!({})).await["knowledge"], json!([]));
    let failure = client.failure("search_knowledge", json!({ "query": "tea", "knowledge": "articles" })).await;
    assert_eq!((&failure["kind"], &failure["context"]), (&json!("not_found"), &json!({})));
    // Nor is one told of that cannot be opened, and whose entity nobody knows.
    let source = Later { engine: engine.clone(), models: &["hash/512"], opened: Arc::default() };
    let mut client = Client::connect(McpServer::builder().engine(engine.clone()).knowledge(source).entities(["Deals"])).await;
    assert_eq!(client.call("list_knowledge", json!({})).await["knowledge"], json!([]));
    // The engine's own books are not shown either, whatever is shown.
    let mut client = Client::connect(McpServer::builder().engine(engine)).await;
    let listed = client.call("list_entities", json!({})).await;
    let names: Vec<&Value> = listed["entities"].as_array().unwrap().iter().map(|entity| &entity["name"]).collect();
    assert_eq!(names, [&json!("Articles"), &json!("Deals")]);
}

/// Never opens, and counts how often opening was given up.
#[derive(Debug)]
struct Hanging(Arc<AtomicUsize>);

struct Given<'a>(&'a AtomicUsize);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl KnowledgeSource for Hanging {
    fn name(&self) -> &str {
        "slow"
    }

    async fn open(&self) -> Result<KnowledgeBase> {
        let _given = Given(&self.0);
        std::future::pending::<()>().await;
        Err(Error::internal("never"))
    }
}

#[tokio::test]
async fn a_slow_call_holds_up_no_other_and_is_dropped_when_it_is_cancelled() {
    let (engine, given_up) = (library().await, Arc::new(AtomicUsize::new(0)));
    let mut client = Client::connect(McpServer::builder().engine(engine).knowledge(Hanging(Arc::clone(&given_up)))).await;
    let slow = client.send("tools/call", json!({ "name": "search_knowledge", "arguments": { "query": "tea" } })).await;
    for _ in 0..20 {
        client.call("query_records", json!({ "entity": "Articles" })).await;
    }
    assert_eq!(given_up.load(Ordering::SeqCst), 0);
    let cancelled =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": slow, "reason": "no longer" } });
    client.line(&cancelled.to_string()).await;
    // The notification is dealt with before what is sent behind it is answered, and the call is dropped soon after.
    client.lives().await;
    for _ in 0..1_000 {
        if given_up.load(Ordering::SeqCst) == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(given_up.load(Ordering::SeqCst), 1);
    client.lives().await;
}

#[tokio::test]
async fn one_that_takes_its_time_hides_no_other() {
    let engine = library().await;
    let limits = Limits { time: std::time::Duration::from_secs(10), ..Limits::default() };
    let server = McpServer::builder().engine(engine.clone()).knowledge(Hanging(Arc::default())).knowledge(indexed(&engine).await);
    let mut client = Client::connect(server.limits(limits)).await;
    let told = client.call("list_knowledge", json!({})).await["knowledge"].take();
    assert_eq!((&told[0]["status"], &told[0]["error"]["kind"]), (&json!("unavailable"), &json!("timeout")));
    assert_eq!(told[1]["status"], "ready");
}

#[tokio::test]
async fn a_defect_is_an_error_of_its_call() {
    #[derive(Debug)]
    struct Broken;
    #[async_trait]
    impl KnowledgeSource for Broken {
        fn name(&self) -> &str {
            "broken"
        }

        async fn open(&self) -> Result<KnowledgeBase> {
            panic!("a defect of the test")
        }
    }
    let mut client = Client::connect(McpServer::builder().engine(library().await).knowledge(Broken)).await;
    let failure = client.failure("search_knowledge", json!({ "query": "tea" })).await;
    assert_eq!(failure["kind"], "internal");
    client.lives().await;
}

#[tokio::test]
async fn two_of_one_name_are_refused() {
    let engine = library().await;
    let base = indexed(&engine).await;
    let error = McpServer::builder().engine(engine).knowledge(base.clone()).knowledge(base).build().unwrap_err();
    assert_eq!(error.get("knowledge"), Some("articles"));
    assert!(McpServer::builder().build().is_err());
}
