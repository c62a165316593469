//! A client and a schema of different versions: the schema is a version ahead, or behind.
#![cfg(feature = "engine")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;
mod migrations;

use common::fresh_name;
use mastra_conformance::TestEngine;
use mastra_core::migrate::{Assessment, Migrator as _, silent};
use mastra_core::{Engine, ErrorKind};
use migrations::{Draft, Scratch, additive, breaking, series, with};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a later version may do to the tables without an older client noticing.
fn later() -> Draft {
    additive(
        "CREATE TABLE later (id uuid PRIMARY KEY, record_id uuid REFERENCES records (id) ON DELETE CASCADE);
         ALTER TABLE records ADD COLUMN later_note text, ADD COLUMN later_count integer NOT NULL DEFAULT 0;
         ALTER TABLE entities ADD COLUMN later_owner text NOT NULL DEFAULT 'nobody';
         CREATE INDEX later_idx ON records (later_count);",
    )
}

/// Counts the warnings of this thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN && metadata.target().starts_with("mastra")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn an_older_client_on_a_newer_schema_that_serves_it_connects_with_one_warning() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let scratch = Scratch::new(&fresh_name()).await;
    scratch.migrator().await.apply(&silent).await.unwrap();
    scratch.engine().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 0);

    let newer = scratch.migrator().await.with_migrations(with(&series(), later())).unwrap();
    assert_eq!(newer.apply(&silent).await.unwrap().len(), 1);
    scratch.engine().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
    scratch.engine().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "once a process");

    // To the older client's migrator it is ahead: nothing to apply, and `--check` says so.
    let older = scratch.migrator().await;
    assert!(matches!(older.plan().await.unwrap(), Assessment::Ahead { serves_this_client: true, .. }));
    assert_eq!(older.check().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
    assert!(older.apply(&silent).await.unwrap().is_empty());
    assert!(older.sql().await.unwrap().contains("Nothing is pending"));
    newer.check().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_serves_an_older_client_no_longer_refuses_it() {
    let scratch = Scratch::new(&fresh_name()).await;
    let newer = with(&with(&series(), breaking("ALTER TABLE entities RENAME TO things;")), later_of_things());
    scratch.migrator().await.with_migrations(newer.clone()).unwrap().apply(&silent).await.unwrap();
    let older = scratch.migrator().await;
    for error in [
        scratch.engine().await.unwrap_err(),
        older.check().await.unwrap_err(),
        older.apply(&silent).await.unwrap_err(),
        older.sql().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.to_string().contains("upgrade this client"), "{error}");
        assert!(!error.is_retryable());
    }
    // The one that it does serve: a client of the breaking version.
    let served = newer[..newer.len() - 1].to_vec();
    let served = scratch.migrator().await.with_migrations(served).unwrap();
    assert!(matches!(served.plan().await.unwrap(), Assessment::Ahead { serves_this_client: true, .. }));
}

fn later_of_things() -> Draft {
    additive("CREATE TABLE later (id uuid PRIMARY KEY);")
}

#[tokio::test]
async fn a_client_ahead_of_the_schema_is_told_to_migrate() {
    let scratch = Scratch::new(&fresh_name()).await;
    scratch.migrator().await.apply(&silent).await.unwrap();
    let newer = scratch.migrator().await.with_migrations(with(&series(), later())).unwrap();
    let error = newer.check().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("mastra engine migrate"), "{error}");
    newer.apply(&silent).await.unwrap();
    newer.check().await.unwrap();
}

// The whole suite, by this version's engine on the next version's schema.
mastra_conformance::engine_suite!(|| async {
    let scratch = Scratch::new(&fresh_name()).await;
    let migrator = scratch.migrator().await.with_migrations(with(&series(), later())).unwrap();
    migrator.apply(&silent).await.unwrap();
    let (url, name) = (scratch.url.clone(), scratch.name.clone());
    let reopen = move || {
        let (url, name) = (url.clone(), name.clone());
        async move {
            let engine = mastra_postgres::PostgresEngine::builder(url).schema(name).max_connections(4).connect().await?;
            Ok(Arc::new(engine) as Arc<dyn Engine>)
        }
    };
    let engine = reopen().await.unwrap();
    TestEngine::from(engine).reopen(reopen).keep(scratch)
});
