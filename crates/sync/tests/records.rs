//! What a sync writes through its context, and how that decides the end of its run.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

use mastra_core::{
    Engine, NewRecord, RecordStore as _,
    sync::{RunId, RunQuery, RunState, SyncMode},
};
use mastra_mock::{ExpectingEngine, MockEngine};
use mastra_sync::{
    Mastra, SyncDefinition, SyncErrorKind, define,
    source::{Item, Page},
};
use serde_json::{Value, json};
use std::{
    future::IntoFuture as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const AGES: Duration = Duration::from_secs(3_600);

type Engines = Arc<mastra_core::Checked<MockEngine>>;

fn engine() -> Engines {
    Arc::new(MockEngine::new().checked())
}

fn registry(engine: &Engines, sync: impl SyncDefinition) -> Mastra {
    Mastra::builder().engine(Arc::clone(engine) as Arc<dyn Engine>).sync(sync).build().unwrap()
}

#[tokio::test]
async fn records_are_written_counted_and_planned() {
    let engine = engine();
    let sync = define("contacts").output::<u64>().execute(|ctx| async move {
        let mut contacts = ctx.records("contacts").connection("crm").open().await?;
        contacts.put([NewRecord::new("c-1", json!({ "name": "Ada" })), NewRecord::new("c-2", json!({ "name": "Bob" }))]).await?;
        Ok(contacts.complete().await?.counts.created)
    });
    let mastra = registry(&engine, sync);

    let dry = mastra.sync("contacts", json!(null)).dry_run(true).await.unwrap();
    assert_eq!((dry.output, dry.plans.len(), dry.plans[0].target.counts.created), (json!(2), 1, 2));
    assert_eq!((dry.run.state, dry.run.number), (RunState::Succeeded, 0));
    assert!(engine.list_entities(&Default::default()).await.unwrap().items.is_empty());
    assert!(mastra.runs().unwrap().list(&RunQuery::default()).await.unwrap().is_empty(), "a dry run leaves no trace");

    let done = mastra.sync("contacts", json!(null)).await.unwrap();
    assert_eq!((done.output, done.plans.len()), (json!(2), 0));
    assert_eq!((done.run.state, done.run.targets[0].counts.created), (RunState::Succeeded, 2));
    let again = mastra.sync("contacts", json!(null)).await.unwrap();
    assert_eq!((again.output, again.run.targets[0].counts.unchanged), (json!(0), 2));
    let targets = mastra.runs().unwrap().targets(Some("contacts")).await.unwrap();
    assert_eq!((targets.len(), targets[0].stakes, &targets[0].holder), (1, 2, &None), "nothing is held behind the end");
}

#[tokio::test]
async fn a_record_that_is_set_aside_makes_the_run_partial() {
    let sync = define("some").execute(|ctx| async move {
        let mut writer = ctx.records("things").open().await?;
        let bad = Item::failed(Some("b".into()), json!("?"), mastra_core::Error::invalid_input("no object"));
        writer.write(Page::new([Item::record("a", json!({ "n": 1 })), bad])).await?;
        writer.complete().await?;
        Ok(Value::Null)
    });
    let mastra = registry(&engine(), sync);
    let done = mastra.sync("some", json!(null)).run_id("r").await.unwrap();
    assert_eq!(done.run.state, RunState::Partial);
    assert!(mastra.sync("some", json!(null)).run_id("r").await.unwrap().recorded, "what is partial is a result");
    let aside = mastra.runs().unwrap().quarantined(&Default::default()).await.unwrap();
    assert_eq!(aside.iter().map(|item| item.external_id.as_deref()).collect::<Vec<_>>(), [Some("b")]);
}

#[tokio::test]
async fn two_runs_of_one_sync_on_one_entity_are_told_apart_from_failures() {
    let engine = engine();
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let sync = define("one").execute(move |ctx| {
        let tell = Arc::clone(&tell);
        async move {
            let writer = ctx.records("things").open().await?;
            tell.notify_one();
            ctx.cancelled().await;
            drop(writer);
            ctx.check()?;
            Ok(Value::Null)
        }
    });
    let mastra = registry(&engine, sync);
    let token = CancellationToken::new();
    let first = tokio::spawn(mastra.sync("one", json!(null)).cancellation(token.clone()).grace(AGES).into_future());
    begun.notified().await;
    let busy = mastra.sync("one", json!(null)).run_id("second").await.unwrap_err();
    assert_eq!((busy.kind(), busy.is_retryable()), (SyncErrorKind::Busy, true));
    assert_eq!(mastra.runs().unwrap().get(&RunId::new("second")).await.unwrap().error.unwrap().kind, "busy");
    token.cancel();
    assert_eq!(first.await.unwrap().unwrap_err().kind(), SyncErrorKind::Cancelled);
}

#[tokio::test]
async fn a_deletion_that_the_guard_refuses_is_told_apart_and_can_be_confirmed() {
    let empty = Arc::new(AtomicBool::new(false));
    let source = Arc::clone(&empty);
    let sync = define("mirror").output::<u64>().execute(move |ctx| {
        let empty = source.load(Ordering::SeqCst);
        async move {
            let mut writer = ctx.records("things").mode(SyncMode::Full).open().await?;
            if !empty {
                writer.write(Page::new([Item::record("a", json!({ "n": 1 }))])).await?;
            }
            Ok(writer.complete().await?.counts.deleted)
        }
    });
    let engine = engine();
    let mastra = registry(&engine, sync);
    mastra.sync("mirror", json!(null)).await.unwrap();
    empty.store(true, Ordering::SeqCst);
    let refused = mastra.sync("mirror", json!(null)).run_id("r").await.unwrap_err();
    assert_eq!((refused.kind(), refused.is_retryable()), (SyncErrorKind::Refused, false));
    assert_eq!(mastra.runs().unwrap().get(&RunId::new("r")).await.unwrap().error.unwrap().kind, "refused");
    let confirmed = mastra.sync("mirror", json!(null)).run_id("r").confirm_deletes(true).await.unwrap();
    assert_eq!((confirmed.output, confirmed.run.attempt), (json!(1), 2));
}

#[tokio::test]
async fn the_cursor_is_known_before_anything_is_opened() {
    let sync = define("pages").output::<Option<String>>().execute(|ctx| async move {
        let before = ctx.cursor("things", "crm").await?;
        let mut writer = ctx.records("things").connection("crm").open().await?;
        writer.write(Page::new([Item::record("a", json!({ "n": 1 }))]).cursor("page-1")).await?;
        writer.complete().await?;
        Ok(before)
    });
    let mastra = registry(&engine(), sync);
    assert_eq!(mastra.sync("pages", json!(null)).await.unwrap().output, Value::Null);
    assert_eq!(mastra.sync("pages", json!(null)).await.unwrap().output, "page-1");
    assert_eq!(mastra.sync("pages", json!(null)).restart(true).await.unwrap().output, Value::Null, "it is to begin anew");
}

#[tokio::test]
async fn an_engine_without_a_ledger_runs_nothing() {
    // Any call of the engine's would fail the test.
    let engine: Arc<dyn Engine> = Arc::new(ExpectingEngine::new());
    let mastra = Mastra::builder().engine(engine).sync(define("a").execute(|_| async { Ok(Value::Null) })).build().unwrap();
    for dry_run in [false, true] {
        let error = mastra.sync("a", json!(null)).dry_run(dry_run).await.unwrap_err();
        assert_eq!(error.kind(), SyncErrorKind::Engine);
        assert_eq!(mastra_core::Error::from(error).kind(), mastra_core::ErrorKind::Unsupported);
    }
    assert_eq!(mastra.runs().unwrap_err().kind(), mastra_core::ErrorKind::Unsupported);
}
