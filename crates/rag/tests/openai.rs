//! The client of OpenAI's protocol against a server that throttles, fails and answers nonsense.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "in a test an error is a failure")]

use std::time::Duration;

use mastra_core::ErrorKind;
use mastra_doubles::Models;
use mastra_doubles::models::{Fault, FaultOn, Settings};
use mastra_rag::embed::openai::OpenAi;
use mastra_rag::embed::{EmbedKind, Embedder as _, EmbedderExt as _, EmbedderOptions, Embedders};
use serde_json::json;

fn options(models: &Models) -> EmbedderOptions {
    EmbedderOptions::default().base_url(models.url()).api_key("sk-secret")
}

async fn connect(models: &Models, options: EmbedderOptions) -> OpenAi {
    let embedder = OpenAi::connect("small", options).await.unwrap();
    assert_eq!(models.requests().len(), 1, "one call asks for the dimension");
    embedder
}

async fn small() -> (Models, OpenAi) {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models)).await;
    (models, embedder)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn the_dimension_is_asked_and_the_name_is_the_model_s() {
    let (models, embedder) = small().await;
    assert_eq!((embedder.model(), embedder.dimension()), ("openai/small", 8));
    let vectors = embedder.embed(&["a b", "a c"], EmbedKind::Document).await.unwrap();
    assert!(vectors[0] != vectors[1] && vectors[0].len() == 8);
    let call = &models.requests()[1];
    assert_eq!(call.header("authorization"), Some("Bearer sk-secret"));
    assert_eq!(call.body, json!({"model": "small", "input": ["a b", "a c"], "encoding_format": "float"}));
}

#[tokio::test]
async fn no_text_is_no_call_and_blank_ones_are_refused_before_any() {
    let (models, embedder) = small().await;
    assert_eq!(embedder.embed(&[], EmbedKind::Document).await.unwrap(), Vec::<Vec<f32>>::new());
    let error = embedder.embed(&["a", ""], EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.kind(), error.get("text")), (ErrorKind::InvalidInput, Some("1")));
    assert_eq!(models.requests().len(), 1);
}

#[tokio::test]
async fn batches_run_side_by_side_within_a_bound_and_keep_their_order() {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).batch(3).concurrency(2)).await;
    let texts = texts(20);
    let alone: Vec<Vec<f32>> = {
        let whole = OpenAi::connect("small", options(&models)).await.unwrap();
        whole.embed(&refs(&texts), EmbedKind::Document).await.unwrap()
    };
    let before = models.requests().len();
    // Without a delay the first could be over before the second begins.
    models.fault(Fault::every().delay(Duration::from_millis(50)));
    assert_eq!(embedder.embed(&refs(&texts), EmbedKind::Document).await.unwrap(), alone);
    let calls = models.requests();
    assert_eq!(calls.len() - before, 7);
    assert!(calls[before..].iter().all(|call| call.inputs().len() <= 3));
    assert_eq!(models.peak(), 2);
}

#[tokio::test]
async fn what_a_repeat_can_help_is_repeated() {
    let faults: [fn(FaultOn) -> Fault; 6] = [
        |fault| fault.status(429).header("retry-after", "0"),
        |fault| fault.status(500),
        |fault| fault.status(503).header("retry-after-ms", "5"),
        |fault| fault.drop_connection(),
        |fault| fault.truncate(),
        |fault| fault.body("<html>try later</html>"),
    ];
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).max_wait(Duration::from_millis(20))).await;
    for (number, fault) in faults.into_iter().enumerate() {
        let before = models.requests().len();
        models.fault(fault(Fault::first(2)));
        let vectors = embedder.embed(&["a"], EmbedKind::Document).await;
        assert_eq!(vectors.expect("after two failures it works").len(), 1);
        assert_eq!(models.requests().len() - before, 3, "fault {number}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let models = Models::start().await.unwrap();
    let quick = options(&models).timeout(Duration::from_secs(1)).retries(1).max_wait(Duration::from_millis(1));
    let embedder = connect(&models, quick).await;
    models.fault(Fault::every().hang());
    let error = embedder.embed(&["a"], EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.kind(), error.get("attempts")), (ErrorKind::Timeout, Some("2")));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn repeats_have_an_end_and_a_wait_that_is_too_long_is_told() {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).retries(2).max_wait(Duration::from_millis(5))).await;
    models.fault(Fault::first(3).status(500));
    let error = embedder.embed(&["a"], EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Unavailable, true));
    assert_eq!((error.get("status"), error.get("attempts")), (Some("500"), Some("3")));

    models.fault(Fault::nth(1).status(429).header("retry-after", "3600"));
    let error = embedder.embed(&["a"], EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.kind(), error.get("retry_after_s")), (ErrorKind::Unavailable, Some("3600")));
    assert_eq!(models.requests().len(), 1 + 3 + 1);
}

#[tokio::test]
async fn nobody_listens() {
    let models = Models::start().await.unwrap();
    let options = options(&models).retries(1).max_wait(Duration::from_millis(1));
    drop(models);
    let error = OpenAi::connect("small", options).await.unwrap_err();
    assert_eq!((error.kind(), error.get("attempts")), (ErrorKind::Unavailable, Some("2")));
}

#[tokio::test]
async fn refusals_are_told_once_by_kind() {
    let (models, embedder) = small().await;
    let refusals = [
        (400, "a", ErrorKind::InvalidInput),
        (401, "invalid_api_key", ErrorKind::PermissionDenied),
        (404, "model_not_found", ErrorKind::NotFound),
        (302, "a", ErrorKind::InvalidInput),
        (429, "insufficient_quota", ErrorKind::Unavailable),
    ];
    for (status, code, kind) in refusals {
        let before = models.requests().len();
        models.fault(Fault::nth(1).status(status).code(code));
        let error = embedder.embed(&["a"], EmbedKind::Document).await.unwrap_err();
        assert_eq!((error.kind(), error.get("code"), error.is_retryable()), (kind, Some(code), false), "{status}");
        assert_eq!(models.requests().len() - before, 1, "{status}");
    }
}

#[tokio::test]
async fn wrong_answers_are_corrupt_by_position_and_not_repeated() {
    let (models, embedder) = small().await;
    let wrong: [(Fault, Option<&str>); 7] = [
        (Fault::nth(1).change(|data| drop(data.pop())), None),
        (Fault::nth(1).change(|data| data.push(data[0].clone())), None),
        (Fault::nth(1).change(|data| data[1]["index"] = json!(0)), None),
        (Fault::nth(1).change(|data| data[1]["index"] = json!(7)), None),
        (Fault::nth(1).change(|data| data[1]["embedding"] = json!([1.0, 2.0])), Some("1")),
        (Fault::nth(1).change(|data| data[2]["embedding"][3] = json!(null)), Some("2")),
        (Fault::nth(1).change(|data| data[0]["embedding"] = json!([0, 0, 0, 0, 0, 0, 0, 0])), Some("0")),
    ];
    for (number, (fault, place)) in wrong.into_iter().enumerate() {
        let before = models.requests().len();
        models.fault(fault);
        let error = embedder.embed(&["a", "b", "c"], EmbedKind::Document).await.unwrap_err();
        assert_eq!((error.kind(), error.get("text")), (ErrorKind::Corrupt, place), "{number}: {error}");
        assert_eq!(models.requests().len() - before, 1, "{number}");
    }
}

#[tokio::test]
async fn positions_count_over_all_batches() {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).batch(2).concurrency(1)).await;
    models.fault(Fault::nth(3).change(|data| data[1]["embedding"] = json!([1.0])));
    let error = embedder.embed(&refs(&texts(7)), EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.get("text"), error.get("dimension"), error.get("expected")), (Some("5"), Some("1"), Some("8")));
}

#[tokio::test]
async fn answers_in_another_order_are_put_in_theirs() {
    let (models, embedder) = small().await;
    let right = embedder.embed(&["a", "b", "c d"], EmbedKind::Document).await.unwrap();
    models.fault(Fault::nth(1).change(|data| data.reverse()));
    assert_eq!(embedder.embed(&["a", "b", "c d"], EmbedKind::Document).await.unwrap(), right);
    models
        .fault(Fault::nth(1).change(|data| data.iter_mut().for_each(|item| drop(item.as_object_mut().unwrap().remove("index")))));
    assert_eq!(embedder.embed(&["a", "b", "c d"], EmbedKind::Document).await.unwrap(), right);
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved_and_a_text_that_is_too_long_is_named() {
    let models = Models::start_with(Settings::default().model("small", 8).limits(4, 5, 12)).await.unwrap();
    let embedder = connect(&models, options(&models)).await;
    let whole = embedder.embed(&refs(&texts(11)), EmbedKind::Document).await.unwrap();
    assert_eq!(whole.len(), 11);
    for (text, vector) in texts(11).iter().zip(&whole) {
        assert_eq!(&embedder.embed_one(text, EmbedKind::Document).await.unwrap(), vector);
    }
    let error = embedder.embed(&["a", "b", "c", "one two three four five six"], EmbedKind::Document).await.unwrap_err();
    assert_eq!((error.kind(), error.get("text")), (ErrorKind::InvalidInput, Some("3")));
}

#[tokio::test]
async fn fewer_numbers_are_asked_for_where_the_model_can() {
    let settings = Settings::default().model("shorten", 8).model("fixed", 8);
    let models = Models::start_with(settings).await.unwrap();
    let embedder = OpenAi::connect("shorten", options(&models).dimension(4)).await.unwrap();
    assert_eq!(embedder.embed_one("a", EmbedKind::Query).await.unwrap().len(), 4);
    assert_eq!(models.requests().last().unwrap().body["dimensions"], 4);

    let native = OpenAi::connect("fixed", options(&models).dimension(8)).await.unwrap();
    assert_eq!(native.embed_one("a", EmbedKind::Query).await.unwrap().len(), 8);
    let fixed = OpenAi::connect("fixed", options(&models).dimension(4)).await.unwrap();
    assert_eq!(fixed.embed_one("a", EmbedKind::Query).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn prompts_are_set_before_texts_by_kind() {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).prompts("doc: ", "query: ")).await;
    embedder.embed(&["a"], EmbedKind::Document).await.unwrap();
    embedder.embed(&["a"], EmbedKind::Query).await.unwrap();
    let sent: Vec<Vec<String>> =
        models.requests()[1..].iter().map(|call| call.inputs().iter().map(|text| (*text).to_owned()).collect()).collect();
    assert_eq!(sent, [["doc: a"], ["query: a"]]);
    assert!(embedder.model().starts_with("openai/small@"));
}

#[tokio::test]
async fn azure_takes_deployments_and_its_own_header() {
    let models = Models::start_with(Settings::default().model("my-deployment", 4).api_key("azure-key")).await.unwrap();
    let options =
        EmbedderOptions::default().base_url(models.root()).api_key("azure-key").api_version("2024-10-21").name("openai/small");
    let embedder = Embedders::default().connect_with("openai/my-deployment", options).await.unwrap();
    assert_eq!((embedder.model(), embedder.dimension()), ("openai/small", 4));
    let call = &models.requests()[0];
    assert_eq!(call.target, "/openai/deployments/my-deployment/embeddings?api-version=2024-10-21");
    assert_eq!((call.header("api-key"), call.header("authorization")), (Some("azure-key"), None));
}

#[tokio::test]
async fn neither_key_nor_text_is_in_any_error_or_debug_line() {
    let models = Models::start_with(Settings::default().model("small", 8).api_key("right")).await.unwrap();
    let wrong = options(&models);
    assert!(!format!("{wrong:?}").contains("sk-secret"));
    let refused = OpenAi::connect("small", wrong).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);

    let fine = options(&models).api_key("right").retries(0);
    let embedder = OpenAi::connect("small", fine).await.unwrap();
    assert!(!format!("{embedder:?}").contains("right"));
    let faults: [fn(FaultOn) -> Fault; 5] = [
        |fault| fault.status(400),
        |fault| fault.status(429),
        |fault| fault.body(r#"{"data": "confidential sk-secret"}"#),
        |fault| fault.truncate(),
        |fault| fault.change(|data| drop(data.pop())),
    ];
    let mut errors = vec![refused];
    for fault in faults {
        models.fault(fault(Fault::nth(1)));
        errors.push(embedder.embed(&["confidential"], EmbedKind::Document).await.unwrap_err());
    }
    for error in errors {
        let mut told = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            told.push_str(&format!(" {inner} {inner:?}"));
            source = inner.source();
        }
        assert!(!told.contains("sk-secret") && !told.contains("confidential") && !told.contains("right"), "{told}");
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_makes_no_more_calls() {
    let models = Models::start().await.unwrap();
    let embedder = connect(&models, options(&models).batch(1).concurrency(1)).await;
    models.fault(Fault::every().hang());
    let texts = texts(5);
    let refs = refs(&texts);
    let embed = embedder.embed(&refs, EmbedKind::Document);
    let begun = async {
        while models.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = embed => unreachable!("no answer ever comes"),
        () = begun => {}
    }
    assert_eq!(models.requests().len(), 2);
}
