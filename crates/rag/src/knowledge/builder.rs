//! Describing a knowledge base, and opening it.

use super::{KnowledgeBase, base::Parts, pieces::Source, state};
use crate::{chunk::Chunker, document::Format, embed::Embedder};
use mastra_core::{Engine, EntityRef, Error, ErrorKind, Path, Result, validate, vector::VectorStore};
use std::sync::Arc;

/// The most bytes of a knowledge base's name: what every store takes as the name of an index, with a number behind it.
const MAX_NAME: usize = 40;

/// What a knowledge base is made of; [`KnowledgeBase::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it opens"]
pub struct KnowledgeBuilder {
    pub(super) name: String,
    pub(super) entity: Option<EntityRef>,
    pub(super) source: Source,
    pub(super) embedder: Option<Arc<dyn Embedder>>,
    pub(super) namespace: String,
}

impl KnowledgeBuilder {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), entity: None, source: Source::default(), embedder: None, namespace: String::new() }
    }

    /// The entity whose records are known. Required.
    pub fn entity(mut self, entity: impl Into<EntityRef>) -> Self {
        self.entity = Some(entity.into());
        self
    }

    /// A field whose text is indexed, behind those that were named before. At least one.
    pub fn field(mut self, field: Path) -> Self {
        self.source.fields.push(field);
        self
    }

    /// A field of the record that searches can filter by, and that an index of the store serves.
    pub fn filter_field(mut self, field: Path) -> Self {
        self.source.filters.push(field);
        self
    }

    /// What the fields' text is; plain text by default.
    pub fn format(mut self, format: Format) -> Self {
        self.source.format = format;
        self
    }

    /// How texts are cut; [`Chunker::default`] by default.
    pub fn chunker(mut self, chunker: Chunker) -> Self {
        self.source.chunker = chunker;
        self
    }

    /// What makes vectors of texts. Required.
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// The namespace of its points, such as a tenant; the default one otherwise.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Opens it on an engine and a store of vectors, and begins to follow the entity. The first to open it makes its index.
    ///
    /// Errors: `InvalidInput` for what is missing or malformed; `NotFound` without the entity; `Unsupported` where the engine has no
    /// queue of changes; `AlreadyExists` where it follows another entity; `SchemaMismatch` where it was indexed by another model, chunker,
    /// choice of fields or namespace: then [`KnowledgeBuilder::reindex`] is the way.
    ///
    /// Where its index is not in the store, since that was lost or is another one, all records are queued again.
    pub async fn open(self, engine: Arc<dyn Engine>, vectors: Arc<dyn VectorStore>) -> Result<KnowledgeBase> {
        let parts = self.parts(engine, vectors).await?;
        for _ in 1..state::ATTEMPTS {
            let version = state::open(&parts).await?;
            match KnowledgeBase::begin(Arc::clone(&parts), version).await {
                // It was reindexed just now.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                begun => return begun,
            }
        }
        Err(state::busy(&parts))
    }

    /// Opens it as it is, to be searched: no index is made, no entity is followed that is not followed already, nothing is written. What is
    /// indexed by it is committed apart from the queue, as where the store is another database.
    ///
    /// Errors: those of [`KnowledgeBuilder::open`], and `NotFound` where nobody has opened it so before.
    pub async fn open_existing(self, engine: Arc<dyn Engine>, vectors: Arc<dyn VectorStore>) -> Result<KnowledgeBase> {
        let parts = self.parts(engine, vectors).await?;
        let version = state::find(&parts).await?;
        KnowledgeBase::found(parts, version).await
    }

    /// Looks at the description alone, before any I/O; gives the entity. The embedder may still be missing.
    ///
    /// Errors: `InvalidInput` for a name that no store could take, and without an entity or a field.
    pub fn check(&self) -> Result<EntityRef> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.len() > MAX_NAME || !self.name.chars().all(plain) {
            return Err(Error::invalid_input(format!(
                "a knowledge base's name is of lower-case letters, digits and dashes, {MAX_NAME} at most"
            ))
            .with("knowledge", &self.name));
        }
        let missing =
            |what: &str| Error::invalid_input(format!("the knowledge base names no {what}")).with("knowledge", &self.name);
        let entity = self.entity.clone().ok_or_else(|| missing("entity"))?;
        if self.source.fields.is_empty() {
            return Err(missing("field whose text is indexed"));
        }
        if !self.namespace.is_empty() {
            validate::name("namespace", &self.namespace)?;
        }
        Ok(entity)
    }

    pub(super) async fn parts(self, engine: Arc<dyn Engine>, vectors: Arc<dyn VectorStore>) -> Result<Arc<Parts>> {
        let entity = self.check()?;
        let missing =
            |what: &str| Error::invalid_input(format!("the knowledge base names no {what}")).with("knowledge", &self.name);
        let embedder = self.embedder.clone().ok_or_else(|| missing("embedder"))?;
        if engine.changes().is_none() {
            return Err(Error::unsupported("this engine has no queue of changes, which a knowledge base follows"));
        }
        let entity = engine.resolve_entity(&entity).await?;
        let (source, namespace) = (self.source, self.namespace);
        Ok(Arc::new(Parts { name: self.name, entity_id: entity.id, source, embedder, namespace, engine, vectors }))
    }
}
