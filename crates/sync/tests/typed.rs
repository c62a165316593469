//! Input and output: types, schemas, and what is told of what breaks them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use mastra_core::sync::{RunId, RunQuery, RunState};
use mastra_sync::{Context, Failure, Mastra, SyncDefinition, SyncError, SyncErrorKind, define};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Crawl {
    url: String,
    path_regex: Option<String>,
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
}

fn three() -> u32 {
    3
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Pages {
    pages: u32,
}

struct Counts;

impl SyncDefinition for Counts {
    type Input = Crawl;
    type Output = Pages;

    fn id(&self) -> &str {
        "counts"
    }

    async fn execute(&self, ctx: Context<Crawl>) -> Result<Pages, Failure> {
        Ok(Pages { pages: ctx.input().limit })
    }
}

async fn registry(sync: impl SyncDefinition) -> Mastra {
    Mastra::builder().engine(Arc::new(mastra_mock::connect("mock://").await.unwrap())).sync(sync).build().unwrap()
}

async fn nothing_was_begun(mastra: &Mastra) -> bool {
    mastra.runs().unwrap().list(&RunQuery::default()).await.unwrap().is_empty()
}

#[tokio::test]
async fn typed_and_dynamic_calls_are_the_same_run() {
    let mastra = registry(Counts).await;
    let typed = Crawl { url: "https://a.example".into(), path_regex: None, limit: 3 };
    let first = mastra.run(&Counts, typed.clone()).run_id("r").await.unwrap();
    assert_eq!((first.output, first.recorded), (Pages { pages: 3 }, false));
    // Defaults and left out keys are spellings of one input.
    let second = mastra.sync("counts", json!({ "url": "https://a.example" })).run_id("r").await.unwrap();
    assert_eq!((second.output, second.recorded), (json!({ "pages": 3 }), true));
    let third = mastra.run(&Counts, typed).run_id("r").await.unwrap();
    assert_eq!((third.output, third.recorded), (Pages { pages: 3 }, true));
}

#[tokio::test]
async fn another_sync_of_the_same_id_is_not_run_by_its_type() {
    let mastra = registry(define("counts").execute(|_| async { Ok(Value::Null) })).await;
    let input = Crawl { url: "https://a.example".into(), path_regex: None, limit: 3 };
    assert_eq!(mastra.run(&Counts, input).await.unwrap_err().kind(), SyncErrorKind::UnknownSync);
}

#[cfg(feature = "validate")]
#[tokio::test]
async fn every_violation_is_told_with_its_path_and_without_the_value() {
    let mastra = registry(Counts).await;
    let error = mastra.sync("counts", json!({ "pathRegex": 12345, "limit": 54321 })).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::InvalidInput);
    let mut paths: Vec<_> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["", "/limit", "/pathRegex"]);
    let line = error.to_string();
    assert!(line.contains("url") && !line.contains("12345") && !line.contains("54321"), "{line}");
    assert!(nothing_was_begun(&mastra).await);
    // A typed input is held to the same.
    let input = Crawl { url: "u".into(), path_regex: None, limit: 0 };
    let error = mastra.run(&Counts, input).await.unwrap_err();
    assert_eq!((error.kind(), error.violations()[0].path.as_str()), (SyncErrorKind::InvalidInput, "/limit"));
    assert!(nothing_was_begun(&mastra).await);
}

#[cfg(feature = "validate")]
#[tokio::test]
async fn violations_are_bounded() {
    let mastra = registry(define("numbers").input::<Vec<u32>>().execute(|_| async { Ok(Value::Null) })).await;
    let error = mastra.sync("numbers", json!(vec!["x"; 1_000])).await.unwrap_err();
    assert_eq!(error.violations().len(), 20);
    assert!(error.to_string().contains("more than these 20"));
}

#[tokio::test]
async fn what_a_schema_does_not_say_the_type_does() {
    // A number past u32, which a JSON schema of this type lets pass, or a string where there is no schema.
    let mastra = registry(define("n").input::<u32>().execute(|_| async { Ok(Value::Null) })).await;
    let error = mastra.sync("n", json!(7_000_000_000_u64)).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::InvalidInput);
    assert!(!error.to_string().contains("7000000000"));
    assert!(nothing_was_begun(&mastra).await);
}

#[cfg(feature = "validate")]
#[tokio::test]
async fn schemas_can_be_given_as_json() {
    let sync = define("json")
        .input_schema(
            json!({ "type": "object", "required": ["to"], "properties": { "to": { "type": "string", "format": "date" } } }),
        )
        .output_schema(json!({ "type": "integer", "minimum": 10 }))
        .execute(|ctx| async move { Ok(ctx.input()["n"].clone()) });
    let mastra = registry(sync).await;
    let of = |input: Value| async {
        mastra.sync("json", input).await.map(|done| done.output).map_err(|error: SyncError| error.kind())
    };
    assert_eq!(of(json!({ "to": "2026-11-21", "n": 12 })).await, Ok(json!(12)));
    assert_eq!(of(json!({ "to": "tomorrow", "n": 12 })).await, Err(SyncErrorKind::InvalidInput));
    assert_eq!(of(json!({ "n": 12 })).await, Err(SyncErrorKind::InvalidInput));
    assert_eq!(of(json!({ "to": "2026-11-21", "n": 9 })).await, Err(SyncErrorKind::InvalidOutput));
}

#[cfg(feature = "validate")]
#[tokio::test]
async fn an_output_that_is_not_valid_ends_the_run_as_failed_and_is_not_kept() {
    let sync = define("bad").output_schema(json!({ "type": "string" })).execute(|_| async { Ok(json!(987_654)) });
    let mastra = registry(sync).await;
    let error = mastra.sync("bad", json!(null)).run_id("r").await.unwrap_err();
    assert_eq!((error.kind(), error.run_id()), (SyncErrorKind::InvalidOutput, Some(&RunId::new("r"))));
    assert!(!error.to_string().contains("987654"));
    let run = mastra.runs().unwrap().get(&RunId::new("r")).await.unwrap();
    assert_eq!((run.state, run.output, run.error.unwrap().kind.as_str()), (RunState::Failed, None, "invalidOutput"));
}

#[tokio::test]
async fn a_failure_keeps_errors_of_core_and_hides_the_text_of_others() {
    let sync = define("fails").input::<bool>().output::<u16>().execute(|ctx| async move {
        if *ctx.input() {
            ctx.service::<String>()?;
        }
        Ok("secret".parse::<u16>()?)
    });
    let mastra = registry(sync).await;
    let runs = mastra.runs().unwrap();

    let core = mastra.sync("fails", json!(true)).run_id("core").await.unwrap_err();
    assert_eq!(core.kind(), SyncErrorKind::Failed);
    assert!(core.to_string().contains("no service of this type"), "{core}");
    let as_core: mastra_core::Error = core.into();
    assert!(as_core.is_not_found(), "the kind is that of the error which the sync met");

    let other = mastra.sync("fails", json!(false)).run_id("other").await.unwrap_err();
    let source = std::error::Error::source(&other).unwrap();
    assert_eq!(source.to_string(), "invalid digit found in string");
    let message = runs.get(&RunId::new("other")).await.unwrap().error.unwrap().message;
    assert!(message.contains("ParseIntError") && !message.contains("digit"), "{message}");
}

#[test]
fn an_error_in_a_box_is_kept_like_any_other() {
    let core: Box<dyn std::error::Error + Send + Sync> = Box::new(mastra_core::Error::timeout("too late"));
    let failure = Failure::from_boxed(core);
    assert_eq!((failure.to_string().as_str(), failure.is_retryable()), ("too late", true));
    let other = Failure::from_boxed("secret".into());
    assert!(!other.to_string().contains("secret") && other.core().is_none());
}
