//! Knowledge bases as clients may see them: opened when they are first asked, and searched. Nothing here leads to a method that writes.

use async_trait::async_trait;
use mastra_core::{EntityId, EntityRef, Error, ErrorKind, Path, Result, changes::QueueStatus};
use mastra_rag::{
    embed::EmbedderExt as _,
    knowledge::{KnowledgeBase, Retrieval, Retrieved},
};
use std::{fmt, sync::Arc};
use tokio::sync::Mutex;

/// A knowledge base that is opened when it is first asked, so that a model that takes its time, or is not there, keeps nobody waiting.
///
/// It is opened anew where it failed, and where its index is no longer there: after a reindexing elsewhere. A [`KnowledgeBase`] that is open is a
/// source too.
///
/// ```
/// use mastra_core::{Engine, EntityRef, Result, vector::VectorStore};
/// use mastra_mcp::KnowledgeSource;
/// use mastra_rag::{embed::Embedders, knowledge::KnowledgeBase};
/// use std::sync::Arc;
///
/// #[derive(Debug)]
/// struct Articles {
///     engine: Arc<dyn Engine>,
///     vectors: Arc<dyn VectorStore>,
/// }
///
/// #[async_trait::async_trait]
/// impl KnowledgeSource for Articles {
///     fn name(&self) -> &str {
///         "articles"
///     }
///
///     fn entity(&self) -> Option<EntityRef> {
///         Some("Articles".into())
///     }
///
///     async fn open(&self) -> Result<KnowledgeBase> {
///         let model = Embedders::default().connect("hash/384").await?;
///         let described = KnowledgeBase::builder("articles").entity("Articles").field("body".parse()?).embedder(model);
///         described.open_existing(self.engine.clone(), self.vectors.clone()).await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// # let engine = mastra_mock::MockEngine::new();
/// # let vectors = Arc::new(engine.vectors());
/// # let engine = Arc::new(engine.checked());
/// // Nothing is opened yet, and nothing was ever indexed: the server is there, and says so when it is asked.
/// let articles = Articles { engine: engine.clone(), vectors };
/// let server = mastra_mcp::McpServer::builder().engine(engine).knowledge(articles).build()?;
/// # let _ = server;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait KnowledgeSource: fmt::Debug + Send + Sync {
    /// Its name, by which clients ask for it.
    fn name(&self) -> &str;

    /// The entity of its records, as it is known without opening it. Where a server shows some entities only, a knowledge base that does not name
    /// its entity here is not shown.
    fn entity(&self) -> Option<EntityRef> {
        None
    }

    /// Opens it. [`KnowledgeBuilder::open_existing`](mastra_rag::knowledge::KnowledgeBuilder::open_existing) changes nothing.
    async fn open(&self) -> Result<KnowledgeBase>;

    /// A search by its defaults; those of [`Retrieval`] where it has none of its own.
    fn retrieval(&self, query: &str) -> Retrieval {
        Retrieval::new(query)
    }
}

#[async_trait]
impl KnowledgeSource for KnowledgeBase {
    fn name(&self) -> &str {
        KnowledgeBase::name(self)
    }

    fn entity(&self) -> Option<EntityRef> {
        Some(KnowledgeBase::entity(self))
    }

    async fn open(&self) -> Result<KnowledgeBase> {
        Ok(self.clone())
    }
}

/// One of them, and what was opened.
#[derive(Debug)]
pub(crate) struct Knowledge {
    source: Arc<dyn KnowledgeSource>,
    opened: Mutex<Option<KnowledgeBase>>,
}

/// What is told of an open one.
pub(crate) struct State {
    pub(crate) entity_id: EntityId,
    pub(crate) model: String,
    pub(crate) dimension: usize,
    pub(crate) filter_fields: Vec<Path>,
    pub(crate) queue: QueueStatus,
}

impl Knowledge {
    pub(crate) fn new(source: Arc<dyn KnowledgeSource>) -> Self {
        Self { source, opened: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        self.source.name()
    }

    pub(crate) fn retrieval(&self, query: &str) -> Retrieval {
        self.source.retrieval(query)
    }

    /// The entity that its source names.
    pub(crate) fn entity(&self) -> Option<EntityRef> {
        self.source.entity()
    }

    /// The entity whose records it knows.
    pub(crate) async fn entity_id(&self) -> Result<EntityId> {
        entity_id(&self.base().await?)
    }

    pub(crate) async fn state(&self) -> Result<State> {
        let mut base = self.base().await?;
        let queue = match base.lag().await {
            Err(error) if is_outdated(&error) => {
                base = self.reopened().await?;
                base.lag().await?
            }
            queue => queue?,
        };
        let embedder = base.embedder();
        Ok(State {
            entity_id: entity_id(&base)?,
            model: embedder.model().to_owned(),
            dimension: embedder.dimension(),
            filter_fields: base.filter_fields().to_vec(),
            queue,
        })
    }

    pub(crate) async fn search(&self, retrieval: &Retrieval) -> Result<Retrieved> {
        match self.base().await?.search(retrieval).await {
            Err(error) if is_outdated(&error) => self.reopened().await?.search(retrieval).await,
            answer => answer,
        }
    }

    async fn base(&self) -> Result<KnowledgeBase> {
        // Held while it is opened: a model is read once, however many ask.
        let mut opened = self.opened.lock().await;
        if let Some(base) = &*opened {
            return Ok(base.clone());
        }
        let base = self.source.open().await.map_err(|error| named(error, self.name()))?;
        Ok(opened.insert(base).clone())
    }

    async fn reopened(&self) -> Result<KnowledgeBase> {
        self.opened.lock().await.take();
        self.base().await
    }
}

fn named(error: Error, name: &str) -> Error {
    if error.get("knowledge").is_some() { error } else { error.with("knowledge", name) }
}

/// Whether another index may have taken the place of the one that was opened.
fn is_outdated(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::SchemaMismatch | ErrorKind::Conflict)
}

fn entity_id(base: &KnowledgeBase) -> Result<EntityId> {
    match base.entity() {
        EntityRef::Id(id) => Ok(id),
        EntityRef::Name { .. } => Err(Error::internal("a knowledge base names its entity by id")),
    }
}
