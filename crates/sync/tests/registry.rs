//! What a registry holds, and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use mastra_core::{ErrorKind, vector::VectorStore};
use mastra_sync::{Context, Failure, Mastra, MastraBuilder, SyncDefinition, SyncErrorKind, define};
use serde_json::{Value, json};
use std::sync::Arc;

fn nothing(id: &str) -> impl SyncDefinition {
    define(id).execute(|_| async { Ok(Value::Null) })
}

async fn with_engine() -> MastraBuilder {
    Mastra::builder().engine(Arc::new(mastra_mock::connect("mock://").await.unwrap()))
}

#[tokio::test]
async fn a_sync_is_found_by_its_id_and_by_its_key() {
    let mastra = with_engine().await.sync_as("contacts", nothing("crm-contacts")).build().unwrap();
    for name in ["contacts", "crm-contacts"] {
        let done = mastra.sync(name, json!(null)).await.unwrap();
        assert_eq!(done.run.sync_id, "crm-contacts");
    }
}

#[tokio::test]
async fn an_unknown_sync_is_refused_with_the_nearest_names() {
    let mastra = with_engine()
        .await
        .sync(nothing("crm-contacts"))
        .sync(nothing("crm-companies"))
        .sync(nothing("weather"))
        .build()
        .unwrap();
    let error = mastra.sync("CRM-contact", json!(null)).await.unwrap_err();
    assert_eq!(error.kind(), SyncErrorKind::UnknownSync);
    assert_eq!(error.nearest().first().map(String::as_str), Some("crm-contacts"));
    assert!(!error.nearest().contains(&"weather".to_owned()));
    assert!(error.to_string().contains("did you mean crm-contacts"), "{error}");
    assert_eq!(mastra.sync("zzz", json!(null)).await.unwrap_err().nearest(), [""; 0]);
}

#[tokio::test]
async fn a_registry_without_an_engine_lists_and_does_not_run() {
    let mastra = Mastra::builder().sync(nothing("a")).build().unwrap();
    assert_eq!(mastra.syncs().len(), 1);
    assert_eq!(mastra.sync("a", json!(null)).await.unwrap_err().kind(), SyncErrorKind::MissingEngine);
    assert_eq!(mastra.runs().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn ids_and_keys_are_not_blank_and_there_once() {
    let refused = |builder: MastraBuilder| builder.build().unwrap_err().kind();
    assert_eq!(refused(Mastra::builder().sync(nothing(" "))), ErrorKind::InvalidInput);
    assert_eq!(refused(Mastra::builder().sync_as("", nothing("a"))), ErrorKind::InvalidInput);
    assert_eq!(refused(Mastra::builder().sync(nothing("a")).sync(nothing("a"))), ErrorKind::InvalidInput);
    assert_eq!(refused(Mastra::builder().sync(nothing("a")).sync_as("a", nothing("b"))), ErrorKind::InvalidInput);
    assert!(Mastra::builder().sync_as("a", nothing("a")).build().is_ok(), "its own id is no other's key");
    assert_eq!(refused(Mastra::builder().provide(1_u8).provide(2_u8)), ErrorKind::InvalidInput);
    assert_eq!(refused(Mastra::builder().provide_named("x", 1_u8).provide_named("x", "y")), ErrorKind::InvalidInput);
    assert_eq!(refused(Mastra::builder().provide_named(" ", 1_u8)), ErrorKind::InvalidInput);
}

#[cfg(feature = "validate")]
#[tokio::test]
async fn what_is_no_schema_is_refused() {
    let sync = define("a").input_schema(json!({ "type": "nonsense" })).execute(|_| async { Ok(Value::Null) });
    let error = Mastra::builder().sync(sync).build().unwrap_err();
    assert_eq!((error.kind(), error.get("schema"), error.get("sync")), (ErrorKind::InvalidInput, Some("input"), Some("a")));
    let remote =
        define("a").output_schema(json!({ "$ref": "https://schemas.example/x.json" })).execute(|_| async { Ok(Value::Null) });
    assert_eq!(Mastra::builder().sync(remote).build().unwrap_err().get("schema"), Some("output"), "nothing is fetched");
}

#[tokio::test]
async fn the_list_shows_what_was_said_of_each() {
    let sync = define("double")
        .label("Double")
        .description("Doubles")
        .input::<u32>()
        .output::<u32>()
        .execute(|ctx| async move { Ok(ctx.input() * 2) });
    let mastra = Mastra::builder().sync_as("twice", sync).sync(nothing("other")).build().unwrap();
    let listed = mastra.syncs();
    let double = &listed[0];
    assert_eq!((double.key.as_str(), double.id.as_str()), ("twice", "double"));
    assert_eq!((double.label.as_deref(), double.description.as_deref()), (Some("Double"), Some("Doubles")));
    assert_eq!(double.input_schema["type"], "integer");
    assert_eq!((listed[1].key.as_str(), listed[1].label.as_deref()), ("other", None));
    assert!(serde_json::to_value(double).unwrap()["inputSchema"].is_object());
}

#[derive(Debug)]
struct Writer(&'static str);

#[tokio::test]
async fn the_context_gives_what_was_registered() {
    async fn execute(ctx: Context<Value>) -> Result<Value, Failure> {
        assert_eq!(ctx.service::<Writer>()?.0, "by type");
        assert_eq!(ctx.service_named::<Writer>("agents.writer")?.0, "by name");
        assert_eq!(ctx.service_named::<Writer>("agents.reader").unwrap_err().kind(), ErrorKind::NotFound);
        let other_type = ctx.service_named::<String>("agents.writer").unwrap_err();
        assert_eq!(other_type.kind(), ErrorKind::InvalidInput);
        assert_eq!(ctx.service::<String>().unwrap_err().kind(), ErrorKind::NotFound);
        assert!(ctx.vectors()?.list_indexes().await?.is_empty());
        assert!(ctx.vectors_named("archive")?.list_indexes().await?.is_empty());
        assert_eq!(ctx.vectors_named("nope").unwrap_err().get("registered"), Some("archive"));
        assert_eq!((ctx.sync_id(), ctx.run_id().as_str(), ctx.attempt(), ctx.dry_run()), ("uses", "r-1", 1, false));
        let (input, rest) = ctx.split();
        rest.engine().ping().await?;
        Ok(input)
    }
    let store = || async { Arc::new(mastra_mock::connect_vectors("mock://").await.unwrap()) as Arc<dyn VectorStore> };
    let mastra = with_engine()
        .await
        .vectors(store().await)
        .vectors_named("archive", store().await)
        .provide(Writer("by type"))
        .provide_named("agents.writer", Writer("by name"))
        .sync(define("uses").execute(execute))
        .build()
        .unwrap();
    assert_eq!(mastra.sync("uses", json!({ "a": 1 })).run_id("r-1").await.unwrap().output, json!({ "a": 1 }));
}

#[tokio::test]
async fn the_only_vector_store_needs_no_name_and_of_two_one_has_to_be_named() {
    let store = || async { Arc::new(mastra_mock::connect_vectors("mock://").await.unwrap()) as Arc<dyn VectorStore> };
    let asks = || define("asks").output::<bool>().execute(|ctx| async move { Ok(ctx.vectors().is_ok()) });
    let one = with_engine().await.vectors_named("a", store().await).sync(asks()).build().unwrap();
    assert_eq!(one.sync("asks", json!(null)).await.unwrap().output, true);
    let two =
        with_engine().await.vectors_named("a", store().await).vectors_named("b", store().await).sync(asks()).build().unwrap();
    assert_eq!(two.sync("asks", json!(null)).await.unwrap().output, false);
    let none = with_engine().await.sync(asks()).build().unwrap();
    assert_eq!(none.sync("asks", json!(null)).await.unwrap().output, false);
}
