//! An engine and a store of vectors, in every pairing that matters.

use crate::counting::Counting;
use mastra_core::{Engine, EntityRef, Filter, NewEntity, NewRecord, RecordSelector, UpsertMode, UpsertOptions, vector::*};
use mastra_doubles::Qdrant;
use mastra_pgvector::PgVector;
use mastra_rag::chunk::{Chunker, ChunkerConfig};
use mastra_rag::knowledge::{KnowledgeBase, KnowledgeBuilder, VerifyOptions};
use mastra_tests::postgres::Postgres;
use serde_json::json;
use std::any::Any;
use std::sync::Arc;

/// What a test works with. Its guards go last.
pub(crate) struct Rig {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) vectors: Arc<dyn VectorStore>,
    pub(crate) embedder: Arc<Counting>,
    pub(crate) entity: EntityRef,
    /// Whether points and queue can commit together here.
    pub(crate) together: bool,
    postgres: Option<Postgres>,
    _guards: Vec<Box<dyn Any + Send + Sync>>,
}

impl Rig {
    async fn of(engine: Arc<dyn Engine>, vectors: Arc<dyn VectorStore>, together: bool) -> Self {
        let entity = EntityRef::Id(engine.create_entity(&NewEntity::new("Articles", "site")).await.unwrap().id);
        let embedder = Arc::new(Counting::new("test/one", 64));
        Self { engine, vectors, embedder, entity, together, postgres: None, _guards: Vec::new() }
    }

    pub(crate) async fn mock() -> Self {
        let engine = mastra_mock::MockEngine::new();
        let vectors = Arc::new(engine.vectors());
        Self::of(Arc::new(engine.checked()), vectors, true).await
    }

    /// Vectors of another store than the records.
    pub(crate) async fn apart() -> Self {
        let vectors = Arc::new(mastra_mock::MockEngine::new().vectors());
        Self::of(Arc::new(mastra_mock::MockEngine::new().checked()), vectors, false).await
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = mastra_sqlite::SqliteEngine::builder(folder.path().join("mastra.db")).connect().await.unwrap();
        let vectors = Arc::new(engine.inner().vectors());
        let mut rig = Self::of(Arc::new(engine), vectors, true).await;
        rig._guards.push(Box::new(folder));
        rig
    }

    pub(crate) async fn pgvector() -> Self {
        let postgres = Postgres::fresh("knowledge").await;
        let engine = postgres.engine().await;
        let migrator = mastra_pgvector::migrator(postgres.url(), postgres.schema()).await.unwrap();
        mastra_core::migrate::Migrator::apply(&migrator, &mastra_core::migrate::silent).await.unwrap();
        let vectors = Arc::new(PgVector::of(&engine).await.unwrap());
        let mut rig = Self::of(Arc::new(engine), vectors, true).await;
        rig.postgres = Some(postgres);
        rig
    }

    /// Records in SQLite, vectors in Qdrant.
    pub(crate) async fn qdrant() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = mastra_sqlite::SqliteEngine::builder(folder.path().join("mastra.db")).connect().await.unwrap();
        let qdrant = Qdrant::start().await.unwrap();
        let vectors = Arc::new(mastra_qdrant::connect(&qdrant.url()).await.unwrap());
        let mut rig = Self::of(Arc::new(engine), vectors, false).await;
        rig._guards.push(Box::new(folder));
        rig._guards.push(Box::new(qdrant));
        rig
    }

    pub(crate) fn describe(&self) -> KnowledgeBuilder {
        KnowledgeBase::builder("articles")
            .entity(self.entity.clone())
            .field("title".parse().unwrap())
            .field("body".parse().unwrap())
            .filter_field("lang".parse().unwrap())
            .chunker(Chunker::new(ChunkerConfig::new().max_size(80).overlap(0)).unwrap())
            .embedder(self.embedder.clone())
    }

    pub(crate) async fn open(&self) -> KnowledgeBase {
        let base = self.describe().open(Arc::clone(&self.engine), Arc::clone(&self.vectors)).await.unwrap();
        assert_eq!(base.is_transactional(), self.together);
        base
    }

    pub(crate) async fn put(&self, id: &str, body: &str) {
        let record = NewRecord::new(id, json!({ "title": format!("About {id}"), "body": body, "lang": "en" }));
        self.engine.upsert_records(&self.entity, &[record], &UpsertOptions::from(UpsertMode::Replace)).await.unwrap();
    }

    pub(crate) async fn delete(&self, id: &str) {
        self.engine.delete_records(&self.entity, &RecordSelector::ExternalIds(vec![id.into()])).await.unwrap();
    }

    /// The texts of a record's points, in order of the points' ids.
    pub(crate) async fn texts(&self, base: &KnowledgeBase, id: &str) -> Vec<String> {
        let query = ScrollQuery::new().filter(Filter::eq("externalId", id).unwrap()).limit(1_000).include(Include::ALL);
        let page = self.vectors.scroll(&base.scope(), &query).await.unwrap();
        page.items.into_iter().map(|point| point.text.unwrap()).collect()
    }

    /// Fails unless every record has exactly its points.
    pub(crate) async fn is_true(&self, base: &KnowledgeBase) {
        let report = base.verify(&VerifyOptions::default()).await.unwrap();
        assert!(report.is_clean() && report.foreign == 0, "{report:?}");
        let lag = base.lag().await.unwrap();
        assert_eq!((lag.waiting, lag.claimed, lag.set_aside), (0, 0, 0), "{lag:?}");
    }

    pub(crate) async fn end(self) {
        if let Some(postgres) = self.postgres {
            postgres.drop_schema().await;
        }
    }
}

/// A body of several chunks, of which each paragraph says something of its own.
pub(crate) fn body(paragraphs: &[&str]) -> String {
    paragraphs
        .iter()
        .map(|word| format!("{word} {word} {word} is what this paragraph is about, and of nothing else."))
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// A test of each case on each pairing.
macro_rules! on_every_pairing {
    ($($case:ident),* $(,)?) => {
        on_every_pairing! { @ mock [$($case)*] }
        on_every_pairing! { @ apart [$($case)*] }
        on_every_pairing! { @ sqlite [$($case)*] }
        on_every_pairing! { @ pgvector [$($case)*] }
        on_every_pairing! { @ qdrant [$($case)*] }
    };
    (@ $rig:ident [$($case:ident)*]) => {
        mod $rig {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let rig = crate::rig::Rig::$rig().await;
                super::$case(&rig).await;
                rig.end().await;
            })*
        }
    };
}
pub(crate) use on_every_pairing;
