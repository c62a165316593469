//! A client and a file of different versions: the schema is a version ahead.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod migrations;

use mastra_conformance::TestEngine;
use mastra_core::migrate::MigrationKind::{Additive, Breaking};
use mastra_core::migrate::{Assessment, Migrator as _, silent};
use mastra_core::{Engine, ErrorKind};
use mastra_sqlite::SqliteEngine;
use mastra_sqlite::migrate::SqliteMigrator;
use migrations::{series, with};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a later version may do to the tables without an older client noticing.
const LATER: &str = "CREATE TABLE later (id INTEGER PRIMARY KEY, note TEXT);
ALTER TABLE records ADD COLUMN later_note TEXT;
ALTER TABLE records ADD COLUMN later_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN later_owner TEXT NOT NULL DEFAULT 'nobody';
CREATE INDEX later_idx ON records (later_count);";

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
async fn an_older_client_opens_a_newer_file_that_serves_it_with_one_warning() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    SqliteEngine::builder(&path).connect().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 0);

    let newer = SqliteMigrator::open(&path).unwrap().with_migrations(with(&series(), Additive, LATER)).unwrap();
    assert_eq!(newer.apply(&silent).await.unwrap().len(), 1);
    SqliteEngine::builder(&path).connect().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
    SqliteEngine::builder(&path).auto_migrate(false).connect().await.unwrap();
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "once a process");

    let older = SqliteMigrator::open(&path).unwrap();
    assert!(matches!(older.plan().await.unwrap(), Assessment::Ahead { serves_this_client: true, .. }));
    assert_eq!(older.check().await.unwrap_err().kind(), ErrorKind::SchemaMismatch);
    assert!(older.apply(&silent).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_that_serves_an_older_client_no_longer_refuses_it_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let newer = with(&series(), Breaking, "ALTER TABLE entities RENAME TO things;");
    SqliteMigrator::open(&path).unwrap().with_migrations(newer).unwrap().apply(&silent).await.unwrap();
    let older = SqliteMigrator::open(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    for error in [
        older.check().await.unwrap_err(),
        older.apply(&silent).await.unwrap_err(),
        older.sql().await.unwrap_err(),
        SqliteEngine::builder(&path).read_only().connect().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{error}");
        assert!(error.to_string().contains("upgrade this client"), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let refused = SqliteEngine::builder(&path).connect().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::SchemaMismatch, "{refused}");
}

// The whole suite, by this version's engine on the next version's file.
mastra_conformance::engine_suite!(|| async {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.db");
    let migrator = SqliteMigrator::open(&path).unwrap().with_migrations(with(&series(), Additive, LATER)).unwrap();
    migrator.apply(&silent).await.unwrap();
    let reopen = move || {
        let path = path.clone();
        async move { Ok(Arc::new(SqliteEngine::builder(path).connect().await?) as Arc<dyn Engine>) }
    };
    let engine = reopen().await.unwrap();
    TestEngine::from(engine).reopen(reopen).keep(folder)
});
